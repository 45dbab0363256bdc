/**
 * Quantiles of latencies, such as "slower than 98 % of the calls", while they come in. A histogram with buckets of
 * equal relative width, as HdrHistogram and DDSketch have: recording is a few integer operations and allocates
 * nothing, the answer is at most 1/32 off, and the buckets fade, so that it follows a service that changes.
 *
 * Why not P² (five markers, no buckets)? It has no way to forget, and reacts badly to a distribution of two humps,
 * which is what the latencies of a service with slow instances are.
 * Sources: Masson, Rim, Lee, "DDSketch", VLDB 2019; http://hdrhistogram.org.
 */
export class LatencyQuantile {
  readonly #counts = new Float32Array(BUCKETS);
  #total = 0;

  /** Latencies recorded, less what has faded. */
  get count(): number {
    return this.#total;
  }

  record(latencyMs: number): void {
    const index = bucketOf(latencyMs);
    this.#counts[index] = (this.#counts[index] as number) + 1;
    this.#total++;
  }

  /** All that was recorded weighs `share` of what it did. */
  fade(share: number): void {
    const counts = this.#counts;
    let total = 0;
    for (let i = 0; i < BUCKETS; i++) {
      const count = (counts[i] as number) * share;
      // What is nearly nothing would be dragged along for ever.
      counts[i] = count < 1e-3 ? 0 : count;
      total += counts[i] as number;
    }
    this.#total = total;
  }

  /** In ms: the latency that the share 1 - `quantile` of them exceeds. 0 when there are none. */
  at(quantile: number): number {
    const counts = this.#counts;
    let above = this.#total * (1 - quantile);
    for (let i = BUCKETS - 1; i >= 0; i--) {
      const count = counts[i] as number;
      // Within a bucket they are taken to lie evenly.
      if (count > above) return lowerEdgeMs(i + 1) - (lowerEdgeMs(i + 1) - lowerEdgeMs(i)) * (above / count);
      above -= count;
    }
    return 0;
  }
}

/** Buckets for each doubling; below 32 µs one for each microsecond. */
const STEPS = 32;
const STEP_BITS = 5;
/** 2^31 - 1 µs, 36 minutes, is the longest that is told apart. */
const MAX_MICROS = 2 ** 31 - 1;
const BUCKETS = STEPS * (31 - STEP_BITS + 1);

function bucketOf(latencyMs: number): number {
  // Not a number, and less than nothing, count as nothing: a clock that steps is no reason to fail.
  const micros = latencyMs > 0 ? Math.min(latencyMs * 1000, MAX_MICROS) | 0 : 0;
  if (micros < STEPS) return micros;
  const exponent = 31 - Math.clz32(micros);
  const shift = exponent - STEP_BITS;
  return (shift + 1) * STEPS + ((micros >>> shift) & (STEPS - 1));
}

function lowerEdgeMs(index: number): number {
  if (index < STEPS) return index / 1000;
  const shift = Math.floor(index / STEPS) - 1;
  return ((STEPS + (index % STEPS)) * 2 ** shift) / 1000;
}
