/**
 * Reads a server stream under its own liveness check. A connection can be open while nobody is at the other end (a
 * frozen server, a middlebox that forgot it), and long streams carry no deadline, so each read says how
 * long silence is credible. What the transport does about an abort doesn't matter: the read ends by itself.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import type { Timers } from "../../runtime/timer.ts";

export interface LiveStream<T> {
  /**
   * The next message. Rejects when the stream fails or ends (UNAVAILABLE), stays silent for longer than `silenceMs`
   * (UNAVAILABLE), or is closed (CANCELED). Not to be called while another call is pending.
   */
  next(silenceMs: number): Promise<T>;
  /** Cancels the stream. */
  close(): void;
}

export function openLiveStream<T>(
  open: (signal: AbortSignal) => AsyncIterable<T>,
  timers: Timers,
): LiveStream<T> {
  const controller = new AbortController();
  const iterator = open(controller.signal)[Symbol.asyncIterator]();
  let failPending = (_: ConnectError) => {};

  function close(): void {
    if (controller.signal.aborted) return;
    controller.abort();
    failPending(closed());
    iterator.return?.().catch(() => {});
  }

  return {
    close,
    async next(silenceMs) {
      if (controller.signal.aborted) throw closed();
      const { promise, resolve, reject } = Promise.withResolvers<IteratorResult<T, unknown>>();
      failPending = reject;
      const timer = timers.after(silenceMs, () => {
        reject(new ConnectError(`nothing was heard for ${silenceMs} ms`, Code.Unavailable));
        close();
      });
      iterator.next().then(resolve, reject);
      try {
        const result = await promise;
        if (result.done) throw new ConnectError("the registry ended the stream", Code.Unavailable);
        return result.value;
      } finally {
        timer.cancel();
      }
    },
  };
}

function closed(): ConnectError {
  return new ConnectError("the stream was closed", Code.Canceled);
}
