/**
 * The policies by name, as they stand in configuration. Names are those of gRPC and Envoy where these have the policy. A
 * policy of your own is a function in the place of the name.
 */
import type { Random } from "../runtime/random.ts";
import type { Balancer, Candidate } from "./balancer.ts";
import { createC3 } from "./c3.ts";
import { createDefault } from "./default-balancer.ts";
import { createLeastRequest } from "./least-request.ts";
import { createMaglev } from "./maglev.ts";
import { createPeakEwma } from "./peak-ewma.ts";
import { createPickFirst } from "./pick-first.ts";
import { createPrequal } from "./prequal.ts";
import { createRandom } from "./random.ts";
import { createRingHash } from "./ring-hash.ts";
import { createRoundRobin } from "./round-robin.ts";
import { createUtilizationWeighted } from "./utilization-weighted.ts";
import { createWeightedLeastRequest } from "./weighted-least-request.ts";
import { createWeightedRoundRobin } from "./weighted-round-robin.ts";

const policies = {
  default: createDefault,
  pick_first: createPickFirst,
  round_robin: createRoundRobin,
  random: createRandom,
  weighted_round_robin: createWeightedRoundRobin,
  client_side_weighted_round_robin: createUtilizationWeighted,
  least_request: createLeastRequest,
  weighted_least_request: createWeightedLeastRequest,
  peak_ewma: createPeakEwma,
  c3: createC3,
  prequal: createPrequal,
  ring_hash: createRingHash,
  maglev: createMaglev,
} satisfies Record<string, BalancerFactory>;

export type BalancerPolicyName = keyof typeof policies;

export const balancerPolicyNames = Object.keys(policies) as readonly BalancerPolicyName[];

/** Makes the balancer of one channel, whatever its candidates are besides. Called once per channel. */
export type BalancerFactory = <C extends Candidate>(options: BalancerFactoryOptions) => Balancer<C>;

export interface BalancerFactoryOptions {
  random: Random;
  /** Keeps away from instances that fail. Default true; false where these are taken out of the set (outlier ejection). */
  avoidFailing?: boolean;
}

export type BalancerPolicy = BalancerPolicyName | BalancerFactory;

/** The balancer for a policy. Throws RangeError for a name that does not exist. */
export function createBalancer<C extends Candidate>(
  policy: BalancerPolicy,
  options: BalancerFactoryOptions,
): Balancer<C> {
  if (typeof policy === "function") return policy(options);
  if (Object.hasOwn(policies, policy)) return policies[policy]<C>(options);
  throw new RangeError(`no balancer policy "${String(policy)}"; there are ${balancerPolicyNames.join(", ")}`);
}
