/**
 * Trace identity as W3C Trace Context writes it: `00-<trace id>-<span id>-<flags>`.
 * Source: https://www.w3.org/TR/trace-context/#traceparent-header
 */
import type { Random } from "../runtime/random.ts";

/**
 * What a `traceparent` value says: the trace, the span of the caller, flags; undefined when it is malformed or its trace id
 * all zero. Later versions may be longer.
 */
export function parseTraceparent(
  value: string,
): { readonly traceId: string; readonly spanId: string; readonly flags: string } | undefined {
  if ((value.length > 55 && value.startsWith("00")) || !TRACEPARENT.test(value)) return undefined;
  const traceId = value.slice(3, 35);
  return traceId === ZERO_TRACE_ID
    ? undefined
    : { traceId, spanId: value.slice(36, 52), flags: value.slice(53, 55) };
}

/** Where a call stands in a trace. */
export interface SpanOfCall {
  /** 32 and 16 hex digits. */
  readonly traceId: string;
  readonly spanId: string;
  /** The trace is one that is kept. */
  readonly sampled: boolean;
}

/** The flag that says that the trace is kept. */
export function isSampled(flags: string): boolean {
  return (Number.parseInt(flags, 16) & 1) === 1;
}

export function formatTraceparent(traceId: string, spanId: string, flags = "00"): string {
  return `00-${traceId}-${spanId}-${flags}`;
}

/** 32 random hex digits. */
export function newTraceId(random: Random): string {
  return newSpanId(random) + newSpanId(random);
}

/** 16 random hex digits, not all zero. */
export function newSpanId(random: Random): string {
  const high = random.below(0x1_0000_0000);
  const low = random.below(0xffff_ffff) + 1;
  return high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0");
}

/**
 * Says that the caller has decided not to keep the trace. It is the same in all such calls, so that it costs a byte of a head
 * where a `traceparent` costs seventy.
 */
export const UNSAMPLED_FIELD = "heddle-unsampled";

const ZERO_TRACE_ID = "0".repeat(32);
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:$|-)/;
