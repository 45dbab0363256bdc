/**
 * The clock as a seam. Deadlines, budgets, backoff and leases take a `Clock` (or a plain `nowMs`) instead of
 * reading global time, so that tests and the simulator run the production code under virtual time.
 *
 * Two readings that must not be mixed: `now()` never goes backwards and is the one to subtract; `wallMs()` can
 * jump when the machine's time is set, and is only for stamps that people or other machines read.
 */
export interface Clock {
  /** Monotonic milliseconds with a fraction. The origin is arbitrary. */
  now(): number;
  /** Milliseconds since the Unix epoch, by the machine's wall clock. */
  wallMs(): number;
}

/** The clock of the process. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallMs: () => Date.now(),
};
