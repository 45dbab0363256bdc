/**
 * Packed lists, written by one loop for each type of number; `decode-packed.ts` says why.
 *
 * Every function appends length and content behind `at` and returns the position after; it makes room itself.
 */
import type { ByteSink } from "./byte-sink.ts";
import {
  grow,
  isOverFloat,
  toLong,
  varintSize,
  writeInt32,
  writeInt64,
  writeSint64,
  writeUint32,
  writeUint64,
} from "./encode-runtime.ts";
import { giveUp } from "./give-up.ts";

/** Numbers for which room is made in one step. */
const CHUNK = 128;

export function writeUint32s(sink: ByteSink, at: number, list: readonly number[]): number {
  const start = at + varintSize(list.length);
  let to = start;
  for (let i = 0; i < list.length; ) {
    const stop = Math.min(list.length, i + CHUNK);
    const bytes = room(sink, to, CHUNK * 5);
    for (; i < stop; i++) {
      const value = (list[i] as number) >>> 0;
      if (value !== list[i]) throw giveUp;
      to = writeUint32(bytes, to, value);
    }
  }
  return closeList(sink, at, start, to);
}

export function writeInt32s(sink: ByteSink, at: number, list: readonly number[]): number {
  const start = at + varintSize(list.length);
  let to = start;
  for (let i = 0; i < list.length; ) {
    const stop = Math.min(list.length, i + CHUNK);
    const bytes = room(sink, to, CHUNK * 10);
    for (; i < stop; i++) {
      const value = (list[i] as number) | 0;
      if (value !== list[i]) throw giveUp;
      to = writeInt32(bytes, to, value);
    }
  }
  return closeList(sink, at, start, to);
}

export function writeSint32s(sink: ByteSink, at: number, list: readonly number[]): number {
  const start = at + varintSize(list.length);
  let to = start;
  for (let i = 0; i < list.length; ) {
    const stop = Math.min(list.length, i + CHUNK);
    const bytes = room(sink, to, CHUNK * 5);
    for (; i < stop; i++) {
      const value = (list[i] as number) | 0;
      if (value !== list[i]) throw giveUp;
      to = writeUint32(bytes, to, ((value << 1) ^ (value >> 31)) >>> 0);
    }
  }
  return closeList(sink, at, start, to);
}

export function writeInt64s(sink: ByteSink, at: number, list: readonly bigint[]): number {
  const start = at + varintSize(list.length);
  let to = start;
  for (let i = 0; i < list.length; ) {
    const stop = Math.min(list.length, i + CHUNK);
    const bytes = room(sink, to, CHUNK * 10);
    for (; i < stop; i++) {
      const value = list[i] as bigint;
      to = writeInt64(bytes, to, typeof value === "bigint" ? value : toLong(value));
    }
  }
  return closeList(sink, at, start, to);
}

export function writeUint64s(sink: ByteSink, at: number, list: readonly bigint[]): number {
  const start = at + varintSize(list.length);
  let to = start;
  for (let i = 0; i < list.length; ) {
    const stop = Math.min(list.length, i + CHUNK);
    const bytes = room(sink, to, CHUNK * 10);
    for (; i < stop; i++) {
      const value = list[i] as bigint;
      to = writeUint64(bytes, to, typeof value === "bigint" ? value : toLong(value));
    }
  }
  return closeList(sink, at, start, to);
}

export function writeSint64s(sink: ByteSink, at: number, list: readonly bigint[]): number {
  const start = at + varintSize(list.length);
  let to = start;
  for (let i = 0; i < list.length; ) {
    const stop = Math.min(list.length, i + CHUNK);
    const bytes = room(sink, to, CHUNK * 10);
    for (; i < stop; i++) {
      const value = list[i] as bigint;
      to = writeSint64(bytes, to, typeof value === "bigint" ? value : toLong(value));
    }
  }
  return closeList(sink, at, start, to);
}

export function writeBools(sink: ByteSink, at: number, list: readonly boolean[]): number {
  const count = list.length;
  let to = openFixed(sink, at, count);
  const bytes = sink.bytes;
  for (let i = 0; i < count; i++) {
    const value = list[i];
    if (value !== true && value !== false) throw giveUp;
    bytes[to++] = value ? 1 : 0;
  }
  return to;
}

