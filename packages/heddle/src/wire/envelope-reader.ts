/**
 * Puts gRPC messages together from the bytes of a stream: a flag byte, four bytes of length, the payload.
 *
 * A message that lies whole in one piece is handed on in place. Otherwise its pieces are copied into room that
 * grows with what has arrived: nothing is set aside on the word of the announced length alone, and a message
 * sent octet by octet costs no more than one sent in a piece.
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md ("Length-Prefixed-Message").
 */
export const ENVELOPE_BYTES = 5;

/** Flag of a compressed message. */
export const FLAG_COMPRESSED = 1;

/** Why a stream of envelopes can't go on. */
export type EnvelopeFault =
  | { readonly kind: "too-large"; readonly bytes: number }
  | { readonly kind: "bad-flag"; readonly flag: number };

/** Room for a payload in pieces: at first, and how far ahead of what has arrived it grows. */
const FIRST_ROOM_BYTES = 1024;
const GROWTH = 8;

/** Takes a whole message: `bytes[start, end)`, which stays as it is. */
export type OnMessage = (flag: number, bytes: Uint8Array, start: number, end: number) => void;

export class EnvelopeReader {
  readonly #maxMessageBytes: number;
  readonly #onMessage: OnMessage;
  readonly #flags: number;
  readonly #prefix = new Uint8Array(ENVELOPE_BYTES);
  #prefixBytes = 0;
  /** What has arrived of a payload that comes in pieces. */
  #gathered: Uint8Array | undefined = undefined;
  #missing = 0;
  #payloadBytes = 0;

  /** `flags` are the bits that an envelope may have set; default: the one of a compressed message. */
  constructor(maxMessageBytes: number, onMessage: OnMessage, flags = FLAG_COMPRESSED) {
    this.#maxMessageBytes = maxMessageBytes;
    this.#onMessage = onMessage;
    this.#flags = flags;
  }

  /** True when no message has begun: the stream may end here. */
  get isAtBoundary(): boolean {
    return this.#prefixBytes === 0;
  }

  /** Takes `bytes[from, to)`. Returns a fault when the peer's envelope is not acceptable; then the reader is done. */
  push(bytes: Uint8Array, from: number, to: number): EnvelopeFault | undefined {
    let at = from;
    while (at < to || (this.#prefixBytes === ENVELOPE_BYTES && this.#missing === 0)) {
      if (this.#prefixBytes === 0 && to - at >= ENVELOPE_BYTES) {
        const flag = bytes[at] as number;
        const fault = this.#begin(flag, envelopeLength(bytes, at));
        if (fault !== undefined) return fault;
        at += ENVELOPE_BYTES;
        const end = at + this.#payloadBytes;
        if (end <= to) {
          this.#missing = 0;
          this.#onMessage(flag, bytes, at, end);
          at = end;
        } else {
          this.#prefix[0] = flag;
          this.#prefixBytes = ENVELOPE_BYTES;
        }
        continue;
      }
      if (this.#prefixBytes < ENVELOPE_BYTES) {
        this.#prefix[this.#prefixBytes++] = bytes[at++] as number;
        if (this.#prefixBytes === ENVELOPE_BYTES) {
          const fault = this.#begin(this.#prefix[0] as number, envelopeLength(this.#prefix, 0));
          if (fault !== undefined) return fault;
        }
        continue;
      }
      const count = Math.min(this.#missing, to - at);
      if (count === this.#payloadBytes) this.#deliver(bytes, at, at + count);
      else this.#gather(bytes, at, count);
      at += count;
    }
    return undefined;
  }

  #begin(flag: number, length: number): EnvelopeFault | undefined {
    if ((flag & ~this.#flags) !== 0) return { kind: "bad-flag", flag };
    if (length > this.#maxMessageBytes) return { kind: "too-large", bytes: length };
    this.#missing = length;
    this.#payloadBytes = length;
    return undefined;
  }

  #gather(bytes: Uint8Array, at: number, count: number): void {
    const had = this.#payloadBytes - this.#missing;
    let gathered = this.#gathered;
    if (gathered === undefined || gathered.length < had + count) {
      const grown = new Uint8Array(
        Math.min(this.#payloadBytes, Math.max(FIRST_ROOM_BYTES, GROWTH * (had + count))),
      );
      if (gathered !== undefined) grown.set(gathered.subarray(0, had));
      this.#gathered = gathered = grown;
    }
    gathered.set(bytes.subarray(at, at + count), had);
    this.#missing -= count;
    if (this.#missing === 0) this.#deliver(gathered, 0, gathered.length);
  }

  #deliver(bytes: Uint8Array, start: number, end: number): void {
    const flag = this.#prefix[0] as number;
    this.#gathered = undefined;
    this.#missing = 0;
    this.#prefixBytes = 0;
    this.#onMessage(flag, bytes, start, end);
  }
}

/** The payload length that an envelope's prefix at `at` announces. */
export function envelopeLength(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at + 1] as number) << 24) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 8) |
      (bytes[at + 4] as number)) >>>
    0
  );
}
