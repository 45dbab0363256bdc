/**
 * Least request as Envoy does it where weights are unequal: weighted turns (`edf.ts`) with the weight
 * w / (inFlight + 1)^bias, as it is when the turn is taken. No instance is ever left out, busy or not, which is what
 * distinguishes it from `least_request`. Bias 0 is plain weighted round robin.
 */
import type { Random } from "../runtime/random.ts";
import { systemRandom } from "../runtime/random.ts";
import type { Balancer, Candidate } from "./balancer.ts";
import { isAvoided } from "./balancer.ts";
import { createEdfSchedule } from "./edf.ts";
import { effectiveWeights } from "./weights.ts";

export interface WeightedLeastRequestOptions {
  random?: Random;
  /** `active_request_bias`, 0 or more. Default 1. */
  bias?: number;
}

export function createWeightedLeastRequest<C extends Candidate>(
  options: WeightedLeastRequestOptions = {},
): Balancer<C> {
  const { random = systemRandom, bias = 1 } = options;
  const schedule = createEdfSchedule(random);
  let set: readonly C[] = [];
  let weights = new Float64Array(0);
  let avoided: readonly C[] | undefined;

  function weightAt(index: number): number {
    const weight = Math.max(weights[index] as number, almostNothing);
    const load = (set[index] as C).inFlight + 1;
    return bias === 1 ? weight / load : weight / load ** bias;
  }

  const mayBePicked = (index: number) => !isAvoided(set[index] as C, avoided);

  return {
    name: "weighted_least_request",

    update(candidates) {
      const isSame = candidates.length === set.length && candidates.every(({ id }, i) => set[i]?.id === id);
      set = [...candidates];
      weights = effectiveWeights(set);
      if (!isSame) schedule.reset(set.length, weightAt);
    },

    pick(avoid) {
      avoided = avoid;
      return set[schedule.pick(avoid === undefined || avoid.length === 0 ? undefined : mayBePicked)];
    },
  };
}

/** A weight of 0: its first turn comes after everyone else's millionth, unless they are avoided. */
const almostNothing = 1e-12;
