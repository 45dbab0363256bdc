/**
 * The one message of a stream that carries one: a unary request or answer, put together in place where it
 * lies whole in one DATA frame, which nearly all do.
 */
import type { Message } from "@bufbuild/protobuf";
import type { Codec } from "../contract/codec/codec.ts";
import type { Encoding } from "../wire/compression.ts";
import {
  ENVELOPE_BYTES,
  type EnvelopeFault,
  EnvelopeReader,
  envelopeLength,
  FLAG_COMPRESSED,
} from "../wire/envelope-reader.ts";

export class SingleMessage {
  readonly #maxBytes: number;
  #bytes: Uint8Array | undefined = undefined;
  #start = 0;
  #end = 0;
  #flag = 0;
  #count = 0;
  /** Only for a message that comes in pieces. */
  #reader: EnvelopeReader | undefined = undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Messages that have arrived whole. */
  get count(): number {
    return this.#count;
  }

  /** True when no message has begun that is not whole. */
  get isAtBoundary(): boolean {
    return this.#reader === undefined || this.#reader.isAtBoundary;
  }

  get isCompressed(): boolean {
    return this.#flag === FLAG_COMPRESSED;
  }

  /** Takes `bytes[start, end)`; the array must stay as it is. */
  push(bytes: Uint8Array, start: number, end: number): EnvelopeFault | undefined {
    const length = end - start - ENVELOPE_BYTES;
    if (
      this.#reader === undefined &&
      length >= 0 &&
      length <= this.#maxBytes &&
      envelopeLength(bytes, start) === length
    ) {
      const flag = bytes[start] as number;
      if (flag > FLAG_COMPRESSED) return { kind: "bad-flag", flag };
      this.#accept(flag, bytes, start + ENVELOPE_BYTES, end);
      return undefined;
    }
    if (end === start) return undefined;
    this.#reader ??= new EnvelopeReader(this.#maxBytes, (flag, from, at, to) =>
      this.#accept(flag, from, at, to),
    );
    return this.#reader.push(bytes, start, end);
  }

  /** Decodes the message and lets go of its bytes. Throws what expanding and decoding throw (`toMessageError` knows them). */
  decode(codec: Codec, encoding: Encoding | undefined): Message {
    const bytes = this.#bytes ?? NOTHING;
    this.#bytes = undefined;
    if (!this.isCompressed || encoding === undefined) return codec.decode(bytes, this.#start, this.#end);
    const expanded = encoding.decompress(bytes.subarray(this.#start, this.#end), this.#maxBytes);
    return codec.decode(expanded, 0, expanded.length);
  }

  #accept(flag: number, bytes: Uint8Array, start: number, end: number): void {
    this.#count++;
    this.#flag = flag;
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
  }
}

const NOTHING = new Uint8Array(0);
