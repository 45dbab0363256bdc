/** What one run of one policy on one trace gave. */
import type { Histogram } from "./histogram.ts";

export interface Outcome {
  readonly scenario: string;
  readonly policy: string;
  readonly seed: number;
  /** Of the trace: equal for all policies of a seed. */
  readonly traceHash: string;
  /** Calls that were counted: those that came after the warm-up. */
  readonly calls: number;
  /** Those of them that got an error or no answer in time. */
  readonly failed: number;
  /** Those of the failed that a failing replica answered. */
  readonly failedFast: number;
  /** Milliseconds, as the caller sees them. A failed call counts as the whole deadline. */
  readonly latencyMs: Histogram;
  /** Calls in a replica, sampled ten times a second. */
  readonly inFlight: Histogram;
  /** Cores that a replica used in a second, over its allocation. */
  readonly utilization: Histogram;
  /** Per call. */
  readonly probes: number;
  /** Work that replicas finished over that of calls answered in time: 1 when nothing was done for nobody. */
  readonly workAmplification: number;
  /** Steps of the simulation. */
  readonly events: number;
}

export const csvHeader =
  "scenario,policy,seed,trace,calls,failed,p50,p90,p99,p99.9,inFlightP50,inFlightP99,inFlightMax,utilizationP99,probes,amplification,events";

/** One line of a table for other programs; digits enough to show any difference. */
export function toCsvLine(outcome: Outcome): string {
  const { scenario, policy, seed, traceHash, calls, failed, latencyMs, inFlight, utilization } = outcome;
  return [
    scenario,
    policy,
    seed,
    traceHash,
    calls,
    failed,
    ...[0.5, 0.9, 0.99, 0.999].map((q) => latencyMs.quantile(q).toFixed(6)),
    inFlight.quantile(0.5).toFixed(3),
    inFlight.quantile(0.99).toFixed(3),
    inFlight.max,
    utilization.quantile(0.99).toFixed(6),
    outcome.probes.toFixed(6),
    outcome.workAmplification.toFixed(6),
    outcome.events,
  ].join(",");
}
