/**
 * Latencies of a run in buckets of the same relative width, as HdrHistogram has them: 256 buckets per doubling, so
 * that a quantile is exact to 0.4 % and a hundred million values take a few kilobytes.
 */
export interface Histogram {
  readonly count: number;
  readonly sum: number;
  readonly max: number;
  /** `value` is 0 or more. */
  add(value: number): void;
  /** Adds everything of `other`. */
  merge(other: Histogram): void;
  /** The value below which `q` (0 to 1) of the values lie; NaN when there are none. */
  quantile(q: number): number;
  /** Number of values in each bucket, by bucket. For `merge`. */
  readonly buckets: Float64Array;
}

const perDoubling = 256;
/** Doublings above 1: values to 2^40. Below 1 the buckets are 1/256 wide. */
const doublings = 40;

export function createHistogram(): Histogram {
  const buckets = new Float64Array(perDoubling * (doublings + 1));
  let count = 0;
  let sum = 0;
  let max = 0;

  return {
    buckets,
    get count() {
      return count;
    },
    get sum() {
      return sum;
    },
    get max() {
      return max;
    },
    add(value) {
      const bucket = bucketOf(value);
      buckets[bucket] = (buckets[bucket] as number) + 1;
      count++;
      sum += value;
      if (value > max) max = value;
    },
    merge(other) {
      for (let i = 0; i < buckets.length; i++) {
        buckets[i] = (buckets[i] as number) + (other.buckets[i] as number);
      }
      count += other.count;
      sum += other.sum;
      max = Math.max(max, other.max);
    },
    quantile(q) {
      if (count === 0) return Number.NaN;
      const rank = q * count;
      let seen = 0;
      for (let i = 0; i < buckets.length; i++) {
        const here = buckets[i] as number;
        if (here > 0 && seen + here >= rank) {
          const low = lowerEdge(i);
          return Math.min(max, low + (lowerEdge(i + 1) - low) * ((rank - seen) / here));
        }
        seen += here;
      }
      return max;
    },
  };
}

function bucketOf(value: number): number {
  if (!(value >= 0)) throw new RangeError(`a histogram takes values of 0 or more, not ${value}`);
  if (value < 1) return Math.floor(value * perDoubling);
  const doubling = Math.min(doublings - 1, Math.floor(Math.log2(value)));
  const within = Math.floor((value / 2 ** doubling - 1) * perDoubling);
  return perDoubling * (doubling + 1) + Math.min(perDoubling - 1, Math.max(0, within));
}

function lowerEdge(bucket: number): number {
  if (bucket < perDoubling) return bucket / perDoubling;
  const doubling = Math.floor(bucket / perDoubling) - 1;
  return 2 ** doubling * (1 + (bucket % perDoubling) / perDoubling);
}
