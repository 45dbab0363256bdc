/**
 * Ends the process gracefully on a signal: drain first, then exit with 0. A second signal ends it at once, unless it
 * is an echo of the first: one Ctrl-C under `npm start` arrives twice, from the terminal and from npm, which
 * passes on what it gets.
 */
import type { Clock } from "./runtime/clock.ts";

/** Returns a function that takes the listeners off again. */
export function onShutdown(
  signals: readonly NodeJS.Signals[],
  clock: Clock,
  drain: () => Promise<void>,
): () => void {
  let drainingSinceMs: number | undefined;
  const listener = (signal: NodeJS.Signals) => {
    if (drainingSinceMs !== undefined) {
      if (clock.now() - drainingSinceMs > ECHO_MS) process.exit(128 + (signal === "SIGINT" ? 2 : 15));
      return;
    }
    drainingSinceMs = clock.now();
    drain().then(
      () => process.exit(),
      () => process.exit(1),
    );
  };
  for (const signal of signals) process.on(signal, listener);
  return () => {
    // While draining the listener stays: without it a second signal would find Node's default only.
    if (drainingSinceMs === undefined) for (const signal of signals) process.off(signal, listener);
  };
}

/** Longer than npm takes to pass a signal on, shorter than people take to lose patience. */
const ECHO_MS = 500;
