/**
 * The spans of a client's call, from its record. Names and attributes are those of OpenTelemetry's conventions for RPC
 * (https://opentelemetry.io/docs/specs/semconv/rpc/rpc-spans/), and `heddle.*` for what they have no name for.
 *
 * A call of one attempt is one span, of kind CLIENT, which the callee's is a child of. One of several attempts is a span
 * around them, and each attempt is the CLIENT span that its own callee's belongs to: whoever draws a map of services from
 * pairs of CLIENT and SERVER counts every request once.
 */
import type { AttemptRecord, CallRecord } from "../call/record.ts";
import { newSpanId, newTraceId } from "../call/trace.ts";
import type { Random } from "../runtime/random.ts";
import { rpcSystemOf } from "./rpc-system.ts";
import type { Span, SpanAttributes, SpanEvent } from "./span.ts";

export interface CallSpansContext {
  readonly parentSpanId: string | undefined;
  readonly traceState: string | undefined;
  readonly sampled: boolean;
  readonly protocol: string;
  /** The name that is called. */
  readonly address: string;
  readonly random: Random;
}

export function spansOfCall(record: CallRecord, context: CallSpansContext): Span[] {
  const { random, traceState, sampled, parentSpanId } = context;
  const { attempts, method: name, startedAtMs, elapsedMs, traceId = newTraceId(random) } = record;
  const shared = { traceId, traceState, sampled, name };
  const [only] = attempts;
  const isOne = attempts.length <= 1;
  const call: Span = {
    ...shared,
    spanId: (isOne ? only?.spanId : undefined) ?? newSpanId(random),
    parentSpanId,
    kind: isOne ? "client" : "internal",
    startedAtMs,
    endedAtMs: startedAtMs + elapsedMs,
    attributes: {
      ...rpcAttributes(record, context),
      ...(isOne && only !== undefined ? attemptAttributes(only, 1) : {}),
      "heddle.attempts": attempts.length,
      "heddle.deadline_ms": Number.isFinite(record.deadlineMs) ? record.deadlineMs : undefined,
      "heddle.stopped_because": record.stoppedBecause,
      "heddle.phase": record.phase,
    },
    events: isOne && only !== undefined ? attemptEvents(only, startedAtMs) : [],
    ...(record.error === undefined ? {} : { failure: record.error.message }),
  };
  if (isOne) return [call];
  return [call, ...attempts.map((attempt, i) => spanOfAttempt(attempt, i + 1, call, record, context))];
}

function spanOfAttempt(
  attempt: AttemptRecord,
  number: number,
  call: Span,
  record: CallRecord,
  context: CallSpansContext,
): Span {
  const startedAtMs = call.startedAtMs + attempt.startedAfterMs;
  const { traceId, traceState, sampled, name } = call;
  return {
    traceId,
    traceState,
    sampled,
    name,
    spanId: attempt.spanId ?? newSpanId(context.random),
    parentSpanId: call.spanId,
    kind: "client",
    startedAtMs,
    endedAtMs: startedAtMs + attempt.elapsedMs,
    attributes: {
      ...rpcAttributes({ method: record.method, status: attempt.status }, context),
      ...attemptAttributes(attempt, number),
    },
    events: attemptEvents(attempt, call.startedAtMs),
    ...(attempt.error === undefined ? {} : { failure: attempt.error }),
  };
}

function rpcAttributes(
  { method, status, error }: Pick<CallRecord, "method" | "status" | "error">,
  { protocol, address }: CallSpansContext,
): SpanAttributes {
  return {
    "rpc.system.name": rpcSystemOf(protocol),
    "rpc.method": method,
    "rpc.response.status_code": status,
    "server.address": address,
    "error.type": status === "OK" ? undefined : (error?.code ?? status),
  };
}

function attemptAttributes(attempt: AttemptRecord, number: number): SpanAttributes {
  const { instance, address, pickedFrom, inFlight, untilPickedMs = 0, untilSentMs } = attempt;
  return {
    "network.peer.address": hostOf(address),
    "network.peer.port": portOf(address),
    "heddle.attempt": number,
    "heddle.peer.instance": instance === "" ? undefined : instance,
    "heddle.pick.reason": pickReason(attempt, number),
    "heddle.pick.from": pickedFrom,
    "heddle.pick.in_flight": inFlight,
    "heddle.wait.instance_ms": untilPickedMs,
    "heddle.wait.stream_ms": Math.max(0, untilSentMs - untilPickedMs),
  };
}

/** Why this instance: there was no other, a hedge or a repeated attempt wanted another, or the balancer chose. */
function pickReason({ instance, hedge, pickedFrom }: AttemptRecord, number: number): string | undefined {
  if (instance === "") return undefined;
  if (hedge === true) return "hedge";
  if (pickedFrom === 1) return "only one";
  return number > 1 ? "another one" : "balancer";
}

function attemptEvents(attempt: AttemptRecord, callStartedAtMs: number): SpanEvent[] {
  const { startedAfterMs, untilPickedMs, untilSentMs, elapsedMs, instance } = attempt;
  const startedAtMs = callStartedAtMs + startedAfterMs;
  const events: SpanEvent[] = [];
  if (instance !== "" && untilPickedMs !== undefined)
    events.push({ name: "heddle.picked", atMs: startedAtMs + untilPickedMs, attributes: {} });
  if (instance !== "" && untilSentMs < elapsedMs)
    events.push({ name: "heddle.sent", atMs: startedAtMs + untilSentMs, attributes: {} });
  return events;
}

function hostOf(address: string): string | undefined {
  return address === "" ? undefined : address.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}

function portOf(address: string): number | undefined {
  const port = /:(\d+)$/.exec(address)?.[1];
  return port === undefined || address.startsWith("unix:") ? undefined : Number(port);
}
