/**
 * What was collected, as plain data that stays as it is: what expositions write, what is pushed, what a store keeps.
 */
import type { Instrument } from "./instrument.ts";

/** One metric with its series. */
export interface MetricFamily {
  readonly instrument: Instrument;
  readonly points: readonly MetricPoint[];
}

/** One series. */
export interface MetricPoint {
  /** Values of the instrument's labels, in their order; empty for a label that the series does not have. */
  readonly labels: readonly string[];
  /** Of a counter or gauge a number. */
  readonly value: number | HistogramValue;
}

export interface HistogramValue {
  readonly count: number;
  readonly sum: number;
  /** Upper bounds of the classic buckets, without infinity. */
  readonly bounds: readonly number[];
  /** By bucket, not added up; one more than `bounds`. */
  readonly bucketCounts: Float64Array;
  /** Absent for what others have counted in classic buckets only. */
  readonly exponential?: ExponentialValue;
  /** Of some classic buckets, an example. */
  readonly exemplars?: readonly (Exemplar | undefined)[];
}

export interface ExponentialValue {
  readonly scale: number;
  /** Values that are no larger are in `zeroCount`. */
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  /** OpenTelemetry's index of the first of `counts`. */
  readonly offset: number;
  readonly counts: Float64Array;
}

/** A value that has been measured, and where more can be read of it. */
export interface Exemplar {
  readonly value: number;
  /** When, on the monotonic clock, in ms. */
  readonly atMs: number;
  readonly traceId: string;
  readonly spanId?: string;
}

export interface MetricSnapshot {
  readonly families: readonly MetricFamily[];
  /** Facts about the process: `service.name` and so on. */
  readonly resource: Readonly<Record<string, string>>;
  /** When counting began, and when it was collected, in ms since the epoch. */
  readonly startedAtMs: number;
  readonly collectedAtMs: number;
  /** What the wall clock says when the monotonic one is at 0, in ms since the epoch. */
  readonly epochMs: number;
}
