/**
 * The call that the running code serves, so that calls made inside a handler inherit from it: what is left of
 * the deadline, its cancellation, its trace, and the metadata marked for propagation.
 *
 * Kept by `AsyncLocalStorage`, set by the server around each handler, read by the client once per call.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Criticality } from "./criticality.ts";
import type { Fields } from "./metadata.ts";
import { hasOtelContext, runInOtelSpan } from "./otel-context.ts";

/** What an outgoing call inherits. */
export interface AmbientCall {
  /** Monotonic time at which the served call must be done; `Infinity` when its caller set no deadline. */
  readonly deadlineAtMs: number;
  /** W3C trace id (32 hex digits) that the outgoing calls belong to. */
  readonly traceId: string;
  /** How much it matters, if its caller said so. */
  readonly criticality: Criticality | undefined;
  /** The span that outgoing calls are children of, 16 hex digits. */
  readonly spanId: string;
  /** The trace is one that is kept. */
  readonly sampled: boolean;
  /** Full name of its method. */
  readonly name: string;
  /** What its caller gave it in all, in ms; `Infinity` for any. */
  readonly timeoutLimitMs: number;
  /** Incoming metadata that travels on. */
  readonly propagated: Fields;
  /** It has ended with an error, its cancellation or its deadline among them: nobody waits for what it still does. */
  readonly failed: boolean;
  /** Ties an outgoing call to this one: it is cancelled when this one is. */
  adopt(child: CancellableCall): void;
  /** The outgoing call is over. */
  release(child: CancellableCall): void;
}

/** Why a call made inside a served one was cancelled. */
export const SERVED_CALL_ENDED = "the call being served has ended";

export interface CancellableCall {
  cancel(reason: string): void;
}

const storage = new AsyncLocalStorage<AmbientCall | undefined>();

/** The call being served, if any. */
export function currentCall(): AmbientCall | undefined {
  return storage.getStore();
}

/** Runs `body` as part of serving `call`. */
export function runInCall<T>(call: AmbientCall, body: () => T): T {
  return storage.run(call, hasOtelContext() ? () => runInOtelSpan(call, body) : body);
}

/**
 * The way out: runs `body` as if no call were being served. Calls made inside have a deadline of their own and
 * go on when the served call ends. Use it for work that must outlive the request.
 */
export function runDetached<T>(body: () => T): T {
  return storage.run(undefined, body);
}
