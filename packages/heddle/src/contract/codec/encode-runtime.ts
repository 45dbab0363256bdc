/**
 * What generated encoders call: everything that is too long to stand in line.
 *
 * Every function takes the position to write at and returns the position after what it wrote. Those that
 * take the sink make room themselves and may replace `sink.bytes`; those that take `bytes` rely on room.
 */
import type { ByteSink } from "./byte-sink.ts";
import { giveUp } from "./give-up.ts";

/** Makes room for `extra` bytes behind `at`; returns the storage, which may be another one. */
export function grow(sink: ByteSink, at: number, extra: number): Uint8Array {
  sink.length = at;
  sink.ensure(extra);
  return sink.bytes;
}

/** Unsigned varint of a number below 2^32. Room: 5. The lengths that are common need no loop. */
export function writeUint32(bytes: Uint8Array, at: number, value: number): number {
  if (value < 0x80) {
    bytes[at] = value;
    return at + 1;
  }
  bytes[at] = (value & 127) | 128;
  if (value < 0x4000) {
    bytes[at + 1] = value >>> 7;
    return at + 2;
  }
  bytes[at + 1] = ((value >>> 7) & 127) | 128;
  if (value < 0x20_0000) {
    bytes[at + 2] = value >>> 14;
    return at + 3;
  }
  bytes[at + 2] = ((value >>> 14) & 127) | 128;
  let to = at + 3;
  let rest = value >>> 21;
  for (; rest > 127; rest >>>= 7) bytes[to++] = (rest & 127) | 128;
  bytes[to] = rest;
  return to + 1;
}

/** Varint of an int32; a negative one is extended to 64 bits. Room: 10. */
export function writeInt32(bytes: Uint8Array, at: number, value: number): number {
  if (value >= 0) return writeUint32(bytes, at, value);
  let rest = value;
  for (let i = 0; i < 9; i++) {
    bytes[at++] = (rest & 127) | 128;
    rest >>= 7;
  }
  bytes[at++] = 1;
  return at;
}

export function writeFixed32(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
  return at + 4;
}

/** The scratch pad on which numbers are turned into bits and back. Nothing on it outlives a call. */
const pad = new DataView(new ArrayBuffer(8));

/** A finite number beyond what a float holds, which protobuf-es refuses, be it by less than rounding would forgive. */
export function isOverFloat(value: number): boolean {
  return (value > LARGEST_FLOAT || value < -LARGEST_FLOAT) && Number.isFinite(value);
}

const LARGEST_FLOAT = (2 - 2 ** -23) * 2 ** 127;

export function writeFloat(bytes: Uint8Array, at: number, value: number): number {
  pad.setFloat32(0, value, true);
  return writeFixed32(bytes, at, pad.getInt32(0, true));
}

export function writeDouble(bytes: Uint8Array, at: number, value: number): number {
  pad.setFloat64(0, value, true);
  writeFixed32(bytes, at, pad.getInt32(0, true));
  return writeFixed32(bytes, at + 4, pad.getInt32(4, true));
}

/** A 64-bit value given as number or decimal string, which protobuf-es takes as well. */
export function toLong(value: unknown): bigint {
  if (typeof value === "number" || typeof value === "string") return BigInt(value);
  throw giveUp;
}

function putSigned(value: bigint): void {
  if (BigInt.asIntN(64, value) !== value) throw giveUp;
  pad.setBigInt64(0, value, true);
}

function putUnsigned(value: bigint): void {
  if (BigInt.asUintN(64, value) !== value) throw giveUp;
  pad.setBigUint64(0, value, true);
}

/** Varint of an int64. Room: 10. */
export function writeInt64(bytes: Uint8Array, at: number, value: bigint): number {
  putSigned(value);
  return writeVarint64(bytes, at, pad.getInt32(0, true), pad.getInt32(4, true));
}

/** Varint of a uint64. Room: 10. */
export function writeUint64(bytes: Uint8Array, at: number, value: bigint): number {
  putUnsigned(value);
  return writeVarint64(bytes, at, pad.getInt32(0, true), pad.getInt32(4, true));
}

/** Zigzag varint of an int64. Room: 10. */
export function writeSint64(bytes: Uint8Array, at: number, value: bigint): number {
  putSigned(value);
  const low = pad.getInt32(0, true);
  const high = pad.getInt32(4, true);
  const sign = high >> 31;
  return writeVarint64(bytes, at, (low << 1) ^ sign, ((high << 1) | (low >>> 31)) ^ sign);
}

export function writeFixed64(bytes: Uint8Array, at: number, value: bigint): number {
  putUnsigned(value);
  writeFixed32(bytes, at, pad.getInt32(0, true));
  return writeFixed32(bytes, at + 4, pad.getInt32(4, true));
}

