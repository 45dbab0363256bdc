/**
 * What generated decoders call. A function that reads something of variable length leaves the position
 * after it in `after.at`; a decoder runs to its end without a break, so one such place serves all.
 *
 * Nothing here reads at or beyond `end`: what does not fit makes the compiled codec give up.
 */
import { buildFunction } from "./build-function.ts";
import { giveUp } from "./give-up.ts";

/** Where the last read ended, and the high half of what `readLong` found. */
export const after = { at: 0, high: 0 };

/** An unsigned 32-bit varint; longer ones up to ten bytes are cut to 32 bits. */
export function readUint32(bytes: Uint8Array, at: number, end: number): number {
  let value = 0;
  for (let shift = 0; at < end && shift < 70; shift += 7) {
    const byte = bytes[at++] as number;
    if (shift < 32) value |= (byte & 127) << shift;
    if (byte < 128) {
      after.at = at;
      return value >>> 0;
    }
  }
  throw giveUp;
}

/** A field's tag: as `readUint32`, in five bytes at most and within 32 bits. */
export function readTag(bytes: Uint8Array, at: number, end: number): number {
  const tag = readUint32(bytes, at, end);
  const size = after.at - at;
  if (size > 5 || (size === 5 && (bytes[at + 4] as number) > 15)) throw giveUp;
  return tag;
}

/** Low half of a 64-bit varint; the high half is in `after.high`. Both as int32. */
function readLong(bytes: Uint8Array, at: number, end: number): number {
  let low = 0;
  let high = 0;
  for (let shift = 0; at < end && shift < 70; shift += 7) {
    const byte = bytes[at++] as number;
    const bits = byte & 127;
    if (shift < 28) low |= bits << shift;
    else if (shift === 28) {
      low |= (bits & 15) << 28;
      high = bits >> 4;
    } else high |= bits << (shift - 32);
    if (byte < 128) {
      after.at = at;
      after.high = high;
      return low;
    }
  }
  throw giveUp;
}

const pad = new DataView(new ArrayBuffer(8));

export function readInt64(bytes: Uint8Array, at: number, end: number): bigint {
  pad.setInt32(0, readLong(bytes, at, end), true);
  pad.setInt32(4, after.high, true);
  return pad.getBigInt64(0, true);
}

export function readUint64(bytes: Uint8Array, at: number, end: number): bigint {
  pad.setInt32(0, readLong(bytes, at, end), true);
  pad.setInt32(4, after.high, true);
  return pad.getBigUint64(0, true);
}

export function readSint64(bytes: Uint8Array, at: number, end: number): bigint {
  const low = readLong(bytes, at, end);
  const high = after.high;
  const sign = -(low & 1);
  pad.setInt32(0, ((low >>> 1) | (high << 31)) ^ sign, true);
  pad.setInt32(4, (high >>> 1) ^ sign, true);
  return pad.getBigInt64(0, true);
}

export function readBool(bytes: Uint8Array, at: number, end: number): boolean {
  return readLong(bytes, at, end) !== 0 || after.high !== 0;
}

/** Room for four bytes has been checked, here and in the next four. */
export function readFixed32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

export function readFloat(bytes: Uint8Array, at: number): number {
  pad.setInt32(0, readFixed32(bytes, at), true);
  return pad.getFloat32(0, true);
}

export function readDouble(bytes: Uint8Array, at: number): number {
  pad.setInt32(0, readFixed32(bytes, at), true);
  pad.setInt32(4, readFixed32(bytes, at + 4), true);
  return pad.getFloat64(0, true);
}

export function readFixed64(bytes: Uint8Array, at: number): bigint {
  pad.setInt32(0, readFixed32(bytes, at), true);
  pad.setInt32(4, readFixed32(bytes, at + 4), true);
  return pad.getBigUint64(0, true);
}

export function readSfixed64(bytes: Uint8Array, at: number): bigint {
  pad.setInt32(0, readFixed32(bytes, at), true);
  pad.setInt32(4, readFixed32(bytes, at + 4), true);
  return pad.getBigInt64(0, true);
}

