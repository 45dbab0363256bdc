/**
 * The span of a served call, made at its end when its trace is kept, when it failed or when it was slow. Names and attributes
 * are those of OpenTelemetry's conventions for RPC (https://opentelemetry.io/docs/specs/semconv/rpc/rpc-spans/).
 */
import { Code } from "@connectrpc/connect";
import { isHeddleError } from "../call/errors.ts";
import { findField } from "../call/metadata.ts";
import { STATUS_OK, statusName } from "../call/status.ts";
import type { Clock } from "../runtime/clock.ts";
import { rpcSystemOf } from "../telemetry/rpc-system.ts";
import type { Span } from "../telemetry/span.ts";
import type { Traces } from "../telemetry/traces.ts";
import type { ServerCall } from "./call.ts";

export class ServerTraces {
  readonly #traces: Traces;
  readonly #clock: Clock;

  constructor(traces: Traces, clock: Clock) {
    this.#traces = traces;
    this.#clock = clock;
  }

  /** Whether a trace that begins here is kept. */
  samples(): boolean {
    return this.#traces.samples();
  }

  /** The outcome of a call has been written. */
  callEnded(call: ServerCall, nowMs: number): void {
    const isUnary = call.route?.method.desc.methodKind === "unary";
    const elapsedMs = isUnary ? nowMs - call.receivedAtMs : 0;
    if (!this.#traces.keeps(call.error !== undefined, elapsedMs) && !call.sampled) return;
    if (!this.#traces.hasRoom()) return;
    this.#traces.add(spanOf(call, nowMs, this.#clock.wallMs()));
  }
}

function spanOf(call: ServerCall, nowMs: number, endedAtMs: number): Span {
  const { traceId, spanId, parentSpanId, sampled, error, route, receivedAtMs, timeoutLimitMs } = call;
  const status = statusName(error === undefined ? STATUS_OK : error.code);
  const name = route?.method.name;
  const [host, port] = splitPeer(call.peer.address);
  return {
    traceId,
    spanId,
    parentSpanId,
    parentIsRemote: parentSpanId !== undefined,
    traceState: parentSpanId === undefined ? undefined : findField(call.head.fields, "tracestate"),
    sampled,
    name: name ?? "_OTHER",
    kind: "server",
    startedAtMs: endedAtMs - (nowMs - receivedAtMs),
    endedAtMs,
    attributes: {
      "rpc.system.name": rpcSystemOf(call.protocolName),
      "rpc.method": name ?? "_OTHER",
      "rpc.response.status_code": status,
      "error.type": error === undefined ? undefined : isHeddleError(error) ? error.heddleCode : status,
      "network.peer.address": host,
      "network.peer.port": port,
      "network.protocol.version": call.httpVersion,
      "heddle.deadline_ms": Number.isFinite(timeoutLimitMs) ? timeoutLimitMs : undefined,
    },
    events: [],
    ...(error !== undefined && FAULTS.has(error.code) ? { failure: error.rawMessage } : {}),
  };
}

/** What speaks against the server; other codes are answers to what was asked (OpenTelemetry's rule for gRPC). */
const FAULTS: ReadonlySet<Code> = new Set([
  Code.Unknown,
  Code.DeadlineExceeded,
  Code.Unimplemented,
  Code.Internal,
  Code.Unavailable,
  Code.DataLoss,
]);

function splitPeer(address: string): [string | undefined, number | undefined] {
  const at = address.lastIndexOf(":");
  return at === -1 ? [undefined, undefined] : [address.slice(0, at), Number(address.slice(at + 1))];
}
