/**
 * Weighted round robin by what instances report (gRPC A58, Envoy `client_side_weighted_round_robin`): the weight is
 * the throughput per utilization, requestsPerSecond / (utilization + errorsPerSecond / requestsPerSecond · penalty), so
 * that all end up equally busy. Turns are taken by earliest deadline (`edf.ts`); weights are renewed once a second.
 *
 * A newcomer's weight counts after 10 s of reports; that of one who has been silent for 3 min, no longer. Those
 * without a weight get the average; with fewer than two weights it is plain round robin.
 */
import type { Random } from "../runtime/random.ts";
import { systemRandom } from "../runtime/random.ts";
import type { Balancer, Candidate } from "./balancer.ts";
import { isAvoided } from "./balancer.ts";
import { createEdfSchedule } from "./edf.ts";
import { effectiveWeights } from "./weights.ts";

export interface UtilizationWeightedOptions {
  random?: Random;
  /** Time of reports before a weight counts. Default 10 000. */
  blackoutMs?: number;
  /** Silence after which it no longer counts. Default 180 000. */
  expiryMs?: number;
  /** Time between two renewals of the schedule. Default 1000, at least 100. */
  everyMs?: number;
  /** Weight of errors against utilization. Default 1. */
  errorPenalty?: number;
}

interface Reported<C extends Candidate> {
  candidate: C;
  weight: number;
  /** Since when it reports without a gap; NaN: it does not. */
  sinceMs: number;
  lastMs: number;
}

export function createUtilizationWeighted<C extends Candidate>(
  options: UtilizationWeightedOptions = {},
): Required<Omit<Balancer<C>, "ended" | "probeTargets">> {
  const { random = systemRandom, blackoutMs = 10_000, expiryMs = 180_000, errorPenalty = 1 } = options;
  const everyMs = Math.max(100, options.everyMs ?? 1000);
  const schedule = createEdfSchedule(random);
  const clock = { nowMs: 0, dueMs: Number.NEGATIVE_INFINITY };
  let byId = new Map<string, Reported<C>>();
  let members: Reported<C>[] = [];
  /** Of the candidates themselves: 0 takes calls only when no other can. */
  let ownWeights = new Float64Array(0);
  let weights = new Float64Array(0);
  let avoided: readonly C[] | undefined;

  const weightAt = (index: number) => weights[index] as number;
  const mayBePicked = (index: number) => !isAvoided((members[index] as Reported<C>).candidate, avoided);

  function usableWeight(member: Reported<C>): number {
    if (clock.nowMs - member.lastMs >= expiryMs) member.sinceMs = Number.NaN;
    return clock.nowMs - member.sinceMs >= blackoutMs ? member.weight : 0;
  }

  function renew(): void {
    clock.dueMs = clock.nowMs + everyMs;
    const reported = members.map(usableWeight);
    const known = reported.filter((weight) => weight > 0);
    const average = known.length < 2 ? 1 : known.reduce((sum, weight) => sum + weight / known.length, 0);
    weights = Float64Array.from(reported, (weight, index) => {
      const isOut = ownWeights[index] === 0;
      return (known.length < 2 || weight === 0 ? average : weight) * (isOut ? almostNothing : 1);
    });
    schedule.reset(members.length, weightAt);
  }

  return {
    name: "client_side_weighted_round_robin",

    update(candidates, nowMs = clock.nowMs) {
      clock.nowMs = nowMs;
      ownWeights = effectiveWeights(candidates);
      members = candidates.map((candidate) => {
        const known = byId.get(candidate.id) ?? {
          candidate,
          weight: 0,
          sinceMs: Number.NaN,
          lastMs: Number.NaN,
        };
        known.candidate = candidate;
        return known;
      });
      byId = new Map(members.map((member) => [member.candidate.id, member]));
      renew();
    },

    pick(avoid, nowMs = clock.nowMs) {
      clock.nowMs = nowMs;
      if (nowMs >= clock.dueMs) renew();
      avoided = avoid;
      const index = schedule.pick(avoid === undefined || avoid.length === 0 ? undefined : mayBePicked);
      return members[index]?.candidate;
    },

    reported(candidate, nowMs, report) {
      const member = byId.get(candidate.id);
      const weight = weightOf(report, errorPenalty);
      if (member === undefined || !(weight > 0)) return;
      if (Number.isNaN(member.sinceMs) || nowMs - member.lastMs >= expiryMs) member.sinceMs = nowMs;
      member.weight = weight;
      member.lastMs = nowMs;
    },
  };
}

interface Throughput {
  readonly utilization: number;
  readonly requestsPerSecond: number;
  readonly errorsPerSecond: number;
}

/** A58's formula; 0 where a report does not say enough. */
export function weightOf(report: Throughput, errorPenalty: number): number {
  const { utilization, requestsPerSecond, errorsPerSecond } = report;
  if (!(utilization > 0) || !(requestsPerSecond > 0)) return 0;
  const penalty = errorsPerSecond > 0 ? (errorsPerSecond / requestsPerSecond) * errorPenalty : 0;
  const weight = requestsPerSecond / (utilization + penalty);
  return Number.isFinite(weight) ? weight : 0;
}

const almostNothing = 1e-12;
