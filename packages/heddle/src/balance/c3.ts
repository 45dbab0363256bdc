/**
 * C3's replica ranking (Suresh et al., "C3: Cutting Tail Latency in Cloud Data Stores via Adaptive Replica Selection",
 * NSDI 2015), on Prequal's pool of probes as in that paper's comparison (NSDI 2024, §5.2). Its score is
 * (R − 1/μ) + q̂³ / μ, where R is the response time that this client sees, 1/μ the time that the server reports, and
 * q̂ = 1 + os · n + q̄ the queue to be expected: our own calls there times the number of clients, and the average of the
 * RIFs that it reported. The cube keeps away from long queues however fast the server. C3's rate control is not here.
 */
import type { Random } from "../runtime/random.ts";
import { systemRandom } from "../runtime/random.ts";
import type { Candidate } from "./balancer.ts";
import type { ProbePoolOptions } from "./probe-pool.ts";
import { createProbing, type ProbingBalancer, type ProbingState } from "./probing.ts";

export interface C3Options extends Omit<ProbePoolOptions, "random"> {
  random?: Random;
  /** n: clients of the same set, each assumed to have as many calls in flight as this one. Default 1. */
  clients?: number;
  /** Weight of the newest in the averages, 0…1. Default 0.1: one call that had nothing to do must not decide. */
  newestShare?: number;
}

interface C3State {
  /** Averages; -1 unknown. */
  responseMs: number;
  serviceMs: number;
  rif: number;
}

export function createC3<C extends Candidate>(options: C3Options = {}): ProbingBalancer<C> {
  const { random = systemRandom, clients = 1, newestShare = 0.1 } = options;
  const average = (before: number, newest: number) =>
    before < 0 ? newest : before + (newest - before) * newestShare;

  /** Of all instances, by report: stands in where nothing is known, or those unknown would get all calls. */
  let typicalMs = -1;

  function scoreOf({ member }: { member: { candidate: C; state: ProbingState<C3State> } }): number {
    const { responseMs, serviceMs, rif } = member.state.rule;
    const knownServiceMs = serviceMs >= 0 ? serviceMs : Math.max(1, typicalMs);
    const queue = 1 + member.candidate.inFlight * clients + Math.max(0, rif);
    return (responseMs < 0 ? knownServiceMs : responseMs) - knownServiceMs + queue ** 3 * knownServiceMs;
  }

  return createProbing<C, C3State>(
    {
      name: "c3",
      createState: () => ({ responseMs: -1, serviceMs: -1, rif: -1 }),
      costOf: scoreOf,
      answered(state, _nowMs, { requestsInFlight, latencyMs }) {
        state.rif = average(state.rif, requestsInFlight);
        if (latencyMs < 0) return latencyMs;
        state.serviceMs = average(state.serviceMs, latencyMs);
        typicalMs = average(typicalMs, latencyMs);
        return latencyMs;
      },
      ended(state, latencyMs, outcome) {
        if (outcome === "ok" && latencyMs >= 0) state.responseMs = average(state.responseMs, latencyMs);
      },
    },
    { ...options, random },
  );
}
