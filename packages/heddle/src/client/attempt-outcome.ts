/**
 * What the end of an attempt says of its instance. Answers that are the caller's own fault (NOT_FOUND, INVALID_ARGUMENT, …)
 * are answers; what a broken, overloaded or unreachable instance gives speaks against it, as in gRPC's outlier
 * detection (gRFC A50) and Envoy's, which count what maps to HTTP 5xx. A call that its caller or its deadline ended
 * says only how long there was no answer, and so does one that a draining instance did not begin.
 */
import { Code } from "@connectrpc/connect";
import type { AttemptOutcome } from "../balance/balancer.ts";
import { isHeddleError } from "../call/errors.ts";
import type { ClientCall } from "./call.ts";

export function attemptOutcome({ error, aborted }: ClientCall): AttemptOutcome {
  if (error === undefined) return "ok";
  if (aborted || (isHeddleError(error) && (error.retry === "unsent" || error.reason === "cancelled")))
    return "cancelled";
  return speaksAgainstInstance(error.code) ? "failed" : "ok";
}

function speaksAgainstInstance(code: Code): boolean {
  switch (code) {
    case Code.Unknown:
    case Code.DeadlineExceeded:
    case Code.ResourceExhausted:
    case Code.Internal:
    case Code.Unavailable:
    case Code.DataLoss:
      return true;
    default:
      return false;
  }
}
