/**
 * Packed lists, read by one loop for each type of number and not by the decoder of a message: a loop whose variables
 * never hold anything else runs several times as fast, and the length of the list is known before it is made.
 *
 * The numbers in [at, end), which lies within the message, must fill it to the last byte. They are added to `into`;
 * what is returned takes its place.
 */
// oxlint-disable unicorn/no-new-array -- the length is known, and V8 learns from it what the list will hold
import { after, readInt64, readSint64, readUint64 } from "./decode-runtime.ts";
import { giveUp } from "./give-up.ts";

export function readUint32s(into: number[], bytes: Uint8Array, at: number, end: number): number[] {
  const count = countVarints(bytes, at, end);
  const list = new Array<number>(count);
  for (let i = 0; i < count; i++) {
    let value = bytes[at++] as number;
    if (value > 127) {
      value = readRest(value, bytes, at) >>> 0;
      at = after.at;
    }
    list[i] = value;
  }
  return joined(into, list);
}

export function readInt32s(into: number[], bytes: Uint8Array, at: number, end: number): number[] {
  const count = countVarints(bytes, at, end);
  const list = new Array<number>(count);
  for (let i = 0; i < count; i++) {
    let value = bytes[at++] as number;
    if (value > 127) {
      value = readRest(value, bytes, at);
      at = after.at;
    }
    list[i] = value;
  }
  return joined(into, list);
}

export function readSint32s(into: number[], bytes: Uint8Array, at: number, end: number): number[] {
  const count = countVarints(bytes, at, end);
  const list = new Array<number>(count);
  for (let i = 0; i < count; i++) {
    let value = bytes[at++] as number;
    if (value > 127) {
      value = readRest(value, bytes, at);
      at = after.at;
    }
    list[i] = (value >>> 1) ^ -(value & 1);
  }
  return joined(into, list);
}

export function readBools(into: boolean[], bytes: Uint8Array, at: number, end: number): boolean[] {
  const count = countVarints(bytes, at, end);
  const list = new Array<boolean>(count);
  for (let i = 0; i < count; i++) {
    let isSet = bytes[at] !== 0;
    if ((bytes[at] as number) > 127) {
      isSet = readUint64(bytes, at, end) !== 0n;
      at = after.at;
    } else at++;
    list[i] = isSet;
  }
  return joined(into, list);
}

export function readInt64s(into: bigint[], bytes: Uint8Array, at: number, end: number): bigint[] {
  const count = countVarints(bytes, at, end);
  const list = new Array<bigint>(count);
  for (let i = 0; i < count; i++) {
    list[i] = readInt64(bytes, at, end);
    at = after.at;
  }
  return joined(into, list);
}

export function readUint64s(into: bigint[], bytes: Uint8Array, at: number, end: number): bigint[] {
  const count = countVarints(bytes, at, end);
  const list = new Array<bigint>(count);
  for (let i = 0; i < count; i++) {
    list[i] = readUint64(bytes, at, end);
    at = after.at;
  }
  return joined(into, list);
}

export function readSint64s(into: bigint[], bytes: Uint8Array, at: number, end: number): bigint[] {
  const count = countVarints(bytes, at, end);
  const list = new Array<bigint>(count);
  for (let i = 0; i < count; i++) {
    list[i] = readSint64(bytes, at, end);
    at = after.at;
  }
  return joined(into, list);
}

export function readDoubles(into: number[], bytes: Uint8Array, at: number, end: number): number[] {
  const view = viewOf(bytes, at, end, 8);
  const count = view.byteLength / 8;
  const list = new Array<number>(count);
  for (let i = 0; i < count; i++) list[i] = view.getFloat64(i * 8, true);
  return joined(into, list);
}

export function readFloats(into: number[], bytes: Uint8Array, at: number, end: number): number[] {
  const view = viewOf(bytes, at, end, 4);
  const count = view.byteLength / 4;
  const list = new Array<number>(count);
  for (let i = 0; i < count; i++) list[i] = view.getFloat32(i * 4, true);
  return joined(into, list);
}

export function readFixed32s(into: number[], bytes: Uint8Array, at: number, end: number): number[] {
  const view = viewOf(bytes, at, end, 4);
  const count = view.byteLength / 4;
  const list = new Array<number>(count);
  for (let i = 0; i < count; i++) list[i] = view.getUint32(i * 4, true);
  return joined(into, list);
}

export function readSfixed32s(into: number[], bytes: Uint8Array, at: number, end: number): number[] {
  const view = viewOf(bytes, at, end, 4);
  const count = view.byteLength / 4;
  const list = new Array<number>(count);
  for (let i = 0; i < count; i++) list[i] = view.getInt32(i * 4, true);
  return joined(into, list);
}

export function readFixed64s(into: bigint[], bytes: Uint8Array, at: number, end: number): bigint[] {
  const view = viewOf(bytes, at, end, 8);
  const count = view.byteLength / 8;
  const list = new Array<bigint>(count);
  for (let i = 0; i < count; i++) list[i] = view.getBigUint64(i * 8, true);
  return joined(into, list);
}

export function readSfixed64s(into: bigint[], bytes: Uint8Array, at: number, end: number): bigint[] {
  const view = viewOf(bytes, at, end, 8);
  const count = view.byteLength / 8;
  const list = new Array<bigint>(count);
  for (let i = 0; i < count; i++) list[i] = view.getBigInt64(i * 8, true);
  return joined(into, list);
}

/** A list nearly always comes in one piece, which is then the list itself. */
function joined<T>(into: T[], list: T[]): T[] {
  if (into.length === 0) return list;
  for (const item of list) into.push(item);
  return into;
}

/** How many varints end in [at, end). The last one ends at its end, so that none can be read beyond it. */
function countVarints(bytes: Uint8Array, at: number, end: number): number {
  if (at < end && (bytes[end - 1] as number) > 127) throw giveUp;
  let count = 0;
  for (let i = at; i < end; i++) count += ((bytes[i] as number) >>> 7) ^ 1;
  return count;
}

/** The varint of 32 bits whose first byte has been read, and which ends somewhere. Its end is in `after.at`. */
function readRest(first: number, bytes: Uint8Array, at: number): number {
  let byte = bytes[at++] as number;
  let value = (first & 127) | ((byte & 127) << 7);
  for (let shift = 14; byte > 127; shift += 7) {
    if (shift > 63) throw giveUp;
    byte = bytes[at++] as number;
    if (shift < 32) value |= (byte & 127) << shift;
  }
  after.at = at;
  return value;
}

function viewOf(bytes: Uint8Array, at: number, end: number, size: number): DataView {
  if ((end - at) % size !== 0) throw giveUp;
  return new DataView(bytes.buffer, bytes.byteOffset + at, end - at);
}
