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
  length = 0;
  /** Where the message begins. Nothing before it is of interest to its encoder. */
  #start = 0;
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
    this.bytes.set(from.subarray(this.#start, this.length), this.#start);
  }

  /** The message that has been written. */
  finish(): Uint8Array {
    const { bytes, length } = this;
    const start = this.#start;
    if (bytes !== this.#block) return bytes.slice(start, length);
    this.#start = length;
    return new Uint8Array(bytes.buffer, start, length - start);
  }

  /** Ready for the next message, behind the last one that was finished. */
  rewind(): void {
    if (this.#large.length > MOST_KEPT) this.#large = NOTHING;
    if (this.#start + LEAST_LEFT > BLOCK_BYTES) {
      this.#block = new Uint8Array(BLOCK_BYTES);
      this.#start = 0;
    }
    this.bytes = this.#block;
    this.length = this.#start;
  }
}

const NOTHING = new Uint8Array(0);

/** Not there while somebody encodes: a getter of an init object may encode as well. */
let idle: EncodeSlab | undefined;

/** Storage for one message; `giveBack` when it is finished, or failed. */
export function takeSlab(): EncodeSlab {
  const slab = idle ?? new EncodeSlab();
  idle = undefined;
  return slab;
}

export function giveBack(slab: EncodeSlab): void {
  slab.rewind();
  idle = slab;
}

/** The same bytes in an array that shares its storage with no other, for those that are kept. */
export function unshared(bytes: Uint8Array): Uint8Array {
  return bytes.length < bytes.buffer.byteLength ? bytes.slice() : bytes;
}
