/**
 * Drawing at random in proportion to weights: in one step while all weights are equal, else by a search in their
 * running sums. A draw allocates nothing.
 */
import type { Random } from "../runtime/random.ts";

export interface WeightedDraw {
  /** Takes weights of which at least one is above 0, see `effectiveWeights`. */
  reset(weights: Float64Array): void;
  /** An index in [0, length). A weight of 0 is never drawn. There must be weights. */
  draw(): number;
}

export function createWeightedDraw(random: Random): WeightedDraw {
  let length = 0;
  let sums: Float64Array | undefined;

  return {
    reset(weights) {
      length = weights.length;
      sums = runningSums(weights);
    },
    draw: () => (sums === undefined ? random.below(length) : indexOfSum(sums, random.next())),
  };
}

function runningSums(weights: Float64Array): Float64Array | undefined {
  if (weights.every((weight) => weight === weights[0])) return undefined;
  let total = 0;
  return weights.map((weight) => (total += weight));
}

/** The first index whose running sum is above `share` (in [0, 1)) of the total. */
function indexOfSum(sums: Float64Array, share: number): number {
  const target = share * (sums[sums.length - 1] as number);
  let low = 0;
  let high = sums.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sums[middle] as number) > target) high = middle;
    else low = middle + 1;
  }
  return low;
}
