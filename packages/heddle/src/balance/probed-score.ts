/**
 * The half of the default for sets too large to know each instance at any time: Prequal's probes and pool (`probing.ts`),
 * compared by what a call would cost (`load-cost.ts`). With too few answers to go by it is two choices by the same
 * averages, which outlive the answers, and by our own calls in flight.
 */
import type { Random } from "../runtime/random.ts";
import { systemRandom } from "../runtime/random.ts";
import type { Candidate } from "./balancer.ts";
import {
  createLatencyAverage,
  createLoadCost,
  type LatencyAverage,
  type LoadCostOptions,
} from "./load-cost.ts";
import type { Member } from "./choice-set.ts";
import type { ProbePoolOptions } from "./probe-pool.ts";
import { createProbing, type ProbingBalancer, type ProbingState } from "./probing.ts";

export interface ProbedScoreOptions extends LoadCostOptions, Omit<ProbePoolOptions, "random"> {
  random?: Random;
}

export function createProbedScore<C extends Candidate>(options: ProbedScoreOptions = {}): ProbingBalancer<C> {
  const { random = systemRandom } = options;
  const cost = createLoadCost(options);
  const costOfOwn = ({ candidate, state }: Member<C, ProbingState<LatencyAverage>>) =>
    cost.of(state.rule.averageMs, candidate.inFlight);

  return createProbing<C, LatencyAverage>(
    {
      name: "probed_score",
      createState: createLatencyAverage,
      costOf: ({ latencyMs, rif }) => cost.of(latencyMs, rif),
      isBetterUnprobed: (a, b) => costOfOwn(a) * b.weight < costOfOwn(b) * a.weight,
      // The pool keeps the average in place of what was reported: it does not change until the next answer.
      answered: (average, nowMs, report) => cost.note(average, nowMs, report),
    },
    { ...options, random },
  );
}
