/**
 * The call record: what happened to one call, attempt by attempt, with the time each phase took. It is kept
 * for every call; a failed call carries it on its error (`recordOf`), so that "who failed, where did the time
 * go, was it retried" needs no second look.
 */

/** The phase that a call is in: which of them it spent its time on is the first question about a slow call. */
export type CallPhase =
  /** as many calls of its rule are under way as may be (`maxConcurrent`) */
  | "waiting for a place"
  /** waiting for the first answer of discovery, or for an instance that can be reached */
  | "waiting for an instance"
  /** an instance is chosen; its connection has no free stream */
  | "waiting for a stream"
  /** sent; the callee has it */
  | "waiting for the answer"
  /** waiting before the next attempt */
  | "backing off";

export interface AttemptRecord {
  /** Id of the instance, or its address where discovery knows no id; empty when none could be chosen. */
  readonly instance: string;
  readonly address: string;
  /** From the start of the call to the start of the attempt, in ms. */
  readonly startedAfterMs: number;
  /** From the start of the attempt until the request was on a connection, in ms; the whole attempt if never. */
  readonly untilSentMs: number;
  readonly elapsedMs: number;
  /** gRPC status name, `OK` included. */
  readonly status: string;
  /** Sent while an earlier attempt was under way. */
  readonly hedge?: boolean;
  /** Code and text of the error; absent on success. */
  readonly error?: string;
}

export interface CallRecord {
  /** Full name, `shop.v1.OrderService/PlaceOrder`. */
  readonly method: string;
  readonly target: string;
  readonly status: string;
  readonly elapsedMs: number;
  /** The whole time the call was given, in ms; `Infinity` for none. */
  readonly deadlineMs: number;
  readonly traceId?: string;
  /** In the order of their ends; the last one decided the call. One that another overtook is CANCELLED. */
  readonly attempts: readonly AttemptRecord[];
  /** Why there was no further attempt; absent on success. */
  readonly stoppedBecause?: string;
}

const records = new WeakMap<object, CallRecord>();

/** Attaches the record to the error that the caller gets. */
export function attachRecord(error: object, record: CallRecord): void {
  records.set(error, record);
}

/** The record of the call that failed with `error`; undefined for anything else. */
export function recordOf(error: unknown): CallRecord | undefined {
  return typeof error === "object" && error !== null ? records.get(error) : undefined;
}
