/**
 * Frames by hand, for tests that say to a machine what no machine of ours would say.
 */
import { ByteWriter } from "../byte-writer.ts";
import { HpackEncoder } from "../hpack/encoder.ts";
import { CLIENT_PREFACE, FRAME_GOAWAY, FRAME_RST_STREAM, FRAME_SETTINGS } from "./constants.ts";
import { readUint32 } from "./frame-reader.ts";
import { writeFrameHeader } from "./frame-writer.ts";

export interface RawFrame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Uint8Array;
}

export function frame(type: number, flags: number, id: number, payload: ArrayLike<number> = []): Uint8Array {
  const out = new ByteWriter(9 + payload.length);
  writeFrameHeader(out, payload.length, type, flags, id);
  out.write(Uint8Array.from(payload));
  return out.view().slice();
}

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export function uint32(value: number): number[] {
  return [(value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

export function settings(...entries: readonly (readonly [id: number, value: number])[]): Uint8Array {
  return frame(
    FRAME_SETTINGS,
    0,
    0,
    entries.flatMap(([id, value]) => [id >> 8, id & 0xff, ...uint32(value)]),
  );
}

/** What a peer opens with. */
export const clientOpening = join(CLIENT_PREFACE, settings());
export const serverOpening = settings();

/** A header block that needs no dynamic table, so that its parts can be used alone and in any order. */
export function block(fields: readonly string[]): Uint8Array {
  const out = new ByteWriter();
  const encoder = new HpackEncoder();
  encoder.begin(out);
  for (let i = 0; i < fields.length; i += 2)
    encoder.field(out, fields[i] as string, fields[i + 1] as string, "plain");
  return out.view().slice();
}

export const requestFields = [
  ":method",
  "POST",
  ":scheme",
  "http",
  ":path",
  "/s/m",
  ":authority",
  "a",
  "content-type",
  "application/grpc",
];
export const requestBlock = block(requestFields);
export const responseBlock = block([":status", "200", "content-type", "application/grpc"]);

/** The whole frames in `bytes`. */
export function parseFrames(bytes: Uint8Array): RawFrame[] {
  const frames: RawFrame[] = [];
  for (let at = 0; at + 9 <= bytes.length; ) {
    const length =
      ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
    if (at + 9 + length > bytes.length) break;
    const id = readUint32(bytes, at + 5) & 0x7fffffff;
    frames.push({
      type: bytes[at + 3] as number,
      flags: bytes[at + 4] as number,
      id,
      payload: bytes.slice(at + 9, at + 9 + length),
    });
    at += 9 + length;
  }
  return frames;
}

/** The error codes of the GOAWAY frames among `frames`. */
export function goawayCodes(frames: readonly RawFrame[]): number[] {
  return frames.filter(({ type }) => type === FRAME_GOAWAY).map(({ payload }) => readUint32(payload, 4));
}

/** The resets among `frames`, as `[stream, code]`. */
export function resets(frames: readonly RawFrame[]): [number, number][] {
  return frames
    .filter(({ type }) => type === FRAME_RST_STREAM)
    .map(({ id, payload }) => [id, readUint32(payload, 0)]);
}
