import type { ServerLayer } from "../layer.ts";

/** Counts every call that has an outcome, whoever gave it. */
export const record: ServerLayer = {
  name: "record",
  does: "counts the call by method, protocol and outcome, and its time; makes its span where that is kept",
  order: "outside the protocol: what is counted is what was answered",
  create: ({ counts, traces, clock }) =>
    counts === undefined && traces === undefined
      ? {}
      : {
          up(call) {
            const nowMs = clock.now();
            counts?.callEnded(call, nowMs);
            traces?.callEnded(call, nowMs);
          },
        },
};
