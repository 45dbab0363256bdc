/**
 * Which answers speak against the instance that gave them. Those that are the caller's own fault (NOT_FOUND,
 * INVALID_ARGUMENT, …) are answers; what a broken, overloaded or unreachable instance gives is a fault, as in gRPC's
 * outlier detection (gRFC A50) and Envoy's, which count what maps to HTTP 5xx. Callers count by it whom to leave out, and
 * instances what to say of themselves, so both must mean the same.
 */
import { Code } from "@connectrpc/connect";

export function isInstanceFault(code: Code): boolean {
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
