/**
 * The spans of a channel's calls. While a call runs only its decision stands on it; the spans are made of its record when
 * it has ended and is kept.
 */
import { type Fields, findField } from "../call/metadata.ts";
import { activeOtelSpan } from "../call/otel-context.ts";
import type { CallRecord } from "../call/record.ts";
import { isSampled, newTraceId, parseTraceparent, type SpanOfCall } from "../call/trace.ts";
import type { Random } from "../runtime/random.ts";
import { spansOfCall } from "../telemetry/call-spans.ts";
import type { Traces } from "../telemetry/traces.ts";
import type { ClientCall } from "./call.ts";

export interface ClientTracesOptions {
  readonly traces: Traces;
  /** The name that is called. */
  readonly address: string;
  readonly protocol: string;
  readonly random: Random;
}

export class ClientTraces {
  readonly #options: ClientTracesOptions;

  constructor(options: ClientTracesOptions) {
    this.#options = options;
  }

  /** A call outside of any other: a trace may begin with it. */
  began(call: ClientCall): void {
    const { traces, random } = this.#options;
    if (!traces.samples()) return;
    call.traceId = newTraceId(random);
    call.sampled = true;
  }

  /** Whether the call, which has ended, becomes spans. */
  keeps(call: ClientCall): boolean {
    const { traces, random } = this.#options;
    const elapsedMs = call.method.desc.methodKind === "unary" ? call.endedAtMs - call.startedAtMs : 0;
    if (!call.sampled && !traces.keeps(call.error !== undefined, elapsedMs)) return false;
    // Its record is to lead to its spans.
    call.traceId ??= newTraceId(random);
    return traces.hasRoom();
  }

  add({ parentSpanId, sampled, metadata, parent }: ClientCall, record: CallRecord): void {
    const { traces, ...context } = this.#options;
    const traceState = findField(metadata, "tracestate") ?? findField(parent?.propagated ?? [], "tracestate");
    for (const span of spansOfCall(record, { ...context, parentSpanId, sampled, traceState }))
      traces.add(span);
  }
}

/** The trace of those who trace by other means: what they have put into the call's metadata, or OpenTelemetry's context. */
export function takeGivenTrace(call: ClientCall): void {
  const given = traceIn(call.metadata) ?? activeOtelSpan();
  if (given === undefined) return;
  call.traceId = given.traceId;
  call.parentSpanId = given.spanId;
  call.sampled = given.sampled;
}

function traceIn(metadata: Fields): SpanOfCall | undefined {
  if (metadata.length === 0) return undefined;
  const given = parseTraceparent(findField(metadata, "traceparent") ?? "");
  return given && { traceId: given.traceId, spanId: given.spanId, sampled: isSampled(given.flags) };
}
