/**
 * What this server says of its load: one meter for all its connections, and the figures made of it. The count of calls is
 * that of the moment; the rest is worked out at most once a millisecond, however many ask.
 */
import type { LoadReport } from "../balance/balancer.ts";
import { createLoadMeter, type LoadMeter } from "../balance/load-meter.ts";

export interface LoadReporter {
  readonly meter: LoadMeter;
  /** The object is the same each time. */
  report(nowMs: number): LoadReport;
}

/** `utilizationOf` is asked about every second: 0 idle … 1 all that a process can do; -1 unknown. */
export function createLoadReporter(utilizationOf: () => number): LoadReporter {
  const meter = createLoadMeter();
  let figures: { -readonly [Name in keyof LoadReport]: LoadReport[Name] } = meter.report(0);
  let staleAtMs = Number.NEGATIVE_INFINITY;
  let utilizationDueMs = Number.NEGATIVE_INFINITY;
  return {
    meter,
    report(nowMs) {
      if (nowMs >= staleAtMs) {
        if (nowMs >= utilizationDueMs) {
          utilizationDueMs = nowMs + UTILIZATION_EVERY_MS;
          meter.utilization = utilizationOf();
        }
        figures = meter.report(nowMs);
        staleAtMs = nowMs + FRESH_MS;
      } else figures.requestsInFlight = meter.requestsInFlight;
      return figures;
    },
  };
}

const FRESH_MS = 1;
const UTILIZATION_EVERY_MS = 1000;
