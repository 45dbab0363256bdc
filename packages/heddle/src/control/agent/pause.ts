/** The jittered wait between two attempts at a long-lived stream, cut short by an abort. */
import { backoffMs, type BackoffOptions } from "../../resilience/backoff.ts";
import type { Random } from "../../runtime/random.ts";
import type { Timers } from "../../runtime/timer.ts";

/** Resolves after the backoff of attempt `attempt` (from 0), or as soon as `signal` aborts. Never rejects. */
export function pauseBeforeRetry(
  attempt: number,
  signal: AbortSignal,
  random: Random,
  timers: Timers,
): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const finish = () => {
      timer.cancel();
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = timers.after(backoffMs(attempt, STREAM_BACKOFF, random), finish);
    signal.addEventListener("abort", finish, { once: true });
  });
}

/** A registry that restarts must be found again quickly, but not by everybody in the same instant. */
const STREAM_BACKOFF: BackoffOptions = { baseMs: 100, factor: 2, maxMs: 2_000, jitter: 0.5 };
