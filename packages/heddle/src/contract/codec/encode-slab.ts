/**
 * Where `encode` writes. To allocate an array of its own costs three times as much as to encode a small message
 * into it, so small messages are written one after the other into a block, and each is a view of it. A block is
 * never written twice, and lives as long as the last of its messages.
 *
 * A message that does not fit into what is left of its block goes on in storage that is used again and again, and
 * is copied from there into an array of exactly its size.
 */
import type { ByteSink } from "./byte-sink.ts";

const BLOCK_BYTES = 64 * 1024;

/** With less than this left a new block begins, so that most small messages fit. */
const LEAST_LEFT = 4096;

/** Storage for large messages that is kept from one to the next; a giant one is not to stay for ever. */
const MOST_KEPT = 1024 * 1024;

class EncodeSlab implements ByteSink {
  bytes = new Uint8Array(BLOCK_BYTES);
  /** Also where the next message begins. */
  length = 0;
  /** Where the current message begins. Nothing before it is of interest to its encoder. */
  start = 0;
  #block = this.bytes;
  #large = NOTHING;

  ensure(extra: number): void {
    const needed = this.length + extra;
    if (needed <= this.bytes.length) return;
    const from = this.bytes;
    if (from !== this.#large && needed <= this.#large.length) {
      this.bytes = this.#large;
    } else {
      this.bytes = new Uint8Array(Math.max(needed, from.length * 2));
      this.#large = this.bytes;
    }
    this.bytes.set(from.subarray(this.start, this.length), this.start);
  }

  /** The message that was written from `start` on. */
  finish(start: number): Uint8Array {
    const { bytes, length } = this;
    if (bytes === this.#block) {
      const message = new Uint8Array(bytes.buffer, start, length - start);
      this.release(length);
      return message;
    }
    const message = bytes.slice(start, length);
    this.release(start);
    return message;
  }

  /** Lets the next message begin at `at`, in the block or in a new one. */
  release(at: number): void {
    if (this.#large.length > MOST_KEPT) this.#large = NOTHING;
    if (at + LEAST_LEFT > BLOCK_BYTES) {
      this.#block = new Uint8Array(BLOCK_BYTES);
      this.length = 0;
    } else this.length = at;
    this.bytes = this.#block;
    idle = this;
  }
}

const NOTHING = new Uint8Array(0);

/** Not there while somebody encodes: a getter of an init object may encode as well. */
let idle: EncodeSlab | undefined;

/** Given back by `finish` or `release`. */
export function takeSlab(): EncodeSlab {
  const slab = idle ?? new EncodeSlab();
  idle = undefined;
  slab.start = slab.length;
  return slab;
}
