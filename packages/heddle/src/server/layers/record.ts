import type { RecentCalls } from "../../telemetry/recent-calls.ts";
import type { ServerCall } from "../call.ts";
import { describeServedCall } from "../describe-served-call.ts";
import type { ServerLayer } from "../layer.ts";

/** Counts every call that has an outcome, whoever gave it. */
export const record: ServerLayer = {
  name: "record",
  does: "counts the call by method, protocol and outcome, and its time; makes its span where that is kept",
  order: "outside the protocol: what is counted is what was answered",
  create: ({ counts, traces, recent, clock }) =>
    counts === undefined && traces === undefined && recent === undefined
      ? {}
      : {
          up(call) {
            const nowMs = clock.now();
            counts?.callEnded(call, nowMs);
            traces?.callEnded(call, nowMs);
            if (recent !== undefined) keep(call, recent, nowMs);
          },
        },
};

/** Pages, and what speaks no protocol, are no calls. */
function keep(call: ServerCall, recent: RecentCalls, nowMs: number): void {
  if (call.protocol === undefined) return;
  const isUnary = call.route?.method.desc.methodKind === "unary";
  const state = recent.stateOf(call.error !== undefined, isUnary ? nowMs - call.receivedAtMs : 0);
  if (state !== undefined) recent.keep(state, describeServedCall(call, nowMs));
}
