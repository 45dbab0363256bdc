/**
 * Time that moves only when told to. It is a `Clock` and a `Timers` in one, so that a test of an hour of leases
 * takes a millisecond and always sees the same order of events.
 *
 * Timers run in order of their due time, and of their creation where that is equal; while one runs, `now()` is
 * its due time. Timers made by a running timer run in the same `advance` when they fall within it.
 */
import type { Clock } from "./clock.ts";
import type { Timer, Timers } from "./timer.ts";

export interface VirtualTime extends Clock, Timers {
  /** Moves time forward by `ms`, running everything that falls due on the way. */
  advance(ms: number): void;
  /**
   * Moves time from one timer to the next, and lets all that each sets off happen in between, until `work` is settled; gives
   * what it gives. Throws when nothing is due any more, or after `limitMs` of this time (default one hour). What
   * happens outside of this time (a file, a thread, a socket of the system) is not waited for, and a loop whose turns take
   * none of it does not end.
   */
  run<Result>(work: Promise<Result>, options?: { readonly limitMs?: number }): Promise<Result>;
  /** Timers that have neither run nor been cancelled (an interval counts until cancelled). */
  readonly pending: number;
  /** Those of them that would keep the process alive. */
  readonly keptAlive: number;
}

/** Starts at 0 ms monotonic and at `wallStartMs` (default 2026-01-01T00:00:00Z) on the wall. */
export function createVirtualTime(wallStartMs: number = Date.UTC(2026, 0, 1)): VirtualTime {
  let nowMs = 0;
  /** In the order in which they are to run. Tests have few timers: a sorted list is enough. */
  const queue: VirtualTimer[] = [];

  function schedule(timer: VirtualTimer): void {
    let at = queue.length;
    while (at > 0 && (queue[at - 1] as VirtualTimer).dueMs > timer.dueMs) at--;
    queue.splice(at, 0, timer);
  }

  function createTimer(dueMs: number, run: (timer: VirtualTimer) => void): VirtualTimer {
    const timer: VirtualTimer = {
      dueMs,
      keepsAlive: false,
      run: () => run(timer),
      keepAlive: (on) => {
        timer.keepsAlive = on;
      },
      cancel: () => {
        timer.run = undefined;
        const at = queue.indexOf(timer);
        if (at >= 0) queue.splice(at, 1);
      },
    };
    schedule(timer);
    return timer;
  }

  const time: VirtualTime = {
    now: () => nowMs,
    wallMs: () => wallStartMs + nowMs,
    after: (delayMs, run) => {
      if (Number.isNaN(delayMs)) throw new RangeError("delayMs must be a number, not NaN");
      return createTimer(nowMs + (delayMs > 0 ? Math.max(STEP_MS, delayMs) : 0), run);
    },
    every: (intervalMs, run) => {
      if (!(intervalMs > 0)) throw new RangeError(`intervalMs must be more than 0, not ${intervalMs}`);
      return createTimer(nowMs + intervalMs, (timer) => {
        timer.dueMs += intervalMs;
        schedule(timer);
        run();
      });
    },
    advance: (ms) => {
      if (!(ms >= 0)) throw new RangeError(`time moves forward only, not by ${ms} ms`);
      const untilMs = nowMs + ms;
      for (let first = queue[0]; first !== undefined && first.dueMs <= untilMs; first = queue[0]) {
        queue.shift();
        nowMs = first.dueMs;
        first.run?.();
      }
      nowMs = Math.max(nowMs, untilMs);
    },
    run: async (work, { limitMs = 3_600_000 } = {}) => {
      let settled = false;
      const settle = () => {
        settled = true;
      };
      work.then(settle, settle);
      const untilMs = nowMs + limitMs;
      for (;;) {
        // Promises and `nextTick` go on until there is nothing left to do, before `setImmediate` has its turn.
        await new Promise((resolve) => setImmediate(resolve));
        if (settled) return work;
        const dueMs = queue[0]?.dueMs;
        if (dueMs === undefined)
          throw new Error(`nothing is due any more at ${nowMs} ms, and it is not settled`);
        if (dueMs > untilMs) throw new Error(`it is not settled after ${limitMs} ms`);
        time.advance(dueMs - nowMs);
      }
    },
    get pending() {
      return queue.length;
    },
    get keptAlive() {
      return queue.filter((timer) => timer.keepsAlive).length;
    },
  };
  return time;
}

/**
 * A delay is at least so long, unless it is 0: sums of fractions are not exact, and who waits for the last 10^-13 ms of
 * something must find it over afterwards.
 */
const STEP_MS = 0.001;

interface VirtualTimer extends Timer {
  dueMs: number;
  keepsAlive: boolean;
  run: (() => void) | undefined;
}
