/** How the way out waits: for what may never end, and not for long. */
import type { Timers } from "../../runtime/timer.ts";

/** Whether a promise is fulfilled or rejected within a while. */
export async function settlesWithin(promise: Promise<unknown>, ms: number, timers: Timers): Promise<boolean> {
  const timedOut = Promise.withResolvers<boolean>();
  const timer = timers.after(ms, () => timedOut.resolve(false));
  const settled = promise.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([settled, timedOut.promise]);
  } finally {
    timer.cancel();
  }
}
