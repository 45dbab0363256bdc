/**
 * gRPC's own bound on retries, for targets whose service config asks for it: a count of tokens that failures take and
 * successes give back slowly, with retries only while more than half are there. It looks at what becomes of attempts,
 * where the retry budget looks at how many calls there are; with both, both must allow an attempt.
 *
 * Source: https://github.com/grpc/proposal/blob/master/A6-client-retries.md ("Throttling Retry Attempts and Hedged
 * RPCs"). One belongs to each target, as there.
 */
export interface RetryThrottleOptions {
  /** Tokens at the start, and at most: more than 0, up to 1000. */
  readonly maxTokens: number;
  /** Tokens that a success gives back: more than 0; three decimals count. */
  readonly tokenRatio: number;
}

export class RetryThrottle {
  readonly #max: number;
  readonly #ratio: number;
  /** In thousandths, so that a thousand successes of 0.001 are a token and not nearly one. */
  #tokens: number;

  constructor({ maxTokens, tokenRatio }: RetryThrottleOptions) {
    if (!(maxTokens > 0 && maxTokens <= 1000))
      throw new RangeError(`maxTokens must be more than 0 and at most 1000, not ${maxTokens}`);
    if (!(tokenRatio > 0)) throw new RangeError(`tokenRatio must be more than 0, not ${tokenRatio}`);
    this.#max = Math.round(maxTokens * UNIT);
    this.#ratio = Math.floor(tokenRatio * UNIT + ROUNDING);
    this.#tokens = this.#max;
  }

  /** An attempt ended well. */
  succeeded(): void {
    this.#tokens = Math.min(this.#max, this.#tokens + this.#ratio);
  }

  /** An attempt failed in a way that calls for another, or the server asked for none. */
  failed(): void {
    this.#tokens = Math.max(0, this.#tokens - UNIT);
  }

  /** Whether attempts beyond the first may be sent. */
  get allows(): boolean {
    return this.#tokens > this.#max / 2;
  }
}

const UNIT = 1000;
/** 0.29 × 1000 is a little less than 290 in binary. */
const ROUNDING = 1e-6;
