/**
 * The policies by name, as they stand in configuration. Names are those of gRPC and Envoy. A policy of your own is
 * a function in the place of the name.
 */
import type { Random } from "../runtime/random.ts";
import type { Balancer, Candidate } from "./balancer.ts";
import { createLeastRequest } from "./least-request.ts";
import { createRandom } from "./random.ts";
import { createRoundRobin } from "./round-robin.ts";
import { createWeightedRoundRobin } from "./weighted-round-robin.ts";

export const balancerPolicyNames = [
  "round_robin",
  "random",
  "weighted_round_robin",
  "least_request",
] as const;

export type BalancerPolicyName = (typeof balancerPolicyNames)[number];

/** Makes the balancer of one channel, whatever its candidates are besides. Called once per channel. */
export type BalancerFactory = <C extends Candidate>(options: BalancerFactoryOptions) => Balancer<C>;

export interface BalancerFactoryOptions {
  random: Random;
}

export type BalancerPolicy = BalancerPolicyName | BalancerFactory;

/** The balancer for a policy. Throws RangeError for a name that does not exist. */
export function createBalancer<C extends Candidate>(
  policy: BalancerPolicy,
  options: BalancerFactoryOptions,
): Balancer<C> {
  if (typeof policy === "function") return policy(options);
  switch (policy) {
    case "round_robin":
      return createRoundRobin(options);
    case "random":
      return createRandom(options);
    case "weighted_round_robin":
      return createWeightedRoundRobin(options);
    case "least_request":
      return createLeastRequest(options);
    default:
      throw new RangeError(
        `no balancer policy "${String(policy)}"; there are ${balancerPolicyNames.join(", ")}`,
      );
  }
}
