/**
 * Folds a burst of news into few updates. Each update costs its consumers a pass over all their endpoints, so a
 * thousand instances that start together must not cost a thousand passes; yet one change by itself must not wait. So the
 * first is handed on at once, and those that follow wait for a quiet moment, but never longer than the maximum.
 *
 * The defaults keep any change under 100 ms from the registry to the picker: 20 ms of quiet is longer than the gaps
 * within a burst (messages of one event loop turn, instances of one rollout step), and with 80 ms at most a lasting
 * burst costs twelve passes a second.
 */
import type { Runtime } from "../../runtime/runtime.ts";
import type { Timer } from "../../runtime/timer.ts";

export interface DebounceOptions {
  /** A burst ends after so many milliseconds without news. Default 20. */
  readonly quietMs?: number;
  /** No news wait longer than this, in ms. Default 80. */
  readonly maxMs?: number;
}

export interface Debounce extends Disposable {
  /** There is news: runs at once if there was none for a while, else when the burst ends. */
  touch(): void;
  /** Runs at once. */
  flush(): void;
}

export function createDebounce(
  { clock, timers }: Pick<Runtime, "clock" | "timers">,
  { quietMs = 20, maxMs = 80 }: DebounceOptions,
  run: () => void,
): Debounce {
  let timer: Timer | undefined;
  let touchedAtMs = Number.NEGATIVE_INFINITY;
  let waitingSinceMs = 0;

  function flush(): void {
    timer?.cancel();
    timer = undefined;
    touchedAtMs = clock.now();
    run();
  }

  function arm(): void {
    const dueMs = Math.min(touchedAtMs + quietMs, waitingSinceMs + maxMs);
    timer = timers.after(dueMs - clock.now(), () => {
      timer = undefined;
      if (clock.now() >= Math.min(touchedAtMs + quietMs, waitingSinceMs + maxMs)) flush();
      else arm();
    });
  }

  return {
    flush,
    touch() {
      const nowMs = clock.now();
      const isQuiet = nowMs - touchedAtMs >= quietMs;
      touchedAtMs = nowMs;
      if (timer !== undefined) return;
      if (isQuiet) return flush();
      waitingSinceMs = nowMs;
      arm();
    },
    [Symbol.dispose]() {
      timer?.cancel();
      timer = undefined;
    },
  };
}
