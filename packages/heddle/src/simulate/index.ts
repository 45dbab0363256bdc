/**
 * `heddle/simulate`: a fleet in virtual time, to choose a balancing policy and to prove a choice. Production
 * balancers run in it unmodified, and so does yours:
 *
 * ```ts
 * const scenario = { ...testBed, load: 0.9 };
 * const trace = drawTrace(scenario, 1);
 * for (const policy of [simulatedPolicies.roundRobin, { name: "mine", create: createMine }]) {
 *   console.log(toCsvLine(simulate(scenario, trace, policy)));
 * }
 * ```
 */
export { oracle } from "./oracle.ts";
export { bootstrapMean, type Interval, pairedDifference } from "./bootstrap.ts";
export {
  bimodal,
  cappedPareto,
  clampedNormal,
  constant,
  type Distribution,
  exponential,
  resampledNormal,
} from "./distributions.ts";
export { createEventLoop } from "./event-loop.ts";
export { createHistogram, type Histogram } from "./histogram.ts";
export type { Antagonists, Hobbling, Machines } from "./machines.ts";
export { csvHeader, type Outcome, toCsvLine } from "./outcome.ts";
export {
  type OverloadOutcome,
  type OverloadScenario,
  type Retries,
  simulateOverload,
} from "./overload.ts";
export { type SimulatedPolicyName, simulatedPolicies } from "./policies.ts";
export { createProcessorSharing } from "./processor-sharing.ts";
export { callsPerSecond, type Failing, type Network, type Scenario } from "./scenario.ts";
export {
  burstyTraffic,
  fastAndSlow,
  fastFailing,
  hobbled,
  hobbledBed,
  neighbours,
  nodeFleet,
  quietBed,
  skewedClients,
  smallFleet,
  testBed,
} from "./scenarios.ts";
export type { Capacity, ServerModel } from "./server-model.ts";
export type { FleetView, PolicyContext, SimulatedCandidate, SimulatedPolicy } from "./simulated-policy.ts";
export { type SimulationHooks, simulate } from "./simulation.ts";
export { drawTrace, type Trace } from "./trace.ts";
export type { Traffic } from "./traffic.ts";
export { createWorkerPool } from "./worker-pool.ts";
