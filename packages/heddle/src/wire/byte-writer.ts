/**
 * The growable output that every encoder of the wire writes into.
 *
 * A connection owns one writer and hands it to frames, HPACK and codecs in turn, so that what is produced
 * together leaves in one write and nothing is allocated for each message. The fields are
 * public on purpose: a hot loop calls `ensure` once, then stores into `bytes` and moves `length` itself.
 */
export class ByteWriter {
  /** The storage. Replaced when it grows: never keep a reference to it over a call to `ensure`. */
  bytes: Uint8Array;
  /** Bytes written so far. */
  length = 0;

  /** @param initialCapacity in bytes; default 16384, which is one HTTP/2 frame of the default size. */
  constructor(initialCapacity = 16384) {
    this.bytes = new Uint8Array(initialCapacity);
  }

  /** Makes room for `extra` more bytes; the storage at least doubles. */
  ensure(extra: number): void {
    if (this.length + extra > this.bytes.length) this.#grow(this.length + extra);
  }

  /** Appends a copy of `chunk`. */
  write(chunk: Uint8Array): void {
    this.ensure(chunk.length);
    this.bytes.set(chunk, this.length);
    this.length += chunk.length;
  }

  /** Appends the low eight bits of `b`. */
  writeByte(b: number): void {
    this.ensure(1);
    this.bytes[this.length++] = b;
  }

  /** Forgets what was written and keeps the storage, unless one giant message has made it large. */
  reset(): void {
    this.length = 0;
    if (this.bytes.length > LARGEST_KEPT_BYTES) this.bytes = new Uint8Array(LARGEST_KEPT_BYTES);
  }

  /** Gives the storage back, if nothing stands in it. */
  release(): void {
    if (this.length === 0) this.bytes = NOTHING;
  }

  /** What was written, without a copy: valid until the next write or `reset`. */
  view(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  #grow(needed: number): void {
    // A leap means one large field: it gets what it needs, and not up to twice as much.
    const grown = new Uint8Array(Math.max(64, 2 * this.bytes.length, needed + (needed >>> 4)));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }
}

const NOTHING = new Uint8Array(0);

/** In bytes; twice what a connection gathers before it writes. */
const LARGEST_KEPT_BYTES = 512 * 1024;
