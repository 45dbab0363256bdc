/**
 * When a failed attempt of a call is followed by another, and after how long: a policy as data, and the decision.
 *
 * The semantics are gRPC's (https://github.com/grpc/proposal/blob/master/A6-client-retries.md). Two kinds of
 * repeating are kept apart. An attempt that no handler can have seen is made again for any method, policy or not:
 * gRPC calls it transparent. An attempt that may have run is made again only when the method has a policy, the
 * policy names the status, the answer had not begun, attempts are left, the server did not forbid it, and the
 * caller's deadline leaves time for it.
 *
 * In one thing it does more than gRPC, which repeats a call that servers refused (REFUSED_STREAM, GOAWAY) once: it
 * is proved that no handler saw it, so it goes on, but the second time on it waits and pays like any other repeat.
 * A rolling restart refuses a call more than once without anything being wrong.
 */
import { Code } from "@connectrpc/connect";
import type { Random } from "../runtime/random.ts";
import type { AttemptAllowance } from "./attempt-allowance.ts";
import { type BackoffOptions, backoffMs, callBackoff } from "./backoff.ts";

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

/** Attempts that no handler saw; more than this many instances in a row do not refuse by accident. */
const MAX_UNSENT_ATTEMPTS = 8;

/** Three attempts, UNAVAILABLE only, 25 ms doubling up to 1 s with full jitter, no limit for one attempt. */
export const defaultRetryPolicy: RetryPolicy = {
  maxAttempts: 3,
  backoff: callBackoff,
  retryableCodes: new Set([Code.Unavailable]),
  perAttemptTimeoutMs: Number.POSITIVE_INFINITY,
};

/** How an attempt failed. */
export interface FailedAttempt {
  readonly code: Code;
  /** The proof that no handler saw the request: it never left this process, or the server says so. */
  readonly unsent: "never left" | "refused" | undefined;
  /** Head or messages of a stream were passed on: another attempt could contradict them. */
  readonly committed: boolean;
  /** Another attempt would end the same way, or this one has brought the answer. */
  readonly hopeless: boolean;
  /** It ran out of `perAttemptTimeoutMs`. */
  readonly timedOut: boolean;
  /** `grpc-retry-pushback-ms` of the answer, as `readPushback` has it. */
  readonly pushbackMs: number | undefined;
}

/** What the call has behind it, the failed attempt included. */
export interface AttemptsMade {
  /** Attempts that a handler may have seen. */
  readonly sent: number;
  /** Attempts that no handler saw; of these, those that a server refused. */
  readonly unsent: number;
  readonly refused: number;
  /** Until the deadline of the call, in ms. */
  readonly leftMs: number;
  /** How long an attempt of the method takes as a rule, in ms; 0 where it is not known. */
  readonly usualMs: number;
}

export type RetryDecision =
  /** Another attempt after `waitMs`; `undefined`: at once, without a turn of the timer. */
  | { readonly again: true; readonly waitMs: number | undefined }
  | { readonly again: false; readonly why: string };

/** Decides, and debits the allowance when it decides for an attempt that costs the service something. */
export function decideRetry(
  failed: FailedAttempt,
  made: AttemptsMade,
  policy: RetryPolicy | undefined,
  allowance: AttemptAllowance,
  nowMs: number,
  random: Random,
): RetryDecision {
  if (failed.committed) return stop("messages of the stream had been passed on already");
  if (failed.hopeless) return stop("the answer is final");
  if (failed.unsent !== undefined) return repeatUnsent(failed.unsent, made, allowance, nowMs, random);
  const isRetryable = policy !== undefined && (failed.timedOut || policy.retryableCodes.has(failed.code));
  const { pushbackMs } = failed;
  if (isRetryable || isForbidden(pushbackMs)) allowance.attemptFailed();
  if (policy === undefined) return stop("the contract does not say that the method may be repeated");
  if (!isRetryable) return stop("the answer is final");
  if (isForbidden(pushbackMs)) return stop("the server asked not to repeat it");
  const maxAttempts = Math.min(policy.maxAttempts, MAX_ATTEMPTS);
  if (made.sent >= maxAttempts) return stop(`all ${maxAttempts} attempts were used`);
  return after(pushbackMs ?? backoffMs(made.sent - 1, policy.backoff, random), made, allowance, nowMs);
}

/** True for a `grpc-retry-pushback-ms` that says no: it is negative, or cannot be read. */
export function isForbidden(pushbackMs: number | undefined): boolean {
  return pushbackMs !== undefined && pushbackMs < 0;
}

/** The value of `grpc-retry-pushback-ms`: ms to wait, -1 for "do not repeat", undefined where there is none. */
export function readPushback(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  return /^[0-9]{1,10}$/.test(text) ? Number(text) : -1;
}

function repeatUnsent(
  proof: "never left" | "refused",
  made: AttemptsMade,
  allowance: AttemptAllowance,
  nowMs: number,
  random: Random,
): RetryDecision {
  if (made.unsent > MAX_UNSENT_ATTEMPTS) return stop(`${MAX_UNSENT_ATTEMPTS} instances refused it`);
  if (proof === "never left" || made.refused <= 1) return { again: true, waitMs: undefined };
  return after(backoffMs(made.refused - 2, callBackoff, random), made, allowance, nowMs);
}

function after(
  waitMs: number,
  { leftMs, usualMs }: AttemptsMade,
  allowance: AttemptAllowance,
  nowMs: number,
): RetryDecision {
  if (waitMs + usualMs >= leftMs) return stop("the deadline leaves no time for another attempt");
  const refusal = allowance.ask(nowMs);
  return refusal === undefined ? { again: true, waitMs } : stop(refusal);
}

function stop(why: string): RetryDecision {
  return { again: false, why };
}
