/**
 * The instance of a registration as it shall be seen now. It may change at any moment; whoever writes it to a registry
 * learns of many changes as one, because it reads the instance when it writes.
 */
import type { Timers } from "../../runtime/timer.ts";
import { type Endpoint, endpointsEqual } from "../endpoint.ts";

export interface InstanceState {
  readonly instance: Endpoint;
  /** Counts the changes. */
  readonly version: number;
  set(instance: Endpoint): void;
  /** Waits until the version is another than `version`, or for so long. Rejects when the signal aborts. */
  changed(version: number, ms: number, signal: AbortSignal): Promise<"changed" | "due">;
}

export function createInstanceState(first: Endpoint, timers: Timers): InstanceState {
  const waiters = new Set<() => void>();
  let instance = first;
  let version = 0;

  return {
    get instance() {
      return instance;
    },
    get version() {
      return version;
    },
    set(next) {
      if (endpointsEqual(instance, next)) return;
      instance = next;
      version++;
      for (const wake of waiters) wake();
    },
    async changed(seen, ms, signal) {
      signal.throwIfAborted();
      if (seen !== version) return "changed";
      const { promise, resolve, reject } = Promise.withResolvers<"changed" | "due">();
      const wake = () => resolve("changed");
      const abort = () => reject(signal.reason as Error);
      const timer = timers.after(ms, () => resolve("due"));
      waiters.add(wake);
      signal.addEventListener("abort", abort, { once: true });
      try {
        return await promise;
      } finally {
        timer.cancel();
        waiters.delete(wake);
        signal.removeEventListener("abort", abort);
      }
    },
  };
}
