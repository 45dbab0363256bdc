/**
 * The call record: what happened to one call, attempt by attempt, with the time each phase took. It is kept
 * for every call; a failed call carries it on its error (`recordOf`), so that "who failed, where did the time
 * go, was it retried" needs no second look. `explain` says it in words.
 *
 * There is nothing of the call's messages and metadata in it.
 */
import type { ErrorOrigin } from "./error-catalogue.ts";

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
  | "backing off"
  /** of a served call */
  | "waiting for the request"
  | "waiting for the handler";

export interface AttemptRecord {
  /** Id of the instance, or its address where discovery knows no id; empty when none could be chosen. */
  readonly instance: string;
  readonly address: string;
  /** From the start of the call to the start of the attempt, in ms. */
  readonly startedAfterMs: number;
  /** From the start of the attempt until there was an instance, in ms; absent when there was one at once. */
  readonly untilPickedMs?: number;
  /** From the start of the attempt until the request was on a connection, in ms; the whole attempt if never. */
  readonly untilSentMs: number;
  readonly elapsedMs: number;
  /** gRPC status name, `OK` included. */
  readonly status: string;
  /** Sent while an earlier attempt was under way. */
  readonly hedge?: boolean;
  /** Code and text of the error; absent on success. */
  readonly error?: string;
  /** Of so many instances that could have got it, this one was chosen; absent when none could. */
  readonly pickedFrom?: number;
  /** Calls of this client under way there when it was chosen, itself included. */
  readonly inFlight?: number;
  /** 16 hex digits, as its `traceparent` says; absent where it had none. */
  readonly spanId?: string;
  /** How long before its end anything had come from its connection, in ms. HTTP/2 only. */
  readonly heardAgoMs?: number;
}

/** One instance, as the client saw it when the call ended. */
export interface CandidateRecord {
  readonly instance: string;
  readonly address: string;
  /**
   * `ready`: it gets calls. Why it gets none: `ejected`, `silent`, `unhealthy`, `at its limit`, `draining`; or the state
   * of the way to it: `idle`, `connecting`, `transient_failure`.
   */
  readonly state: string;
  /** More about a state that is not `ready`. */
  readonly why?: string;
  /** Calls of this client under way. */
  readonly inFlight: number;
}

/** The deadline of the served call inside which the call was made, where that was the shorter one. */
export interface InheritedDeadline {
  /** The served method. */
  readonly method: string;
  /** What that call was given in all, and what was left of it when this one began, in ms. */
  readonly deadlineMs: number;
  readonly leftMs: number;
  /** What this call would have had by itself, in ms; `Infinity` for any. */
  readonly wantedMs: number;
}

export interface RecordedError {
  /** Of the catalogue, such as `HDL-2107`; absent where the error is the callee's own. */
  readonly code?: string;
  readonly message: string;
  readonly origin?: ErrorOrigin;
  /** The next step. */
  readonly hint?: string;
}

export interface CallRecord {
  /** 16 hex digits: `heddle explain` finds it by this, where it is kept. */
  readonly id: string;
  /** `server`: as the callee saw it. */
  readonly side: "client" | "server";
  /** Full name, `shop.v1.OrderService/PlaceOrder`. */
  readonly method: string;
  /** What was called; of a served call the address that called. */
  readonly target: string;
  readonly status: string;
  /** When it began, in ms since the epoch. */
  readonly startedAtMs: number;
  readonly elapsedMs: number;
  /** The whole time the call was given, in ms; `Infinity` for none. */
  readonly deadlineMs: number;
  readonly inherited?: InheritedDeadline;
  readonly traceId?: string;
  /** In the order of their ends; the last one decided the call. One that another overtook is CANCELLED. */
  readonly attempts: readonly AttemptRecord[];
  /** Attempts that the method might have had in all. */
  readonly maxAttempts?: number;
  /** Why there was no further attempt; absent on success. */
  readonly stoppedBecause?: string;
  /** Repeating it does no harm, as its contract or a rule says. */
  readonly repeatable: boolean;
  /** Absent on success. */
  readonly error?: RecordedError;
  /** What it was doing when it ended; absent on success. */
  readonly phase?: CallPhase;
  /** The instances when it failed, at most 16; those that get no calls first. */
  readonly candidates?: readonly CandidateRecord[];
  /** Instances that are not among them. */
  readonly candidatesOmitted?: number;
  /** Retries and hedges that the budget would have allowed when it failed. */
  readonly budgetLeft?: number;
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
