import type { ServerLayer } from "../layer.ts";

/** Ends the call when the time that its caller gave it is over, and lets calls inside inherit what is left. */
export const deadline: ServerLayer = {
  name: "deadline",
  does: "answers DEADLINE_EXCEEDED when the caller's time is over; refuses work that is late already",
  order: "outside interceptors and handler: their time counts",
  create: ({ wheel }, link) => ({
    down(call) {
      if (call.timeoutLimitMs !== Number.POSITIVE_INFINITY) {
        call.deadlineAtMs = call.receivedAtMs + call.timeoutLimitMs;
        call.finish = link.up;
        if (call.timeoutLimitMs <= 0) return call.onWheel();
        wheel.add(call, call.timeoutLimitMs, call.receivedAtMs);
      }
      link.down(call);
    },
    up(call) {
      wheel.remove(call);
      link.up(call);
    },
  }),
};
