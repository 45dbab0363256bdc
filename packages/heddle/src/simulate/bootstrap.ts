/**
 * Comparing two policies over many seeds. Every seed is one world, met by both: the differences are taken seed by
 * seed, and the bootstrap (Efron) tells within which bounds their mean lies. No assumption about how they are
 * distributed, which for a 99.9 % quantile would be wrong.
 */
import { createSeededRandom } from "../runtime/random.ts";

export interface Interval {
  readonly mean: number;
  /** The mean lies between these with 95 % confidence. */
  readonly low: number;
  readonly high: number;
}

/** Of the mean of `values`. Deterministic. */
export function bootstrapMean(values: readonly number[], resamples = 2000): Interval {
  if (values.length === 0) throw new RangeError("the mean of nothing");
  const random = createSeededRandom(values.length);
  const means = new Float64Array(resamples);
  for (let i = 0; i < resamples; i++) {
    let sum = 0;
    for (let j = 0; j < values.length; j++) sum += values[random.below(values.length)] as number;
    means[i] = sum / values.length;
  }
  means.sort();
  return {
    mean: values.reduce((sum, value) => sum + value, 0) / values.length,
    low: means[Math.floor(0.025 * resamples)] as number,
    high: means[Math.ceil(0.975 * resamples) - 1] as number,
  };
}

/** Of the mean of the differences of values that stand at the same index, which are of the same seed. */
export function pairedDifference(values: readonly number[], others: readonly number[]): Interval {
  if (values.length !== others.length) throw new RangeError("pairs need a partner each");
  return bootstrapMean(values.map((value, i) => value - (others[i] as number)));
}