/** Longest string (in bytes) that is made by one call of `String.fromCharCode`; beyond, a call into the runtime pays. */
const shortText = 32;
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lenientDecoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The text in [at, at + size), which lies within the message. Throws for invalid UTF-8. */
export function readStrictText(bytes: Uint8Array, at: number, size: number): string {
  return readValidText(bytes, at, size) ?? strictDecoder.decode(bytes.subarray(at, at + size));
}

/** As `readStrictText`; invalid UTF-8 becomes U+FFFD. */
export function readLenientText(bytes: Uint8Array, at: number, size: number): string {
  return readValidText(bytes, at, size) ?? lenientDecoder.decode(bytes.subarray(at, at + size));
}

/** Undefined where the text may be invalid: a decoder has to look. */
function readValidText(bytes: Uint8Array, at: number, size: number): string | undefined {
  if (size === 0) return "";
  if (size <= shortText) {
    const text = (asciiReaders[size] ?? asciiReader(size))(bytes, at);
    if (text !== undefined) return text;
  }
  return readUtf8(bytes, at, at + size);
}

/**
 * Node's own function of its buffers, which works on every Uint8Array and needs no view: half of what `TextDecoder`
 * costs. It puts U+FFFD for what is invalid; a text that has one is looked at again.
 */
const readUtf8 = fastReadUtf8();

function fastReadUtf8(): (bytes: Uint8Array, start: number, end: number) => string | undefined {
  const slice: unknown = globalThis.Buffer?.prototype.utf8Slice;
  if (typeof slice !== "function") return () => undefined;
  return (bytes, start, end) => {
    const text = slice.call(bytes, start, end) as string;
    return text.includes("\ufffd") ? undefined : text;
  };
}

type AsciiReader = (bytes: Uint8Array, at: number) => string | undefined;

const asciiReaders: (AsciiReader | undefined)[] = Array.from({ length: shortText + 1 });

/**
 * A function for strings of one length: each byte in a variable, one call of `String.fromCharCode`. It is
 * four times as fast as an array and `apply`, and makes no rope as adding up pieces would. Only compiled
 * decoders come here, so code may be generated.
 */
function asciiReader(size: number): AsciiReader {
  const names = Array.from({ length: size }, (_, i) => `c${i}`);
  const reads = names.map((name, i) => `${name} = bytes[at + ${i}]`).join(", ");
  const body = `const ${reads}; if ((${names.join(" | ")}) > 127) return undefined; return make(${names.join(", ")});`;
  const make = String.fromCharCode;
  const reader = buildFunction(`return (bytes, at) => { ${body} };`, { make }) as AsciiReader;
  asciiReaders[size] = reader;
  return reader;
}

/** Passes over a field that the descriptor does not know, and keeps it. Groups are left to protobuf-es. */
export function keepUnknown(
  kept: UnknownField[],
  tag: number,
  bytes: Uint8Array,
  at: number,
  end: number,
): number {
  const no = tag >>> 3;
  if (no === 0) throw giveUp;
  const wireType = tag & 7;
  const next = skip(wireType, bytes, at, end);
  kept.push({ no, wireType, data: bytes.subarray(at, next) });
  return next;
}

/** As `keepUnknown`, without keeping: what stands in a map entry beside key and value. */
export function skipUnknown(tag: number, bytes: Uint8Array, at: number, end: number): number {
  if (tag >>> 3 === 0) throw giveUp;
  return skip(tag & 7, bytes, at, end);
}

interface UnknownField {
  readonly no: number;
  readonly wireType: number;
  readonly data: Uint8Array;
}

function skip(wireType: number, bytes: Uint8Array, at: number, end: number): number {
  let next = at;
  if (wireType === 0) {
    while (next < end && (bytes[next] as number) > 127) next++;
    next++;
  } else if (wireType === 1) next += 8;
  else if (wireType === 5) next += 4;
  else if (wireType === 2) {
    const size = readUint32(bytes, at, end);
    next = after.at + size;
  } else throw giveUp;
  if (next > end) throw giveUp;
  return next;
}

/** Sets an entry of a map whose keys are strings; `__proto__` is a key like any other. */
export function setEntry(record: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(record, key, { value, writable: true, enumerable: true, configurable: true });
  } else record[key] = value;
}
