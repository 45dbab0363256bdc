/**
 * What a client of HTTP/1.1 may do to us: sizes, times and counts of one connection.
 */
import { atLeast, finiteAtLeast } from "../call/check-option.ts";

export interface Http1Limits {
  /** Request line and fields together, in bytes; more is answered with 431. Default 65 536, as over HTTP/2. */
  readonly maxHeaderBytes: number;
  /** Fields of one request; more are answered with 431. Default 256. */
  readonly maxHeaderFields: number;
  /**
   * Time in which the head of a request must be complete, from its first byte on, in ms; then it is answered with 408.
   * Default 10 000. Slowloris. Looked at once a second.
   */
  readonly headerTimeoutMs: number;
  /**
   * Time in which a whole request must have arrived, body included, in ms; then it is answered with 408. Default
   * 300 000. Raise it for methods whose clients stream for longer over HTTP/1.1. Looked at once a second.
   */
  readonly requestTimeoutMs: number;
  /** A connection without a request is closed after so long, in ms. Default 60 000. */
  readonly idleTimeoutMs: number;
  /** Requests on one connection, after which it is closed; 0 for no limit. Default 0. */
  readonly maxRequestsPerConnection: number;
  /** Requests that a client may send without waiting for answers; a connection with more is closed. Default 100. */
  readonly maxPipelinedRequests: number;
}

/** Fills in the defaults and refuses what makes no sense with `optionInvalid`. */
export function resolveHttp1Limits(limits: Partial<Http1Limits>): Http1Limits {
  const requestTimeoutMs = finiteAtLeast("http1.requestTimeoutMs", limits.requestTimeoutMs ?? 300_000, 1);
  return {
    maxHeaderBytes: finiteAtLeast("http1.maxHeaderBytes", limits.maxHeaderBytes ?? 65_536, 256),
    maxHeaderFields: finiteAtLeast("http1.maxHeaderFields", limits.maxHeaderFields ?? 256, 1),
    // The head is part of the request.
    headerTimeoutMs: Math.min(
      atLeast("http1.headerTimeoutMs", limits.headerTimeoutMs ?? 10_000, 1),
      requestTimeoutMs,
    ),
    requestTimeoutMs,
    idleTimeoutMs: finiteAtLeast("http1.idleTimeoutMs", limits.idleTimeoutMs ?? 60_000, 1),
    maxRequestsPerConnection: finiteAtLeast(
      "http1.maxRequestsPerConnection",
      limits.maxRequestsPerConnection ?? 0,
      0,
    ),
    maxPipelinedRequests: finiteAtLeast("http1.maxPipelinedRequests", limits.maxPipelinedRequests ?? 100, 1),
  };
}
