/**
 * How much a peer may send again, where what it sends is not what the reader reads: each message was made of other bytes
 * than those that came, mostly more of them. What the reader gives back is turned into its share of what came, so that
 * neither many tiny messages nor a few with much around them make the window grow or dry up.
 */
export class TranslatedCredit {
  /** Bytes that came and have not been given back. */
  #came = 0;
  /** Bytes that the reader has been given, and has not given back. */
  #passed = 0;

  came(bytes: number): void {
    this.#came += bytes;
  }

  passed(bytes: number): void {
    this.#passed += bytes;
  }

  /** The reader gives back `bytes`: how many of those that came that is. */
  release(bytes: number): number {
    const given =
      bytes >= this.#passed
        ? this.#came
        : Math.min(this.#came, Math.floor((this.#came * bytes) / this.#passed));
    this.#passed = Math.max(0, this.#passed - bytes);
    this.#came -= given;
    return given;
  }

  /** What came is no whole message yet, and the reader has nothing else: all of it, or it would never become one. */
  releaseUnread(): number {
    return this.#passed === 0 ? this.release(0) : 0;
  }
}
