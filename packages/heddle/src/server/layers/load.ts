import type { AttemptOutcome } from "../../balance/balancer.ts";
import { Code } from "@connectrpc/connect";
import { isInstanceFault } from "../../call/instance-fault.ts";
import { ORCA_TRAILER } from "../../call/load-report.ts";
import type { ServerCall } from "../call.ts";
import type { ServerLayer } from "../layer.ts";

/** Streams may stay open for days and say nothing of how busy a server is: only unary calls count. */
export const load: ServerLayer = {
  name: "load",
  does: "counts the unary calls in flight and their time, and tells callers how busy this server is",
  order: "outside all that lets a call wait or refuses it: what waits is load",
  create: ({ clock, load: { meter }, orcaTrailer }, link) => {
    let timedAtMs = 0;
    let timedReceivedAtMs = Number.NaN;
    let untimed = 0;

    /** Of calls that came together only some are timed: the clock would be a good part of what a small one costs. */
    const isTimed = ({ receivedAtMs }: ServerCall) =>
      receivedAtMs !== timedReceivedAtMs || ++untimed === TIMED_ONE_IN;

    return {
      down(call) {
        if (call.routed.method.desc.methodKind === "unary") call.loadTag = meter.arrived(call.receivedAtMs);
        link.down(call);
      },
      up(call) {
        const tag = call.loadTag;
        if (tag >= 0) {
          call.loadTag = -1;
          if (isTimed(call)) {
            untimed = 0;
            timedReceivedAtMs = call.receivedAtMs;
            timedAtMs = clock.now();
            meter.ended(timedAtMs, timedAtMs - call.receivedAtMs, tag, outcomeOf(call));
            call.tellLoad(timedAtMs);
          } else meter.endedUntimed(timedAtMs, call.receivedAtMs, outcomeOf(call));
        }
        if (orcaTrailer !== undefined && call.protocolName === "grpc")
          call.responseTrailer.set(ORCA_TRAILER, orcaTrailer(timedAtMs));
        link.up(call);
      },
    };
  },
};

const TIMED_ONE_IN = 8;

function outcomeOf({ error }: ServerCall): AttemptOutcome {
  if (error === undefined) return "ok";
  if (error.code === Code.Canceled || error.code === Code.DeadlineExceeded) return "cancelled";
  return isInstanceFault(error.code) ? "failed" : "ok";
}
