/**
 * When a failed attempt of a call is followed by another, and after how long: a policy as data, and the decision.
 *
 * The semantics are gRPC's (https://github.com/grpc/proposal/blob/master/A6-client-retries.md). Two kinds of
 * repeating are kept apart. An attempt that no handler can have seen is made again for any method, policy or not:
 * gRPC calls it transparent. An attempt that may have run is made again only when the method has a policy, the
 * policy names the status, attempts are left, the caller's deadline leaves time, and the server did not forbid it.
 */
import { Code } from "@connectrpc/connect";
import type { BackoffOptions } from "./backoff.ts";
import { callBackoff } from "./backoff.ts";

/** How the attempts of a method may be repeated. Absent for a method: never, but for transparent retries. */
export interface RetryPolicy {
  /** Attempts in all, the first and hedges included: 1 to 5. */
  readonly maxAttempts: number;
  /** The wait before each further attempt, where the server names none. */
  readonly backoff: Readonly<BackoffOptions>;
  /** Statuses after which the request may be sent again. */
  readonly retryableCodes: ReadonlySet<Code>;
  /** Time for one attempt in ms, within the deadline of the call; an attempt that runs out of it may be repeated. */
  readonly perAttemptTimeoutMs: number;
}

/** gRPC's ceiling: what a policy asks for beyond it is not refused, but not done either. */
export const MAX_ATTEMPTS = 5;

/** Three attempts, UNAVAILABLE only, 25 ms doubling up to 1 s with full jitter, no limit for one attempt. */
export const defaultRetryPolicy: RetryPolicy = {
  maxAttempts: 3,
  backoff: callBackoff,
  retryableCodes: new Set([Code.Unavailable]),
  perAttemptTimeoutMs: Number.POSITIVE_INFINITY,
};
