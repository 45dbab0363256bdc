/**
 * Calls of every protocol over HTTP/2 to a whole server: frames that keep the rules, with heads and bodies that do not
 * always. What comes back is whole frames, and the server lets go of every connection.
 */
import assert from "node:assert/strict";
import { ByteWriter } from "../../../packages/heddle/src/wire/byte-writer.ts";
import { HpackEncoder } from "../../../packages/heddle/src/wire/hpack/encoder.ts";
import { randomBody, randomQuery } from "../bodies.ts";
import { Dice } from "../dice.ts";
import {
  frame,
  HEADER_BYTES,
  headers,
  payloadBytes,
  PREFACE,
  settingsFrame,
  uint32,
} from "../http2-grammar.ts";
import { concat, mutateBytes, mutatePieces } from "../mutate.ts";
import { Served } from "../served.ts";
import type { FuzzTarget } from "../target.ts";

/** The seed of the cuts. */
const CONTROL_BYTES = 4;

const served = new Served();

export const target: FuzzTarget = {
  limitMs: 4000,

  generate(dice) {
    const encoder = new HpackEncoder();
    const calls = Array.from({ length: 1 + dice.below(6) }, (_, i) => call(dice, encoder, 2 * i + 1));
    // Calls beside each other: one frame of each in turn, as far as they go.
    const frames: Uint8Array[] = [];
    for (let n = 0; calls.some((pieces) => n < pieces.length); n++)
      for (const pieces of calls) frames.push(...pieces.slice(n, n + 1));
    const broken = dice.chance(30) ? mutatePieces(dice, frames) : frames;
    return concat(dice.bytes(CONTROL_BYTES), PREFACE, settingsFrame(new Dice(1)), ...broken);
  },

  async check(input) {
    if (input.length < CONTROL_BYTES) return;
    const seed = new DataView(input.buffer, input.byteOffset).getUint32(0);
    const answer = await served.exchange(new Dice(seed), input.subarray(CONTROL_BYTES));
    if (answer.subarray(0, 5).toString() === "HTTP/") return;
    for (let at = 0; at + HEADER_BYTES <= answer.length; at += HEADER_BYTES + payloadBytes(answer, at)) {
      assert.ok(payloadBytes(answer, at) <= 16_384, "no frame is larger than the peer accepts");
      assert.ok((answer[at + 3] as number) <= 9, "frames of known types");
    }
  },

  close: () => served.close(),
};

/** The first frame holds the head as it is; later ones are the body, in one or several. */
function call(dice: Dice, encoder: HpackEncoder, id: number): Uint8Array[] {
  const get = dice.chance(15);
  const body = randomBody(dice);
  const out = new ByteWriter();
  encoder.begin(out);
  const head = [
    ":method",
    get ? "GET" : "POST",
    ":scheme",
    "http",
    ":path",
    get ? randomQuery(dice) : body.path,
  ];
  encoder.fields(out, [...head, ":authority", "a"], "plain");
  if (!get) encoder.fields(out, ["content-type", body.contentType], "index");
  encoder.fields(out, body.fields, "plain");
  if (dice.chance(10))
    encoder.fields(out, ["content-length", String(body.bytes.length + dice.below(2))], "plain");
  const frames = headers(dice, id, out.view().slice(), get);
  if (get) return [concat(...frames)];
  const bytes = dice.chance(25) ? mutateBytes(dice, body.bytes) : body.bytes;
  const half = dice.chance(50) ? bytes.length : dice.below(bytes.length + 1);
  frames.push(frame(0, half === bytes.length ? 1 : 0, id, bytes.subarray(0, half)));
  if (half < bytes.length) frames.push(frame(0, 1, id, bytes.subarray(half)));
  if (dice.chance(10)) frames.push(frame(3, 0, id, uint32(8)));
  // A header block in several frames must not be torn apart by the frames of others.
  const inHead = frames.findIndex((each) => each[3] === 0);
  return [concat(...frames.slice(0, inHead)), ...frames.slice(inHead)];
}
