/**
 * The world outside as one value: time, timers and randomness, handed from the composition root to all that
 * needs them. Tests hand in virtual time and a seeded generator.
 */
import { type Clock, systemClock } from "./clock.ts";
import { type Random, systemRandom } from "./random.ts";
import { systemTimers, type Timers } from "./timer.ts";
import { TimerWheel } from "./timer-wheel.ts";

export interface Runtime {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  /** Deadlines of calls. */
  readonly wheel: TimerWheel;
}

export function createRuntime(parts: { clock?: Clock; timers?: Timers; random?: Random } = {}): Runtime {
  const { clock = systemClock, timers = systemTimers, random = systemRandom } = parts;
  return { clock, timers, random, wheel: new TimerWheel({ clock, timers }) };
}

/** The process's own. */
export const systemRuntime: Runtime = createRuntime();