export function writeDoubles(sink: ByteSink, at: number, list: readonly number[]): number {
  const count = list.length;
  const to = openFixed(sink, at, count * 8);
  const view = viewOf(sink.bytes);
  const first = sink.bytes.byteOffset + to;
  for (let i = 0; i < count; i++) {
    const value = list[i] as number;
    if (typeof value !== "number") throw giveUp;
    view.setFloat64(first + i * 8, value, true);
  }
  return to + count * 8;
}

export function writeFloats(sink: ByteSink, at: number, list: readonly number[]): number {
  const count = list.length;
  const to = openFixed(sink, at, count * 4);
  const view = viewOf(sink.bytes);
  const first = sink.bytes.byteOffset + to;
  for (let i = 0; i < count; i++) {
    const value = list[i] as number;
    if (typeof value !== "number" || isOverFloat(value)) throw giveUp;
    view.setFloat32(first + i * 4, value, true);
  }
  return to + count * 4;
}

export function writeFixed32s(sink: ByteSink, at: number, list: readonly number[]): number {
  const count = list.length;
  const to = openFixed(sink, at, count * 4);
  const view = viewOf(sink.bytes);
  const first = sink.bytes.byteOffset + to;
  for (let i = 0; i < count; i++) {
    const value = (list[i] as number) >>> 0;
    if (value !== list[i]) throw giveUp;
    view.setUint32(first + i * 4, value, true);
  }
  return to + count * 4;
}

export function writeSfixed32s(sink: ByteSink, at: number, list: readonly number[]): number {
  const count = list.length;
  const to = openFixed(sink, at, count * 4);
  const view = viewOf(sink.bytes);
  const first = sink.bytes.byteOffset + to;
  for (let i = 0; i < count; i++) {
    const value = (list[i] as number) | 0;
    if (value !== list[i]) throw giveUp;
    view.setInt32(first + i * 4, value, true);
  }
  return to + count * 4;
}

export function writeFixed64s(sink: ByteSink, at: number, list: readonly bigint[]): number {
  const count = list.length;
  const to = openFixed(sink, at, count * 8);
  const view = viewOf(sink.bytes);
  const first = sink.bytes.byteOffset + to;
  for (let i = 0; i < count; i++) {
    const given = list[i] as bigint;
    const value = typeof given === "bigint" ? given : toLong(given);
    if (BigInt.asUintN(64, value) !== value) throw giveUp;
    view.setBigUint64(first + i * 8, value, true);
  }
  return to + count * 8;
}

export function writeSfixed64s(sink: ByteSink, at: number, list: readonly bigint[]): number {
  const count = list.length;
  const to = openFixed(sink, at, count * 8);
  const view = viewOf(sink.bytes);
  const first = sink.bytes.byteOffset + to;
  for (let i = 0; i < count; i++) {
    const given = list[i] as bigint;
    const value = typeof given === "bigint" ? given : toLong(given);
    if (BigInt.asIntN(64, value) !== value) throw giveUp;
    view.setBigInt64(first + i * 8, value, true);
  }
  return to + count * 8;
}

/** Makes room for a list of `size` bytes and writes the length; returns where the content goes. */
function openFixed(sink: ByteSink, at: number, size: number): number {
  return writeUint32(room(sink, at, size + 5), at, size);
}

/** Writes the length of [start, end) at `at`, and moves the content when it is not where the length ends. */
function closeList(sink: ByteSink, at: number, start: number, end: number): number {
  const size = end - start;
  const to = at + varintSize(size);
  if (to !== start) room(sink, end, 5).copyWithin(to, start, end);
  writeUint32(sink.bytes, at, size);
  return to + size;
}

let viewed: ArrayBufferLike = new ArrayBuffer(0);
let view: DataView = new DataView(viewed);

/** A view of the whole storage: the same one as long as the storage is the same, unless that is too large to be kept. */
function viewOf({ buffer }: Uint8Array): DataView {
  if (viewed === buffer) return view;
  const fresh = new DataView(buffer);
  if (buffer.byteLength <= MOST_VIEWED) {
    viewed = buffer;
    view = fresh;
  }
  return fresh;
}

const MOST_VIEWED = 256 * 1024;

function room(sink: ByteSink, at: number, extra: number): Uint8Array {
  return at + extra > sink.bytes.length ? grow(sink, at, extra) : sink.bytes;
}
