/**
 * Writes frames into an output buffer (RFC 9113 §6). Pure layout: who may send what is decided elsewhere.
 */
import type { ByteWriter } from "../byte-writer.ts";
import { ENVELOPE_BYTES } from "../envelope-reader.ts";
import {
  FLAG_ACK,
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FRAME_CONTINUATION,
  FRAME_DATA,
  FRAME_GOAWAY,
  FRAME_HEADER_BYTES,
  FRAME_HEADERS,
  FRAME_PING,
  FRAME_RST_STREAM,
  FRAME_SETTINGS,
  FRAME_WINDOW_UPDATE,
} from "./constants.ts";

export function writeFrameHeader(
  out: ByteWriter,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): void {
  out.ensure(FRAME_HEADER_BYTES + length);
  const { bytes } = out;
  const at = out.length;
  bytes[at] = length >>> 16;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length;
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  writeUint32(bytes, at + 5, streamId);
  out.length = at + FRAME_HEADER_BYTES;
}

/** A DATA frame whose payload is `chunk[start, end)`. */
export function writeData(
  out: ByteWriter,
  streamId: number,
  chunk: Uint8Array,
  start: number,
  end: number,
  endStream: boolean,
): void {
  writeFrameHeader(out, end - start, FRAME_DATA, endStream ? FLAG_END_STREAM : 0, streamId);
  if (start === 0 && end === chunk.length) out.write(chunk);
  else out.write(chunk.subarray(start, end));
}

/**
 * A DATA frame with one gRPC message: a flag byte, 4 bytes of length, the payload.
 * The prefix is written here so that the common case needs no copy into a message buffer first.
 */
export function writeEnvelopedData(
  out: ByteWriter,
  streamId: number,
  flag: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  endStream: boolean,
): void {
  const dataBytes = ENVELOPE_BYTES + end - start;
  writeFrameHeader(out, dataBytes, FRAME_DATA, endStream ? FLAG_END_STREAM : 0, streamId);
  writeEnvelopePrefix(out.bytes, out.length, flag, end - start);
  copyBytes(bytes, start, end, out.bytes, out.length + ENVELOPE_BYTES);
  out.length += dataBytes;
}

/** A loop beats making a view for what most messages are: small. */
function copyBytes(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): void {
  if (end - start > 256) to.set(from.subarray(start, end), at);
  else for (let i = start, j = at; i < end; i++, j++) to[j] = from[i] as number;
}

export function writeEnvelopePrefix(bytes: Uint8Array, at: number, flag: number, length: number): void {
  bytes[at] = flag;
  writeUint32(bytes, at + 1, length);
}

/** Opens a HEADERS frame whose length is not known yet; returns where it starts, for `finishHeaders`. */
export function beginHeaders(out: ByteWriter): number {
  out.ensure(FRAME_HEADER_BYTES);
  const start = out.length;
  out.length += FRAME_HEADER_BYTES;
  return start;
}

/** Closes the frame that `beginHeaders` opened, cut into CONTINUATION frames when it is over the peer's limit. */
export function finishHeaders(
  out: ByteWriter,
  start: number,
  streamId: number,
  endStream: boolean,
  maxFrameBytes: number,
): void {
  const end = out.length;
  const blockBytes = end - start - FRAME_HEADER_BYTES;
  const endFlag = endStream ? FLAG_END_STREAM : 0;
  out.length = start;
  if (blockBytes <= maxFrameBytes) {
    writeFrameHeader(out, blockBytes, FRAME_HEADERS, endFlag | FLAG_END_HEADERS, streamId);
    out.length = end;
    return;
  }
  const block = out.bytes.slice(start + FRAME_HEADER_BYTES, end);
  for (let at = 0; at < blockBytes; at += maxFrameBytes) {
    const piece = block.subarray(at, at + maxFrameBytes);
    const last = at + maxFrameBytes >= blockBytes;
    const flags = (at === 0 ? endFlag : 0) | (last ? FLAG_END_HEADERS : 0);
    writeFrameHeader(out, piece.length, at === 0 ? FRAME_HEADERS : FRAME_CONTINUATION, flags, streamId);
    out.write(piece);
  }
}

export function writeReset(out: ByteWriter, streamId: number, code: number): void {
  writeFrameHeader(out, 4, FRAME_RST_STREAM, 0, streamId);
  pushUint32(out, code);
}

/** SETTINGS with the given `id, value` pairs. */
export function writeSettings(
  out: ByteWriter,
  settings: readonly (readonly [id: number, value: number])[],
): void {
  writeFrameHeader(out, settings.length * 6, FRAME_SETTINGS, 0, 0);
  for (const [id, value] of settings) {
    out.writeByte(id >>> 8);
    out.writeByte(id & 0xff);
    pushUint32(out, value);
  }
}

export function writeSettingsAck(out: ByteWriter): void {
  writeFrameHeader(out, 0, FRAME_SETTINGS, FLAG_ACK, 0);
}

/** PING with 8 opaque bytes, or the answer to one. */
export function writePing(out: ByteWriter, opaque: Uint8Array, ack: boolean): void {
  writeFrameHeader(out, 8, FRAME_PING, ack ? FLAG_ACK : 0, 0);
  out.write(opaque);
}

export function writeGoaway(out: ByteWriter, lastStreamId: number, code: number, debug: string): void {
  writeFrameHeader(out, 8 + debug.length, FRAME_GOAWAY, 0, 0);
  pushUint32(out, lastStreamId);
  pushUint32(out, code);
  for (let i = 0; i < debug.length; i++) out.writeByte(debug.charCodeAt(i) & 0x7f);
}

export function writeWindowUpdate(out: ByteWriter, streamId: number, increment: number): void {
  writeFrameHeader(out, 4, FRAME_WINDOW_UPDATE, 0, streamId);
  pushUint32(out, increment);
}

function pushUint32(out: ByteWriter, value: number): void {
  out.ensure(4);
  writeUint32(out.bytes, out.length, value);
  out.length += 4;
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
