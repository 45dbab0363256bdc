/**
 * The load: a closed loop with a fixed number of operations in flight on one client.
 *
 * Each slot makes an operation, then the next. The clock is read when units are done; times go into a
 * fixed-size HDR histogram of Node's, so a million calls cost no more memory than a thousand. A slot stops by
 * that same clock, hence no timer runs beside the calls.
 */
import { createHistogram, performance } from "node:perf_hooks";
import type { Operation } from "./suite.ts";

export type Slots = readonly Operation[];

export interface LoadOptions {
  /** Units before this are made and checked but not timed. In milliseconds; default 0. */
  readonly settleMs?: number;
  /** How long units are timed. In milliseconds. */
  readonly measureMs: number;
}

export interface LoadResult {
  /** Every unit done, timed or not: what CPU time is divided by. */
  readonly units: number;
  readonly perSecond: number;
  /** Between one `done` of a slot and the next: for single calls, the time of a call. */
  readonly p50Us: number;
  readonly p99Us: number;
}

export async function runLoad(slots: Slots, options: LoadOptions): Promise<LoadResult> {
  // One nanosecond to one minute, three significant digits.
  const histogram = createHistogram({ lowest: 1, highest: 60_000_000_000, figures: 3 });
  let units = 0;
  let timed = 0;
  const measureFrom = performance.now() + (options.settleMs ?? 0);
  const measureUntil = measureFrom + options.measureMs;

  const runSlot = async (operation: Operation) => {
    let before = performance.now();
    const done = (more: number) => {
      const now = performance.now();
      units += more;
      if (now >= measureFrom && now < measureUntil) {
        timed += more;
        histogram.record(Math.max(1, Math.round((now - before) * 1e6)));
      }
      before = now;
    };
    while (before < measureUntil) await operation(done);
  };
  await Promise.all(slots.map(runSlot));
  if (timed === 0) throw new Error("nothing was done within the measured time");
  return {
    units,
    perSecond: timed / (options.measureMs / 1_000),
    p50Us: histogram.percentile(50) / 1_000,
    p99Us: histogram.percentile(99) / 1_000,
  };
}

/** Makes exactly so many operations, none timed; gives the units that they did. */
export async function runCount(slots: Slots, operations: number): Promise<number> {
  let left = operations;
  let units = 0;
  const done = (more: number) => {
    units += more;
  };
  const runSlot = async (operation: Operation) => {
    while (left > 0) {
      left--;
      await operation(done);
    }
  };
  await Promise.all(slots.map(runSlot));
  return units;
}
