/**
 * Small messages that wait for a slow reader, side by side in one block.
 *
 * A peer that sends empty messages to a reader who does not read would otherwise make us keep an object and a
 * view for every five bytes: thirty times what it sent (measured), and windows count only what it sent.
 */
import type { InboxMessage } from "./inbox.ts";

/** A payload of this size or more is its own block: what keeping it costs no longer counts. */
export const SMALL_BYTES = 1024;

const FIRST_ROOM_BYTES = 512;
const MAX_ROOM_BYTES = 16 * 1024;

/** Flag and length before each payload. */
const PREFIX_BYTES = 3;

export class SmallMessages {
  #bytes = new Uint8Array(FIRST_ROOM_BYTES);
  #from = 0;
  #to = 0;

  get isEmpty(): boolean {
    return this.#from === this.#to;
  }

  /** Copies a message of less than `SMALL_BYTES` to the end; false when the block is full. */
  add(flag: number, from: Uint8Array, start: number, end: number): boolean {
    const length = end - start;
    const to = this.#to + PREFIX_BYTES + length;
    if (to > MAX_ROOM_BYTES) return false;
    if (to > this.#bytes.length) this.#grow(to);
    const bytes = this.#bytes;
    bytes[this.#to] = flag;
    bytes[this.#to + 1] = length >>> 8;
    bytes[this.#to + 2] = length & 255;
    bytes.set(from.subarray(start, end), this.#to + PREFIX_BYTES);
    this.#to = to;
    return true;
  }

  /** Takes the first message out; there is one. Nothing writes to its bytes again. */
  take(): InboxMessage {
    const bytes = this.#bytes;
    const flag = bytes[this.#from] as number;
    const start = this.#from + PREFIX_BYTES;
    const end = start + (((bytes[this.#from + 1] as number) << 8) | (bytes[this.#from + 2] as number));
    this.#from = end;
    return { flag, bytes, start, end };
  }

  #grow(needed: number): void {
    const grown = new Uint8Array(Math.min(MAX_ROOM_BYTES, Math.max(needed, this.#bytes.length * 2)));
    grown.set(this.#bytes.subarray(0, this.#to));
    this.#bytes = grown;
  }
}
