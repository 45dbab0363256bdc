import { HeddleError, isHeddleError } from "../../call/errors.ts";
import type { ClientLayer } from "../layer.ts";

/** Bounds the whole call, retries included, by the smaller of its own timeout and what the served call has left. */
export const deadline: ClientLayer = {
  name: "deadline",
  does: "bounds the whole call; inherits what is left of the served call's deadline",
  order: "outside retry: one deadline covers all attempts and the waits between them",
  create: ({ wheel, clock }, link) => ({
    down(call) {
      const inheritedMs =
        call.parent === undefined ? Number.POSITIVE_INFINITY : call.parent.deadlineAtMs - call.startedAtMs;
      if (inheritedMs < call.timeoutMs) {
        call.wantedMs = call.timeoutMs;
        call.timeoutMs = inheritedMs;
      }
      if (call.timeoutMs <= 0) {
        call.error = new HeddleError("deadlineExceeded", {
          method: call.method.name,
          deadlineMs: 0,
          phase: "the served call had no time left",
        });
        call.aborted = true;
        return link.up(call);
      }
      if (call.timeoutMs !== Number.POSITIVE_INFINITY) {
        call.deadlineAtMs = call.startedAtMs + call.timeoutMs;
        wheel.add(call, call.timeoutMs, call.startedAtMs);
      }
      link.down(call);
    },
    up(call) {
      wheel.remove(call);
      // The callee keeps the same deadline, and may be the first to act on it: the wheel is coarse.
      if (
        isHeddleError(call.error) &&
        call.error.reason === "peerCancelled" &&
        clock.now() >= call.deadlineAtMs
      )
        call.error = call.deadlineError();
      link.up(call);
    },
  }),
};
