/** The record of a call as its server saw it: what is kept of those that failed or were slow. */
import { isHeddleError } from "../call/errors.ts";
import type { CallRecord } from "../call/record.ts";
import { STATUS_OK, statusName } from "../call/status.ts";
import { newSpanId } from "../call/trace.ts";
import { MethodOptions_IdempotencyLevel as Idempotency } from "@bufbuild/protobuf/wkt";
import type { ServerCall } from "./call.ts";

export function describeServedCall(call: ServerCall, nowMs: number): CallRecord {
  const { error, parts, route, receivedAtMs } = call;
  const { clock, random } = parts;
  const elapsedMs = nowMs - receivedAtMs;
  const level = route?.method.desc.idempotency;
  return {
    id: newSpanId(random),
    side: "server",
    // Of a path that nobody answers anybody may make up more.
    method: route === undefined ? "_OTHER" : call.name,
    target: call.peer.address,
    status: statusName(error === undefined ? STATUS_OK : error.code),
    startedAtMs: clock.wallMs() - elapsedMs,
    elapsedMs,
    deadlineMs: call.timeoutLimitMs,
    traceId: call.traceId,
    attempts: [],
    repeatable: level !== undefined && level !== Idempotency.IDEMPOTENCY_UNKNOWN,
    ...(error === undefined
      ? {}
      : {
          error: isHeddleError(error)
            ? { code: error.heddleCode, message: error.rawMessage, origin: error.origin, hint: error.hint }
            : { message: error.rawMessage },
          phase: call.reader === undefined ? "waiting for the request" : "waiting for the handler",
        }),
  };
}
