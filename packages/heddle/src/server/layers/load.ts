import type { AttemptOutcome } from "../../balance/balancer.ts";
import { Code } from "@connectrpc/connect";
import type { ServerCall } from "../call.ts";
import type { ServerLayer } from "../layer.ts";

/** Streams may stay open for days and say nothing of how busy a server is: only unary calls count. */
export const load: ServerLayer = {
  name: "load",
  does: "counts the unary calls in flight and their time, and tells callers how busy this server is",
  order: "outside all that lets a call wait or refuses it: what waits is load",
  create: ({ clock, load: { meter } }, link) => ({
    down(call) {
      if (call.routed.method.desc.methodKind === "unary") call.loadTag = meter.arrived(call.receivedAtMs);
      link.down(call);
    },
    up(call) {
      if (call.loadTag >= 0) {
        const nowMs = clock.now();
        meter.ended(nowMs, nowMs - call.receivedAtMs, call.loadTag, outcomeOf(call));
        call.loadTag = -1;
        call.tellLoad(nowMs);
      }
      link.up(call);
    },
  }),
};

function outcomeOf({ error }: ServerCall): AttemptOutcome {
  switch (error?.code) {
    case undefined:
      return "ok";
    case Code.Canceled:
    case Code.DeadlineExceeded:
      return "cancelled";
    case Code.Unknown:
    case Code.ResourceExhausted:
    case Code.Internal:
    case Code.Unavailable:
    case Code.DataLoss:
      return "failed";
    default:
      return "ok";
  }
}
