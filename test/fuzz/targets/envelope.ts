/**
 * Every reader of envelopes beside a reference of twenty lines that sees all bytes at once: the reader of streams,
 * the reader of one message, the inbox with a reader that is sometimes slow, and the splitter of final frames.
 * However the bytes are cut, they must find the same messages and the same fault.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Inbox } from "../../../packages/heddle/src/connection/inbox.ts";
import { SingleMessage } from "../../../packages/heddle/src/connection/single-message.ts";
import { EnvelopeReader } from "../../../packages/heddle/src/wire/envelope-reader.ts";
import { FrameSplitter } from "../../../packages/heddle/src/wire/frame-splitter.ts";
import { Dice } from "../dice.ts";
import { concat, cutUp, mutatePieces } from "../mutate.ts";
import type { FuzzTarget } from "../target.ts";

const maxMessageBytes = 5000;

/** The next four bytes are the seed of the cuts. */
const CONTROL_BYTES = 4;

export const target: FuzzTarget = {
  generate(dice) {
    const pieces = Array.from({ length: dice.below(60) }, () => {
      const length = dice.chance(70) ? dice.below(40) : dice.below(maxMessageBytes + 2);
      const flag = dice.chance(95) ? dice.below(2) : dice.pick([2, 3, 0x80, 0x81, 255]);
      return concat(
        Uint8Array.of(flag, 0, 0, length >>> 8, length),
        new Uint8Array(length).fill(dice.below(256)),
      );
    });
    return concat(dice.bytes(CONTROL_BYTES), ...mutatePieces(dice, pieces));
  },

  async check(input) {
    if (input.length < CONTROL_BYTES) return;
    const seed = new DataView(input.buffer, input.byteOffset).getUint32(0);
    const bytes = input.subarray(CONTROL_BYTES);
    checkReader(new Dice(seed), bytes);
    checkSingle(new Dice(seed), bytes);
    await checkInbox(new Dice(seed), bytes);
    checkSplitter(new Dice(seed), bytes);
  },
};

interface Outcome {
  /** Flag, length and digest of each message. */
  readonly messages: string[];
  fault: string | undefined;
  atBoundary: boolean;
}

function reference(bytes: Uint8Array, flags = 1): Outcome {
  const outcome: Outcome = { messages: [], fault: undefined, atBoundary: true };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  while (bytes.length - at >= 5) {
    const flag = view.getUint8(at);
    const length = view.getUint32(at + 1);
    if ((flag & ~flags) !== 0) return { ...outcome, fault: "bad-flag" };
    if (length > maxMessageBytes) return { ...outcome, fault: "too-large" };
    if (at + 5 + length > bytes.length) break;
    outcome.messages.push(show(flag, bytes.subarray(at + 5, at + 5 + length)));
    at += 5 + length;
  }
  outcome.atBoundary = at === bytes.length;
  return outcome;
}

function show(flag: number, payload: Uint8Array): string {
  return `${flag} ${payload.length} ${createHash("md5").update(payload).digest("base64url")}`;
}

function checkReader(dice: Dice, bytes: Uint8Array): void {
  const expected = reference(bytes);
  const messages: string[] = [];
  const kept: { flag: number; payload: Uint8Array; shown: string }[] = [];
  const reader = new EnvelopeReader(maxMessageBytes, (flag, from, start, end) => {
    const payload = from.subarray(start, end);
    messages.push(show(flag, payload));
    kept.push({ flag, payload, shown: show(flag, payload) });
  });
  let fault: string | undefined;
  for (const piece of cutUp(dice, bytes)) {
    fault = reader.push(piece, 0, piece.length)?.kind;
    if (fault !== undefined) break;
  }
  assert.deepEqual({ messages, fault }, { messages: expected.messages, fault: expected.fault });
  if (fault === undefined) assert.equal(reader.isAtBoundary, expected.atBoundary);
  for (const { flag, payload, shown } of kept)
    assert.equal(show(flag, payload), shown, "what was handed on is not written to again");
}

/** One message, whatever follows: its count says that there are more. */
function checkSingle(dice: Dice, bytes: Uint8Array): void {
  const expected = reference(bytes);
  const single = new SingleMessage(maxMessageBytes);
  let fault: string | undefined;
  for (const piece of cutUp(dice, bytes)) {
    fault = single.push(piece, 0, piece.length)?.kind;
    if (fault !== undefined) break;
  }
  assert.equal(fault, expected.fault);
  assert.equal(single.count, expected.messages.length);
  if (fault === undefined) assert.equal(single.isAtBoundary, expected.atBoundary);
}

async function checkInbox(dice: Dice, bytes: Uint8Array): Promise<void> {
  const expected = reference(bytes);
  let given = 0;
  const inbox = new Inbox({
    maxMessageBytes,
    take: (count) => {
      given += count;
    },
  });
  const messages: string[] = [];
  const reading = dice.chance(50);
  const readAll = async () => {
    for (let next = await inbox.next(); next !== undefined; next = await inbox.next())
      messages.push(show(next.flag, next.bytes.subarray(next.start, next.end)));
  };
  const early = reading ? readAll() : undefined;
  let fault: string | undefined;
  let pushed = 0;
  for (const piece of cutUp(dice, bytes)) {
    fault = inbox.push(piece, 0, piece.length)?.kind;
    if (fault !== undefined) break;
    pushed += piece.length;
    assert.ok(given <= pushed, "no more is given back than came");
    if (dice.chance(10)) await Promise.resolve();
  }
  const { isAtBoundary } = inbox;
  inbox.end();
  await (early ?? readAll());
  assert.equal(fault, expected.fault);
  assert.deepEqual(messages, expected.messages);
  if (fault !== undefined) return;
  assert.equal(isAtBoundary, expected.atBoundary);
  if (isAtBoundary) assert.equal(given, pushed, "all is given back when all is read");
}

/** Behind a final frame (here: flag 2) nothing may come; before it everything belongs to messages. */
function checkSplitter(dice: Dice, bytes: Uint8Array): void {
  const whole = new FrameSplitter(2, maxMessageBytes);
  const split = new FrameSplitter(2, maxMessageBytes);
  const inMessages = whole.push(bytes, 0, bytes.length);
  assert.ok(inMessages <= bytes.length);
  let sum = 0;
  for (const piece of cutUp(dice, bytes)) {
    const count = split.push(piece, 0, piece.length);
    assert.ok(count <= piece.length);
    sum += count;
    if (split.fault !== undefined) break;
  }
  assert.equal(split.fault === undefined, whole.fault === undefined);
  assert.equal(sum, inMessages, "the same bytes belong to messages");
  if (whole.fault === undefined) assert.deepEqual(split.final, whole.final);
}
