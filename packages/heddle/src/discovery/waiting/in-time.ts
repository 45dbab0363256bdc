/** A limit by our own timers for work that has none, such as a question to the file system or to DNS. */
import type { Timers } from "../../runtime/timer.ts";

/** What `work` settles to, or the error when it takes longer than `ms`. The work itself goes on: nobody hears it any more. */
export async function inTime<T>(
  work: Promise<T>,
  ms: number,
  timers: Timers,
  tooLate: () => Error,
): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = timers.after(ms, () => late.reject(tooLate()));
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    timer.cancel();
  }
}
