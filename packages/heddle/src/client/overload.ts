/**
 * Whether an answer says that the server has too much to do: it refused the call and said when, or that not, to come
 * again (`grpc-retry-pushback-ms`). So do our own servers (HDL-2410) and others that speak gRPC's A6. A bare UNAVAILABLE
 * or RESOURCE_EXHAUSTED may mean anything, a spent quota for instance.
 */
import { Code } from "@connectrpc/connect";
import type { ClientCall } from "./call.ts";
import { pushbackOf } from "./pushback.ts";

export function isOverloadAnswer(call: ClientCall): boolean {
  const code = call.error?.code;
  if (code !== Code.Unavailable && code !== Code.ResourceExhausted) return false;
  return call.sentAtMs >= call.attemptStartedAtMs && pushbackOf(call) !== undefined;
}
