/**
 * Where requests are encoded: one growing block for many small messages.
 *
 * A request must be kept until its call is over, for another attempt may need it; an array of its own for
 * each would cost more than encoding it does. Calls hold a range of the block, and when the last of them is
 * over the block is garbage like anything else.
 */
import type { ByteSink } from "../contract/codec/byte-sink.ts";

/** Size of a block. A call that lasts pins its block, so it is not large. */
const SLAB_BYTES = 32 * 1024;

/** A block with less room is left to those who use it: most messages fit in this. */
const MIN_ROOM_BYTES = 2048;

export class RequestSlab implements ByteSink {
  bytes = new Uint8Array(SLAB_BYTES);
  length = 0;
  /** Where the message being written begins. */
  start = 0;

  /** Begins the next message. */
  begin(): void {
    if (this.bytes.length - this.length < MIN_ROOM_BYTES) {
      this.bytes = new Uint8Array(SLAB_BYTES);
      this.length = 0;
    }
    this.start = this.length;
  }

  /** Positions stand; only the message in the making moves, for those before it keep the old block. */
  ensure(extra: number): void {
    const needed = this.length + extra;
    if (needed <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    larger.set(this.bytes.subarray(this.start, this.length), this.start);
    this.bytes = larger;
  }
}
