import type { ServerLayer } from "../layer.ts";

/** Counts every call that has an outcome, whoever gave it. */
export const record: ServerLayer = {
  name: "record",
  does: "counts the call by method, protocol and outcome, and its time",
  order: "outside the protocol: what is counted is what was answered",
  create: ({ counts, clock }) =>
    counts === undefined
      ? {}
      : {
          up(call) {
            counts.callEnded(call, clock.now());
          },
        },
};
