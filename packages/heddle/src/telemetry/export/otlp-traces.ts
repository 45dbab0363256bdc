/**
 * Spans as OpenTelemetry's collectors take them (OTLP).
 * Source: https://opentelemetry.io/docs/specs/otlp/
 */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ExportTraceServiceRequestSchema } from "../../gen/opentelemetry/proto/collector/trace/v1/trace_service_pb.ts";
import {
  Span_SpanKind,
  type SpanSchema,
  Status_StatusCode,
} from "../../gen/opentelemetry/proto/trace/v1/trace_pb.ts";
import type { Span } from "../span.ts";
import { bytesOfHex, nanos, otlpAttributes } from "./otlp-values.ts";

export function writeOtlpTraces(
  spans: readonly Span[],
  resource: Readonly<Record<string, string>>,
  scope: { readonly name: string; readonly version: string },
): Uint8Array {
  const request = create(ExportTraceServiceRequestSchema, {
    resourceSpans: [
      {
        resource: { attributes: otlpAttributes(resource) },
        scopeSpans: [{ scope, spans: spans.map(spanOf) }],
      },
    ],
  });
  return toBinary(ExportTraceServiceRequestSchema, request);
}

const KINDS = {
  internal: Span_SpanKind.INTERNAL,
  server: Span_SpanKind.SERVER,
  client: Span_SpanKind.CLIENT,
} as const;

/** Flags of a span: it is known whether the parent is remote, and it is. */
const HAS_IS_REMOTE = 0x100;
const IS_REMOTE = 0x200;

function spanOf(span: Span): MessageInitShape<typeof SpanSchema> {
  const { traceId, spanId, parentSpanId, parentIsRemote, traceState = "", sampled, name, failure } = span;
  return {
    traceId: bytesOfHex(traceId),
    spanId: bytesOfHex(spanId),
    parentSpanId: bytesOfHex(parentSpanId ?? ""),
    traceState,
    flags: (sampled ? 1 : 0) | HAS_IS_REMOTE | (parentIsRemote === true ? IS_REMOTE : 0),
    name,
    kind: KINDS[span.kind],
    startTimeUnixNano: nanos(span.startedAtMs),
    endTimeUnixNano: nanos(span.endedAtMs),
    attributes: otlpAttributes(span.attributes),
    events: span.events.map((event) => ({
      name: event.name,
      timeUnixNano: nanos(event.atMs),
      attributes: otlpAttributes(event.attributes),
    })),
    ...(failure === undefined ? {} : { status: { code: Status_StatusCode.ERROR, message: failure } }),
  };
}
