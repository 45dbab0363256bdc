/**
 * Ends the process gracefully on a signal: drain first, then exit with 0. A second signal ends it at once.
 */

/** Returns a function that takes the listeners off again. */
export function onShutdown(signals: readonly NodeJS.Signals[], drain: () => Promise<void>): () => void {
  let draining = false;
  const listener = (signal: NodeJS.Signals) => {
    if (draining) process.exit(128 + (signal === "SIGINT" ? 2 : 15));
    draining = true;
    drain().then(
      () => process.exit(),
      () => process.exit(1),
    );
  };
  for (const signal of signals) process.on(signal, listener);
  return () => {
    // While draining the listener stays: without it a second signal would find Node's default only.
    if (!draining) for (const signal of signals) process.off(signal, listener);
  };
}
