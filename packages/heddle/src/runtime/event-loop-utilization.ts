/** How busy the event loop was since the last asking: 0 idle … 1 without a pause. The first answer is -1, unknown. */
import { performance } from "node:perf_hooks";

export function createEventLoopUtilization(): () => number {
  let last: ReturnType<typeof performance.eventLoopUtilization> | undefined;
  return () => {
    const now = performance.eventLoopUtilization();
    const utilization = last === undefined ? -1 : performance.eventLoopUtilization(now, last).utilization;
    last = now;
    return utilization;
  };
}
