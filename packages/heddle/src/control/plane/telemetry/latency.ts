/**
 * How long calls took, as counts of exponential buckets, each 2^(1/8) wider than the one before: what processes report. Two
 * are added by adding their counts, and a percentile is right to nine per cent. Pure.
 */
export interface Latency {
  /** Index of the first of `counts`: it holds what is above 2^(first/8) seconds. */
  first: number;
  counts: number[];
}

/** Adds to `into`, which is changed. */
export function addLatency(into: Latency, first: number, counts: readonly number[]): void {
  if (counts.length === 0) return;
  if (into.counts.length === 0) into.first = first;
  while (into.first > first) {
    into.counts.unshift(0);
    into.first--;
  }
  const shift = first - into.first;
  counts.forEach((count, i) => {
    while (into.counts.length <= shift + i) into.counts.push(0);
    into.counts[shift + i] = (into.counts[shift + i] as number) + count;
  });
}

/** In milliseconds: the upper edge of the bucket in which the share of the calls is reached; null without calls. */
export function percentileMs({ first, counts }: Latency, share: number): number | null {
  const all = counts.reduce((sum, count) => sum + count, 0);
  if (all === 0) return null;
  let reached = 0;
  for (const [i, count] of counts.entries()) {
    reached += count;
    if (reached >= all * share) return Number((1000 * 2 ** ((first + i + 1) / 8)).toPrecision(3));
  }
  return null;
}

/** What is reported lies between these: a microsecond and some years. */
export const LEAST_BUCKET = -161;
export const LAST_BUCKET = 400;
