/**
 * Least request: the instance with the fewest calls of ours in flight for its weight, (inFlight + 1) / weight. The
 * "+ 1" is the call to be placed, so that an idle heavy instance is preferred to an idle light one. Small sets are
 * scanned as a whole, larger ones by two choices (`choice-set.ts`).
 *
 * The rules "LeastLoaded" and "LL-Po2C" of the Prequal paper are `fullScanUpTo: Infinity` and `fullScanUpTo: 0`.
 */
import type { Random } from "../runtime/random.ts";
import { systemRandom } from "../runtime/random.ts";
import type { Balancer, Candidate } from "./balancer.ts";
import { createChoiceSet, isLessLoaded } from "./choice-set.ts";

export interface LeastRequestOptions {
  random?: Random;
  /** Largest set that is scanned as a whole. Default 16. */
  fullScanUpTo?: number;
}

export function createLeastRequest<C extends Candidate>(options: LeastRequestOptions = {}): Balancer<C> {
  const { random = systemRandom, fullScanUpTo = 16 } = options;
  const set = createChoiceSet<C, undefined>({
    random,
    fullScanUpTo,
    createState: () => undefined,
    isBetter: isLessLoaded,
  });

  return {
    name: "least_request",
    update: (candidates) => set.update(candidates),
    pick: (avoid) => set.pick(avoid)?.candidate,
  };
}
