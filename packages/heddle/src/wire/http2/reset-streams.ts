/**
 * The streams that we reset lately. The peer may have sent more on them before it learned of it; such frames
 * are let pass (RFC 9113 §5.1, "closed").
 *
 * A peer with a thousand streams can lose them all in one moment, to a deadline that they share, so a few
 * thousand are remembered. A ring beside the set finds the oldest in constant time.
 */
export class ResetStreams {
  readonly #ids = new Set<number>();
  readonly #ring: number[] = [];
  #next = 0;

  add(id: number): void {
    if (this.#ids.has(id)) return;
    const oldest = this.#ring[this.#next];
    if (oldest !== undefined) this.#ids.delete(oldest);
    this.#ids.add(id);
    this.#ring[this.#next] = id;
    this.#next = (this.#next + 1) % REMEMBERED;
  }

  has(id: number): boolean {
    return this.#ids.has(id);
  }
}

const REMEMBERED = 4096;
