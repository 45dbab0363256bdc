/**
 * How one loop waits for several reasons to go on: news, a timer, the end. Whoever has a reason rings; rings that come while
 * nobody waits are kept as one. Unlike `Promise.race` it leaves nothing behind on promises that live longer than a wait.
 */
import type { Timers } from "../../runtime/timer.ts";

export interface Bell extends Disposable {
  ring(): void;
  /** Resolves when it was rung since the last wait, when the signal aborts, and after `ms` if that is given. Never rejects. */
  wait(ms?: number): Promise<void>;
}

export function createBell(signal: AbortSignal, timers: Timers): Bell {
  let rung = false;
  let wake: (() => void) | undefined;

  function ring(): void {
    rung = true;
    wake?.();
  }

  signal.addEventListener("abort", ring, { once: true });
  return {
    ring,
    async wait(ms) {
      if (!rung && !signal.aborted) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        const timer = ms === undefined ? undefined : timers.after(ms, resolve);
        await promise;
        timer?.cancel();
        wake = undefined;
      }
      rung = false;
    },
    [Symbol.dispose]() {
      signal.removeEventListener("abort", ring);
      ring();
    },
  };
}
