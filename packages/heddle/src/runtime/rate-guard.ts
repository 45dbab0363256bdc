/**
 * A counter for attack limits: resets per second, pings per second, empty frames per second. A token bucket that
 * holds `limit` and refills evenly over `perMs`, so that a burst up to the limit is fine and a steady rate above
 * it is not. Over any stretch of t ms at most limit × (1 + t / perMs) hits pass. Allocates nothing per hit and
 * reads no clock.
 */
export class RateGuard {
  readonly #limit: number;
  readonly #perMs: number;
  #left: number;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(options: {
    /** Hits allowed at once. */ limit: number /** Time to earn them all back. */;
    perMs: number;
  }) {
    const { limit, perMs } = options;
    if (!(limit >= 0)) throw new RangeError(`limit must be 0 or more, not ${limit}`);
    if (!(perMs > 0)) throw new RangeError(`perMs must be more than 0, not ${perMs}`);
    this.#limit = limit;
    this.#perMs = perMs;
    this.#left = limit;
  }

  /** Counts `n` hits. True: over the limit, and the hits are not counted. A clock that steps back earns nothing. */
  hit(nowMs: number, n: number = 1): boolean {
    if (nowMs > this.#lastMs) {
      if (this.#left < this.#limit) {
        const earned = ((nowMs - this.#lastMs) * this.#limit) / this.#perMs;
        this.#left = Math.min(this.#limit, this.#left + earned);
      }
      this.#lastMs = nowMs;
    }
    if (n > this.#left) return true;
    this.#left -= n;
    return false;
  }
}
