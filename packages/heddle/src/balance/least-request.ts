/**
 * Least request: the instance with the fewest calls of ours in flight for its weight, (inFlight + 1) / weight. The
 * "+ 1" is the call to be placed, so that an idle heavy instance is preferred to an idle light one.
 *
 * Small sets are scanned as a whole; ties go to the next one after the last pick, so that idle instances take turns.
 * (Two choices among two instances, drawn with replacement as Envoy does, pick the busier one a quarter of the
 * time.) Large sets use the better of two distinct random ones, drawn in proportion to weight: a pick costs the
 * same for a thousand instances, and the longest queue grows with log log n instead of log n (Mitzenmacher, "The
 * Power of Two Choices in Randomized Load Balancing", 2001).
 */
import type { Random } from "../runtime/random.ts";
import { systemRandom } from "../runtime/random.ts";
import type { Balancer, Candidate } from "./balancer.ts";
import { isAvoided } from "./balancer.ts";
import { carryTurn } from "./turn-order.ts";
import { effectiveWeights } from "./weights.ts";

export interface LeastRequestOptions {
  random?: Random;
  /** Largest set that is scanned as a whole. Default 16. */
  fullScanUpTo?: number;
}

export function createLeastRequest<C extends Candidate>(options: LeastRequestOptions = {}): Balancer<C> {
  const { random = systemRandom, fullScanUpTo = 16 } = options;
  let set: readonly C[] = [];
  let weights = new Float64Array(0);
  /** Running sums of the weights, to draw by weight; undefined while all weights are equal. */
  let sums: Float64Array | undefined;
  /** Where the next scan starts: behind the last pick of a scan, so that those who tie take turns. */
  let turn = 0;

  /** Whether `a` would carry less than `b`; cross-multiplied, so that a weight of 0 is merely the last choice. */
  function isLess(a: number, b: number): boolean {
    const loadA = (set[a] as C).inFlight + 1;
    const loadB = (set[b] as C).inFlight + 1;
    return loadA * (weights[b] as number) < loadB * (weights[a] as number);
  }

  function scan(avoid: readonly C[] | undefined): C | undefined {
    let best = -1;
    for (let step = 0, i = turn; step < set.length; step++, i++) {
      if (i >= set.length) i = 0;
      if (avoid !== undefined && isAvoided(set[i] as C, avoid)) continue;
      if (best < 0 || isLess(i, best)) best = i;
    }
    if (best < 0) return undefined;
    turn = best + 1;
    return set[best];
  }

  function draw(): number {
    return sums === undefined ? random.below(set.length) : indexOfSum(sums, random.next());
  }

  /** A drawn index that is neither `other` nor avoided; -1 when luck does not find one soon. */
  function drawEligible(avoid: readonly C[] | undefined, other: number): number {
    for (let attempt = 0; attempt < maxDraws; attempt++) {
      const index = draw();
      if (index !== other && !isAvoided(set[index] as C, avoid)) return index;
    }
    return -1;
  }

  return {
    name: "least_request",

    update(candidates) {
      ({ order: set, turn } = carryTurn({ order: set, turn }, candidates, random));
      weights = effectiveWeights(set);
      sums = runningSums(weights);
    },

    pick(avoid) {
      if (set.length <= fullScanUpTo) return scan(avoid);
      const first = drawEligible(avoid, -1);
      const second = first < 0 ? -1 : drawEligible(avoid, first);
      if (second < 0) return scan(avoid);
      return set[isLess(second, first) ? second : first];
    },
  };
}

/** Draws before a scan settles it: reached where most are avoided, or one weight outweighs all others. */
const maxDraws = 8;

function runningSums(weights: Float64Array): Float64Array | undefined {
  if (weights.every((weight) => weight === weights[0])) return undefined;
  let total = 0;
  return weights.map((weight) => (total += weight));
}

/** The first index whose running sum is above `share` (in [0, 1)) of the total; weights of 0 are never met. */
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
