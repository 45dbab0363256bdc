/**
 * What an instance says of its load: made by `balance/load-meter.ts`, carried by LOAD frames (`wire/http2/load-frame.ts`)
 * and in part by ORCA trailers, read by balancers.
 */
export interface LoadReport {
  /** Calls that the instance works on, from all clients, waiting ones included. -1: unknown, as in an ORCA report. */
  readonly requestsInFlight: number;
  /** What a call takes there at about this many in flight: the median of the last ones. -1: unknown. */
  readonly latencyMs: number;
  /** 0 idle … 1 all it can; more when overloaded. -1: unknown. */
  readonly utilization: number;
  readonly requestsPerSecond: number;
  readonly errorsPerSecond: number;
}

/** The trailer with the ORCA report of an instance that is not of our kind, or for a caller that is not (gRFC A51). */
export const ORCA_TRAILER = "endpoint-load-metrics-bin";
