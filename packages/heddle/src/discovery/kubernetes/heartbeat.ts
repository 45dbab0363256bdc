/**
 * Whether the API server lives, asked by one small request now and then for all watches of a process together. A watch of
 * a quiet Service is silent for long: bookmarks come about once a minute, and nobody promises them. So a frozen server
 * and a quiet one look alike, and only a question tells them apart.
 */
import type { Runtime } from "../../runtime/runtime.ts";
import type { Timer } from "../../runtime/timer.ts";

export interface Heartbeat extends Disposable {
  /** Calls `onBeat` each time the server has answered. The server is asked only while somebody listens. */
  listen(onBeat: () => void): Disposable;
}

export interface HeartbeatOptions {
  /** Rejects when there is no answer. */
  readonly probe: (signal: AbortSignal) => Promise<void>;
  /** Between an answer and the next question, with a tenth of jitter. */
  readonly intervalMs: number;
  readonly runtime: Pick<Runtime, "timers" | "random">;
}

export function createHeartbeat({ probe, intervalMs, runtime }: HeartbeatOptions): Heartbeat {
  const { timers, random } = runtime;
  const stop = new AbortController();
  const listeners = new Set<() => void>();
  let timer: Timer | undefined;
  let asking = false;

  function schedule(delayMs: number): void {
    timer?.cancel();
    timer = listeners.size === 0 || stop.signal.aborted ? undefined : timers.after(delayMs, ask);
  }

  function ask(): void {
    asking = true;
    void probe(stop.signal)
      .then(
        () => {
          for (const listener of listeners) listener();
          return intervalMs * (0.9 + 0.2 * random.next());
        },
        // One answer may be lost with a connection that had been idle for too long.
        () => Math.min(RETRY_MS, intervalMs),
      )
      .then((delayMs) => {
        asking = false;
        schedule(delayMs);
      });
  }

  return {
    listen(onBeat) {
      const listener = () => onBeat();
      listeners.add(listener);
      if (listeners.size === 1 && !asking) schedule(intervalMs * (0.5 + 0.5 * random.next()));
      return {
        [Symbol.dispose]() {
          listeners.delete(listener);
          if (listeners.size === 0) schedule(0);
        },
      };
    },
    [Symbol.dispose]() {
      stop.abort();
      listeners.clear();
      schedule(0);
    },
  };
}

const RETRY_MS = 1_000;
