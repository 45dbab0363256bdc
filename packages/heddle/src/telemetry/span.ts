/**
 * A span as it is exported: one piece of a trace, done. Spans are made when a call has ended, from what it knows anyway;
 * a call that nobody wants to see makes none.
 */

export interface Span {
  /** 32 and 16 hex digits. */
  readonly traceId: string;
  readonly spanId: string;
  /** Absent where the trace begins. */
  readonly parentSpanId?: string | undefined;
  /** The parent is in another process. */
  readonly parentIsRemote?: boolean;
  /** W3C `tracestate`, as it came. */
  readonly traceState?: string | undefined;
  /** The trace is kept as a whole; otherwise this piece of it is, for it failed or was slow. */
  readonly sampled: boolean;
  readonly name: string;
  readonly kind: "internal" | "server" | "client";
  /** In ms since the epoch. */
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly attributes: SpanAttributes;
  readonly events: readonly SpanEvent[];
  /** What went wrong; absent where nothing did. */
  readonly failure?: string;
}

/** Absent values are left out. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

export interface SpanEvent {
  readonly name: string;
  /** In ms since the epoch. */
  readonly atMs: number;
  readonly attributes: SpanAttributes;
}
