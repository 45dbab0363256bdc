/** Counts a run. Only calls that come between the warm-up and the end of the measurement are in it. */
import { createHistogram, type Histogram } from "./histogram.ts";
import type { Scenario } from "./scenario.ts";

export interface Tally {
  readonly latencyMs: Histogram;
  readonly inFlight: Histogram;
  readonly utilization: Histogram;
  calls: number;
  failed: number;
  failedFast: number;
  probes: number;
  usefulWorkNs: number;
  lateWorkNs: number;
  counts(atNs: number): boolean;
}

export function createTally({ warmUpMs, measureMs }: Scenario): Tally {
  const fromNs = warmUpMs * 1e6;
  const untilNs = fromNs + measureMs * 1e6;
  return {
    latencyMs: createHistogram(),
    inFlight: createHistogram(),
    utilization: createHistogram(),
    calls: 0,
    failed: 0,
    failedFast: 0,
    probes: 0,
    usefulWorkNs: 0,
    lateWorkNs: 0,
    counts: (atNs) => atNs >= fromNs && atNs < untilNs,
  };
}
