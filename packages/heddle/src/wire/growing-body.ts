/**
 * A body without envelopes, as it comes. Mostly that is in one piece, which is then used where it lies; otherwise the
 * pieces are copied into room that grows with what has come, so that many tiny ones cost no more than their bytes.
 */
export class GrowingBody {
  /** Bytes so far. */
  length = 0;
  #bytes: Uint8Array = NOTHING;
  #isOwn = false;

  /** Takes `bytes[start, end)`; the array must stay as it is. */
  push(bytes: Uint8Array, start: number, end: number): void {
    const count = end - start;
    if (count === 0) return;
    if (this.length === 0) this.#bytes = bytes.subarray(start, end);
    else {
      this.#makeRoom(count);
      this.#bytes.set(bytes.subarray(start, end), this.length);
    }
    this.length += count;
  }

  whole(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  #makeRoom(count: number): void {
    if (this.#isOwn && this.length + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(2 * (this.length + count), 1024));
    grown.set(this.#bytes.subarray(0, this.length));
    this.#bytes = grown;
    this.#isOwn = true;
  }
}

const NOTHING = new Uint8Array(0);
