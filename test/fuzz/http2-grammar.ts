/**
 * The grammar of HTTP/2, for making conversations: frames that keep the rules, or nearly.
 */
import { ByteWriter } from "../../packages/heddle/src/wire/byte-writer.ts";
import { HpackEncoder } from "../../packages/heddle/src/wire/hpack/encoder.ts";
import type { Dice } from "./dice.ts";

export const PREFACE = Uint8Array.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (c) => c.charCodeAt(0));
export const HEADER_BYTES = 9;

/** The length that the frame at `at` announces. */
export function payloadBytes(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
}

/** Frames of a peer that keeps the rules, or nearly; each piece is one frame. */
export function conversation(dice: Dice, toServer: boolean): Uint8Array[] {
  const encoder = new HpackEncoder();
  const frames: Uint8Array[] = [settingsFrame(dice), frame(4, 1, 0)];
  const open: number[] = toServer ? [] : [1, 3, 5, 7, 9];
  let nextId = 1;
  for (let steps = 2 + dice.below(30); steps > 0; steps--) {
    const id = open.length > 0 ? dice.pick(open) : 0;
    switch (dice.below(12)) {
      case 0:
      case 1:
      case 2: {
        const opens = toServer ? nextId : id;
        if (opens === 0) break;
        nextId += 2;
        open.push(opens);
        frames.push(...headers(dice, opens, block(dice, encoder, toServer, false), dice.chance(10)));
        break;
      }
      case 3:
      case 4:
      case 5:
        if (id !== 0) frames.push(data(dice, id));
        break;
      case 6:
        if (id !== 0) frames.push(...headers(dice, id, block(dice, encoder, toServer, true), true));
        break;
      case 7:
        frames.push(frame(8, 0, dice.chance(50) ? 0 : id, uint32(dice.pick([0, 1, 5, 70_000, dice.edge()]))));
        break;
      case 8:
        frames.push(frame(6, dice.below(2), 0, dice.bytes(8)));
        break;
      case 9:
        frames.push(
          dice.chance(50) ? settingsFrame(dice) : frame(7, 0, 0, [...uint32(id), ...uint32(dice.below(14))]),
        );
        break;
      case 10:
        frames.push(
          frame(dice.pick([2, 5, 10, 16, 0xee]), dice.below(256), id, dice.bytes(dice.pick([4, 5, 20]))),
        );
        break;
      default:
        if (id !== 0) frames.push(frame(3, 0, id, uint32(dice.below(14))));
    }
  }
  return frames;
}

function block(dice: Dice, encoder: HpackEncoder, toServer: boolean, trailers: boolean): Uint8Array {
  const out = new ByteWriter();
  encoder.begin(out);
  const fields: string[] = [];
  if (trailers) fields.push("grpc-status", "0");
  else if (!toServer) fields.push(":status", dice.pick(["200", "100", "103", "404", "20"]));
  else
    fields.push(
      ":method",
      dice.pick(["POST", "GET", "CONNECT"]),
      ":scheme",
      "http",
      ":path",
      "/s/m",
      ":authority",
      "a",
    );
  if (dice.chance(60)) fields.push("content-type", "application/grpc");
  if (dice.chance(20)) fields.push("content-length", dice.pick(["0", "5", "20", "x", "99999999999"]));
  if (dice.chance(10))
    fields.push(dice.pick(["te", "connection", ":path", "A", "x"]), dice.pick(["trailers", "", "a\nb"]));
  if (dice.chance(5)) for (let i = 0; i < 60; i++) fields.push(`x-${i}`, "v".repeat(dice.below(200)));
  encoder.fields(out, fields, dice.pick(["index", "plain", "never"]));
  return out.view().slice();
}

/** A header block in HEADERS and, sometimes, CONTINUATION frames. */
export function headers(dice: Dice, id: number, bytes: Uint8Array, endStream: boolean): Uint8Array[] {
  const cut = dice.chance(25) ? dice.below(bytes.length + 1) : bytes.length;
  const whole = cut === bytes.length;
  const padded = dice.chance(10);
  const priority = dice.chance(10);
  const first = [
    ...(padded ? [dice.pick([0, 3, 200])] : []),
    ...(priority ? [...uint32(dice.pick([0, 1, id])), 7] : []),
    ...bytes.subarray(0, cut),
    ...(padded ? [0, 0, 0] : []),
  ];
  const flags = (endStream ? 1 : 0) | (whole ? 4 : 0) | (padded ? 8 : 0) | (priority ? 0x20 : 0);
  const frames = [frame(1, flags, id, first)];
  for (let at = cut; !whole && at <= bytes.length; ) {
    const end = Math.min(bytes.length, at + 1 + dice.below(50));
    frames.push(frame(9, end === bytes.length ? 4 : 0, id, bytes.subarray(at, end)));
    if (end === bytes.length) break;
    at = end;
  }
  return frames;
}

function data(dice: Dice, id: number): Uint8Array {
  const bytes = dice.pick([0, 1, 5, 20, 5_000, 16_384, 16_385]);
  const end = dice.chance(25) ? 1 : 0;
  if (!dice.chance(15)) return frame(0, end, id, new Uint8Array(bytes));
  const padding = dice.pick([0, 1, 100, 255]);
  return frame(0, end | 8, id, [
    padding,
    ...new Uint8Array(Math.min(bytes, 300)),
    ...new Uint8Array(dice.pick([padding, 0])),
  ]);
}

export function settingsFrame(dice: Dice): Uint8Array {
  const entries: number[] = [];
  for (let count = dice.below(5); count > 0; count--) {
    const id = dice.pick([1, 2, 3, 4, 4, 5, 6, 8, 0xf048]);
    const value = dice.chance(50) ? dice.edge() : dice.pick([0, 1, 100, 16_384, 65_535, 1_000_000]);
    entries.push(0, id, ...uint32(value));
  }
  return frame(4, 0, 0, entries);
}

export function frame(type: number, flags: number, id: number, payload: ArrayLike<number> = []): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + payload.length);
  bytes.set([payload.length >>> 16, payload.length >>> 8, payload.length, type, flags, ...uint32(id)]);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

export function uint32(value: number): number[] {
  return [(value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}
