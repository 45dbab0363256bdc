/**
 * The one thing that ends an exchange over HTTP early: the caller's signal, a deadline by our own timers, or the
 * client that closes, whichever comes first. A promise that ends with it is rejected at once, also where the transport
 * doesn't hear of the abort (a connection that is still being opened).
 */
import type { Timers } from "../../runtime/timer.ts";

export interface ExchangeLimit {
  /** For the transport. */
  readonly signal: AbortSignal;
  /** What `work` settles to; rejects before when it takes longer than `ms`, or with the reason of `fail`. One at a time. */
  within<T>(ms: number, work: Promise<T>): Promise<T>;
  /** Gives up what runs. */
  fail(reason: Error): void;
  /** The exchange is over: nothing of it is wanted any more. */
  end(): void;
  /** Runs `listener` once it is over, for whatever reason. */
  onOver(listener: () => void): void;
}

export function createExchangeLimit(timers: Timers, outer: AbortSignal | undefined): ExchangeLimit {
  const controller = new AbortController();
  let rejectWaiting: ((reason: Error) => void) | undefined;
  let listener: (() => void) | undefined;
  let failure: Error | undefined;

  const onOuterAbort = () => fail(asError(outer?.reason));

  function fail(reason: Error): void {
    if (failure !== undefined) return;
    failure = reason;
    outer?.removeEventListener("abort", onOuterAbort);
    rejectWaiting?.(reason);
    controller.abort(reason);
    listener?.();
  }

  outer?.addEventListener("abort", onOuterAbort);
  if (outer?.aborted) onOuterAbort();

  return {
    signal: controller.signal,
    async within<T>(ms: number, work: Promise<T>): Promise<T> {
      const timer = timers.after(ms, () => fail(new Error(`no answer within ${ms} ms`)));
      try {
        return await new Promise<T>((resolve, reject) => {
          rejectWaiting = reject;
          if (failure !== undefined) reject(failure);
          work.then(resolve, reject);
        });
      } finally {
        timer.cancel();
        rejectWaiting = undefined;
      }
    },
    fail,
    end: () => fail(new Error("the exchange is over")),
    onOver(run) {
      listener = run;
    },
  };
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
