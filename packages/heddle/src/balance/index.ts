/** The entry `heddle/balance`: the seam, the built-in policies, and choosing one by name. */
export type { Random } from "../runtime/random.ts";
export {
  type AttemptOutcome,
  type Balancer,
  type Candidate,
  isAvoided,
  type LoadReport,
} from "./balancer.ts";
export { createLeastRequest, type LeastRequestOptions } from "./least-request.ts";
export { createPeakEwma, type PeakEwmaOptions } from "./peak-ewma.ts";
export {
  type BalancerFactory,
  type BalancerFactoryOptions,
  type BalancerPolicy,
  type BalancerPolicyName,
  balancerPolicyNames,
  createBalancer,
} from "./policies.ts";
export { createRandom } from "./random.ts";
export { createRoundRobin } from "./round-robin.ts";
export { createWeightedRoundRobin } from "./weighted-round-robin.ts";
export {
  chooseByHotCold,
  createRifWindow,
  isBetterByHotCold,
  type Load,
  type RifWindow,
} from "./hot-cold.ts";
export { createLoadMeter, type LoadMeter, type LoadMeterOptions } from "./load-meter.ts";
export { createPrequal, type PrequalOptions } from "./prequal.ts";
export type { ProbePoolOptions } from "./probe-pool.ts";
export type { ProbingBalancer } from "./probing.ts";
export { type C3Options, createC3 } from "./c3.ts";
export { createLinear, type LinearOptions } from "./linear.ts";
export { createPickFirst } from "./pick-first.ts";
export { createPolledTwoChoices, type PolledTwoChoicesOptions } from "./polled-two-choices.ts";
export { createUtilizationWeighted, type UtilizationWeightedOptions } from "./utilization-weighted.ts";
export { createWeightedLeastRequest, type WeightedLeastRequestOptions } from "./weighted-least-request.ts";
export { hashKey } from "./hash-key.ts";
export { createMaglev, type MaglevOptions } from "./maglev.ts";
export { createRingHash, type RingHashOptions } from "./ring-hash.ts";
export { createDefault, type DefaultBalancer, type DefaultBalancerOptions } from "./default-balancer.ts";
export { createLoadScore, type LoadScoreOptions } from "./load-score.ts";
export type { LoadCostOptions } from "./load-cost.ts";
export { createProbedScore, type ProbedScoreOptions } from "./probed-score.ts";
export {
  createLocalityPriority,
  type LocalityPriorityOptions,
  levelShares,
} from "./locality-priority.ts";
export { createPanicThreshold, type PanicThresholdOptions } from "./panic-threshold.ts";
export { createSlowStart, type SlowStarting, type SlowStartOptions } from "./slow-start.ts";
export { createSubset, type SubsetOptions, subsetOf } from "./subset.ts";