export function writeSfixed64(bytes: Uint8Array, at: number, value: bigint): number {
  putSigned(value);
  writeFixed32(bytes, at, pad.getInt32(0, true));
  return writeFixed32(bytes, at + 4, pad.getInt32(4, true));
}

function writeVarint64(bytes: Uint8Array, at: number, low: number, high: number): number {
  if (high === 0) return writeUint32(bytes, at, low >>> 0);
  let lowRest = low >>> 0;
  let highRest = high >>> 0;
  while (highRest > 0) {
    bytes[at++] = (lowRest & 127) | 128;
    lowRest = ((lowRest >>> 7) | (highRest << 25)) >>> 0;
    highRest >>>= 7;
  }
  return writeUint32(bytes, at, lowRest);
}

/** Longest string (in UTF-16 units) that a loop writes; beyond, a call into the runtime pays. */
const shortText = 16;

/** Length and UTF-8 of a string. Makes room. Lone surrogates become U+FFFD, as `TextEncoder` has it. */
export function writeString(sink: ByteSink, at: number, value: string): number {
  const units = value.length;
  let bytes = sink.bytes;
  if (at + units * 3 + 5 > bytes.length) bytes = grow(sink, at, units * 3 + 5);
  if (units > shortText) return writeLongText(bytes, at, value);
  let to = at + 1;
  for (let i = 0; i < units; i++) {
    const unit = value.charCodeAt(i);
    if (unit > 127) return writeLongText(bytes, at, value);
    bytes[to++] = unit;
  }
  bytes[at] = units;
  return to;
}

/** Any string, for whose worst case there is room. */
function writeLongText(bytes: Uint8Array, at: number, value: string): number {
  const guess = varintSize(value.length);
  const written = writeUtf8(bytes, value, at + guess);
  const size = varintSize(written);
  if (size !== guess) bytes.copyWithin(at + size, at + guess, at + guess + written);
  return writeUint32(bytes, at, written) + written;
}

/** Writes all of a string, for which there is room; returns the number of bytes. */
const writeUtf8 = fastWriteUtf8() ?? writeUtf8Portably;

/** Node's own function of its buffers, which works on every Uint8Array and needs no view: half of what `TextEncoder` costs. */
function fastWriteUtf8(): typeof writeUtf8Portably | undefined {
  const write: unknown = globalThis.Buffer?.prototype.utf8Write;
  if (typeof write !== "function") return undefined;
  return (bytes, value, at) => write.call(bytes, value, at) as number;
}

const encoder = new TextEncoder();

function writeUtf8Portably(bytes: Uint8Array, value: string, at: number): number {
  return encoder.encodeInto(value, bytes.subarray(at)).written;
}

/** Length and content of a bytes field. Makes room. */
export function writeBytes(sink: ByteSink, at: number, value: Uint8Array): number {
  let bytes = sink.bytes;
  const size = value.length;
  if (at + size + 5 > bytes.length) bytes = grow(sink, at, size + 5);
  const to = writeUint32(bytes, at, size);
  bytes.set(value, to);
  return to + size;
}

/** Fields that the descriptor does not know, as they came. Makes room. */
export function writeUnknown(sink: ByteSink, at: number, fields: readonly UnknownField[]): number {
  for (let i = 0; i < fields.length; i++) {
    const { no, wireType, data } = fields[i] as UnknownField;
    const tag = ((no << 3) | wireType) >>> 0;
    if (!(data instanceof Uint8Array)) throw giveUp;
    let bytes = sink.bytes;
    if (at + data.length + 5 > bytes.length) bytes = grow(sink, at, data.length + 5);
    at = writeUint32(bytes, at, tag);
    bytes.set(data, at);
    at += data.length;
  }
  return at;
}

interface UnknownField {
  readonly no: number;
  readonly wireType: number;
  readonly data: Uint8Array;
}

/**
 * Writes the length of what stands in [mark + 1, at) at `mark`, where one byte was kept for it, and moves
 * the content up when the length needs more. Makes room.
 */
export function closeLength(sink: ByteSink, mark: number, at: number): number {
  const size = at - mark - 1;
  const more = varintSize(size) - 1;
  let bytes = sink.bytes;
  if (more > 0) {
    if (at + more > bytes.length) bytes = grow(sink, at, more);
    bytes.copyWithin(mark + 1 + more, mark + 1, at);
  }
  writeUint32(bytes, mark, size);
  return at + more;
}

/** A map key from its property name. Odd spellings of a number are left to protobuf-es. */
export function toInt32Key(key: string): number {
  const value = Number(key) | 0;
  if (String(value) !== key) throw giveUp;
  return value;
}

export function toUint32Key(key: string): number {
  const value = Number(key) >>> 0;
  if (String(value) !== key) throw giveUp;
  return value;
}

export function toBoolKey(key: string): boolean {
  if (key === "true") return true;
  if (key === "false") return false;
  throw giveUp;
}

export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  return value < 0x10000000 ? 4 : 5;
}
