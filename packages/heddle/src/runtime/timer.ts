/**
 * Timers as a seam: the only place that calls `setTimeout` and `setInterval`. Everything else takes a `Timers`,
 * and tests hand in `createVirtualTime()` in its place.
 *
 * A timer of ours does not keep the process alive: housekeeping (keepalive pings, probes, refreshes) must never
 * be why a program fails to exit. The few that stand for work somebody waits for say so with `keepAlive(true)`.
 */
export { createVirtualTime, type VirtualTime } from "./virtual-time.ts";

export interface Timers {
  /** Runs `run` once, `delayMs` from now (0 and less: as soon as possible, never synchronously). */
  after(delayMs: number, run: () => void): Timer;
  /** Runs `run` every `intervalMs` (more than 0), first one interval from now, until cancelled. */
  every(intervalMs: number, run: () => void): Timer;
}

/** Something that can be called off. Cancelling twice, or after it ran, does nothing. */
export interface Cancel {
  cancel(): void;
}

export interface Timer extends Cancel {
  /** Whether the process stays up for this timer. Default false. */
  keepAlive(on: boolean): void;
}

/** The timers of the process. Node rounds to whole milliseconds; a timer may fire up to 1 ms early by `Clock`. */
export const systemTimers: Timers = {
  after: (delayMs, run) => new SystemTimeout(delayMs, run),
  every: (intervalMs, run) => {
    if (!(intervalMs > 0 && intervalMs <= maxDelayMs)) {
      throw new RangeError(`intervalMs must be more than 0 and at most ${maxDelayMs}, not ${intervalMs}`);
    }
    return new SystemInterval(intervalMs, run);
  },
};

/** Node keeps delays in 32 bits and turns a longer one into 1 ms, so that longer ones are waited for in parts. */
const maxDelayMs = 2 ** 31 - 1;

class SystemTimeout implements Timer {
  #timeout: NodeJS.Timeout | undefined;
  #keepAlive = false;
  readonly #run: () => void;

  constructor(delayMs: number, run: () => void) {
    if (Number.isNaN(delayMs)) throw new RangeError("delayMs must be a number, not NaN");
    this.#run = run;
    this.#arm(delayMs);
  }

  cancel(): void {
    clearTimeout(this.#timeout);
    this.#timeout = undefined;
  }

  keepAlive(on: boolean): void {
    this.#keepAlive = on;
    if (on) this.#timeout?.ref();
    else this.#timeout?.unref();
  }

  #arm(delayMs: number): void {
    const partMs = Math.min(Math.ceil(delayMs), maxDelayMs);
    this.#timeout = setTimeout(() => {
      this.#timeout = undefined;
      if (delayMs > partMs) this.#arm(delayMs - partMs);
      else this.#run();
    }, partMs);
    if (!this.#keepAlive) this.#timeout.unref();
  }
}

class SystemInterval implements Timer {
  readonly #interval: NodeJS.Timeout;

  constructor(intervalMs: number, run: () => void) {
    this.#interval = setInterval(run, intervalMs);
    this.#interval.unref();
  }

  cancel(): void {
    clearInterval(this.#interval);
  }

  keepAlive(on: boolean): void {
    if (on) this.#interval.ref();
    else this.#interval.unref();
  }
}
