import { finiteAtLeast, invalidOption } from "../call/check-option.ts";
import { type Clock, systemClock } from "../runtime/clock.ts";

export interface JumpingClock extends Clock {
  /**
   * Sets the wall clock, forward or back, as NTP or an administrator does, in ms: stamps and certificates see it, and
   * deadlines do not.
   */
  jumpWall(ms: number): void;
  /**
   * Moves both readings forward, in ms, while timers stay where they are: the process stood still, or its machine was
   * suspended. The monotonic one never goes back. Throws `optionInvalid` for less than 0.
   */
  stall(ms: number): void;
}

/** A clock that can jump, to be injected: `createRuntime({ clock })`. It runs as `base` does (default: the process's). */
export function createJumpingClock(base: Clock = systemClock): JumpingClock {
  let wallMs = 0;
  let stalledMs = 0;
  return {
    now: () => base.now() + stalledMs,
    wallMs: () => base.wallMs() + wallMs + stalledMs,
    jumpWall(ms) {
      if (!Number.isFinite(ms)) throw invalidOption("jumpWall", `it must be finite, not ${ms}`);
      wallMs += ms;
    },
    stall(ms) {
      stalledMs += finiteAtLeast("stall", ms, 0);
    },
  };
}
