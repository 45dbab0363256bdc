/**
 * The record of a call that has ended. What a failed one needs to be explained (who else was there, what the budget had
 * left) is looked at only then; when many fail together, the look at the instances serves all that fail in the same moment.
 */
import { isHeddleError } from "../call/errors.ts";
import type { CallRecord, InheritedDeadline, RecordedError } from "../call/record.ts";
import { statusName } from "../call/status.ts";
import { newSpanId } from "../call/trace.ts";
import { MAX_ATTEMPTS } from "../resilience/retry-policy.ts";
import type { ClientCall } from "./call.ts";
import { type Candidates, candidatesOf } from "./candidates.ts";
import type { ClientParts } from "./layer.ts";

export type DescribeParts = Pick<ClientParts, "target" | "clock" | "random" | "endpoints" | "allowance">;

export function createCallDescriber(parts: DescribeParts): (call: ClientCall) => CallRecord {
  const { target, clock, random, endpoints, allowance } = parts;
  let seen: Candidates = { shown: [], omitted: 0 };
  let seenAtMs = Number.NEGATIVE_INFINITY;

  function look(nowMs: number): Candidates {
    if (nowMs - seenAtMs > SAME_MOMENT_MS) {
      seen = candidatesOf(endpoints);
      seenAtMs = nowMs;
    }
    return seen;
  }

  return (call) => {
    const { error, policy, endedAtMs, startedAtMs, traceId, timeoutMs } = call;
    const base: CallRecord = {
      id: newSpanId(random),
      side: "client",
      method: call.method.name,
      target,
      status: statusName(call.status),
      startedAtMs: clock.wallMs() - (clock.now() - startedAtMs),
      elapsedMs: endedAtMs - startedAtMs,
      deadlineMs: timeoutMs,
      ...inheritedOf(call),
      ...(traceId === undefined ? {} : { traceId }),
      attempts: call.allAttempts(),
      repeatable: policy.idempotent,
    };
    if (error === undefined) return base;
    const { shown, omitted } = look(endedAtMs);
    const { maxAttempts = 1 } = policy.retry ?? policy.hedge ?? {};
    return {
      ...base,
      maxAttempts: Math.min(maxAttempts, MAX_ATTEMPTS),
      stoppedBecause: call.stoppedBecause,
      error: recordedError(error),
      phase: call.phase,
      candidates: shown,
      ...(omitted === 0 ? {} : { candidatesOmitted: omitted }),
      budgetLeft: allowance.available(endedAtMs),
    };
  };
}

const SAME_MOMENT_MS = 10;

function inheritedOf({ parent, wantedMs, timeoutMs }: ClientCall): {
  readonly inherited?: InheritedDeadline;
} {
  if (parent === undefined || wantedMs === 0) return {};
  const { name: method, timeoutLimitMs: deadlineMs } = parent;
  return { inherited: { method, deadlineMs, leftMs: timeoutMs, wantedMs } };
}

function recordedError(error: NonNullable<ClientCall["error"]>): RecordedError {
  const message = error.rawMessage;
  if (!isHeddleError(error)) return { message };
  return { code: error.heddleCode, message, origin: error.origin, hint: error.hint };
}
