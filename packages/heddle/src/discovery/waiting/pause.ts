/** The jittered wait between two attempts at a registry, cut short by an abort. */
import { backoffMs, type BackoffOptions } from "../../resilience/backoff.ts";
import type { Runtime } from "../../runtime/runtime.ts";

/** Resolves after the backoff of attempt `attempt` (from 0), or as soon as `signal` aborts. Never rejects. */
export function pauseBeforeRetry(
  attempt: number,
  signal: AbortSignal,
  { random, timers }: Pick<Runtime, "random" | "timers">,
  backoff: BackoffOptions = registryBackoff,
): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const finish = () => {
      timer.cancel();
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = timers.after(backoffMs(attempt, backoff, random), finish);
    signal.addEventListener("abort", finish, { once: true });
  });
}

/** A registry that restarts must be found again quickly, but not by everybody in the same instant. */
export const registryBackoff: Readonly<BackoffOptions> = {
  baseMs: 100,
  factor: 2,
  maxMs: 2_000,
  jitter: 0.5,
};

/** An attempt that lasted less than this counts as another failure, though it had success: it will hardly last longer now. */
export const SHORT_LIFE_MS = 1_000;
