/**
 * Cuts a byte stream into frames (RFC 9113 §4.1).
 *
 * A frame that lies whole inside a chunk is handed on in place. One that straddles two chunks is copied, into
 * an array of its own, so that views into a frame stay valid for as long as anybody keeps them; but a large
 * DATA frame is handed on in parts, as if the peer had sent several smaller ones, for bulk data is not to be
 * copied once more on its way.
 */
import { FLAG_END_STREAM, FLAG_PADDED, FRAME_DATA, FRAME_HEADER_BYTES } from "./constants.ts";

/** A DATA frame from this size on is handed on in parts. */
const SPLIT_FROM_BYTES = 4096;

export interface FrameSink {
  /** One whole frame; its payload is `bytes[start, start + length)`. */
  onFrame(
    type: number,
    flags: number,
    streamId: number,
    bytes: Uint8Array,
    start: number,
    length: number,
  ): void;
  /** A frame announced more than `maxFrameBytes`. Reading stops. */
  onOversizeFrame(length: number): void;
}

export class FrameReader {
  /** Set to true to stop in the middle of a chunk: the connection is over. */
  stopped = false;
  readonly #sink: FrameSink;
  readonly #maxFrameBytes: number;
  /** The frame that has begun: first its 9 header bytes, then the whole. */
  #partial: Uint8Array | undefined = undefined;
  #partialBytes = 0;
  /** The DATA frame of which parts have been handed on. */
  #openBytes = 0;
  #openFlags = 0;
  #openStreamId = 0;

  constructor(sink: FrameSink, maxFrameBytes: number) {
    this.#sink = sink;
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** Takes the next bytes of the connection from `chunk[from…]`. */
  push(chunk: Uint8Array, from: number): void {
    const end = chunk.length;
    let at = from;
    if (this.#openBytes > 0) at = this.#emitPart(chunk, from);
    else if (this.#partial !== undefined) at = this.#continuePartial(chunk, from);
    while (!this.stopped && end - at >= FRAME_HEADER_BYTES) {
      const length = payloadBytes(chunk, at);
      if (length > this.#maxFrameBytes) return this.#oversize(length);
      const next = at + FRAME_HEADER_BYTES + length;
      if (next > end) break;
      this.#emit(chunk, at, length);
      at = next;
    }
    if (this.stopped || at >= end) return;
    if (this.#isSplittable(chunk, at)) this.#emitPart(chunk, at + FRAME_HEADER_BYTES);
    else this.#continuePartial(chunk, at);
  }

  /** Whether the frame that begins at `at` may be handed on in parts; if so, opens it. */
  #isSplittable(chunk: Uint8Array, at: number): boolean {
    if (chunk.length - at <= FRAME_HEADER_BYTES || chunk[at + 3] !== FRAME_DATA) return false;
    const flags = chunk[at + 4] as number;
    const length = payloadBytes(chunk, at);
    if ((flags & FLAG_PADDED) !== 0 || length < SPLIT_FROM_BYTES) return false;
    this.#openBytes = length;
    this.#openFlags = flags;
    this.#openStreamId = readUint31(chunk, at + 5);
    return true;
  }

  /** Hands on what the chunk holds of the open DATA frame; returns the position after it. */
  #emitPart(chunk: Uint8Array, from: number): number {
    const length = Math.min(this.#openBytes, chunk.length - from);
    this.#openBytes -= length;
    const flags = this.#openBytes === 0 ? this.#openFlags : this.#openFlags & ~FLAG_END_STREAM;
    if (length > 0) this.#sink.onFrame(FRAME_DATA, flags, this.#openStreamId, chunk, from, length);
    return from + length;
  }

  /** Adds bytes to the frame that has begun; returns the position after what was used. */
  #continuePartial(chunk: Uint8Array, from: number): number {
    let at = from;
    let partial = this.#partial ?? new Uint8Array(FRAME_HEADER_BYTES);
    this.#partial = partial;
    if (this.#partialBytes < FRAME_HEADER_BYTES) {
      at = this.#fill(partial, chunk, at, FRAME_HEADER_BYTES);
      if (this.#partialBytes < FRAME_HEADER_BYTES) return at;
    }
    const length = payloadBytes(partial, 0);
    if (length > this.#maxFrameBytes) {
      this.#oversize(length);
      return chunk.length;
    }
    const whole = FRAME_HEADER_BYTES + length;
    if (partial.length < whole) {
      const grown = new Uint8Array(whole);
      grown.set(partial);
      this.#partial = partial = grown;
    }
    at = this.#fill(partial, chunk, at, whole);
    if (this.#partialBytes === whole) {
      this.#partial = undefined;
      this.#partialBytes = 0;
      this.#emit(partial, 0, length);
    }
    return at;
  }

  #fill(partial: Uint8Array, chunk: Uint8Array, from: number, until: number): number {
    const count = Math.min(until - this.#partialBytes, chunk.length - from);
    partial.set(chunk.subarray(from, from + count), this.#partialBytes);
    this.#partialBytes += count;
    return from + count;
  }

  #emit(bytes: Uint8Array, at: number, length: number): void {
    const type = bytes[at + 3] as number;
    const flags = bytes[at + 4] as number;
    this.#sink.onFrame(type, flags, readUint31(bytes, at + 5), bytes, at + FRAME_HEADER_BYTES, length);
  }

  #oversize(length: number): void {
    this.stopped = true;
    this.#sink.onOversizeFrame(length);
  }
}

/** Reads 4 bytes without the reserved first bit. */
export function readUint31(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at) & 0x7fffffff;
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}

function payloadBytes(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
}
