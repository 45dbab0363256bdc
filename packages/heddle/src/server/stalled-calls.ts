/**
 * Gives up the calls of a connection whose caller does not do its part: a request that never comes whole, an answer
 * that is never taken. Each holds a stream and what has come of it; a caller that wants to hold much of both only
 * has to do nothing (slow body, window of 0: CVE-2019-9517). PINGs do not find it: it may well answer them.
 *
 * Streams of messages are left alone, in both directions: to say nothing for long is their right.
 */
import { HeddleError } from "../call/errors.ts";
import type { Http2Connection } from "../wire/http2/connection.ts";
import { CANCEL } from "../wire/http2/constants.ts";
import type { Http2Stream } from "../wire/http2/stream.ts";
import type { ServerCall } from "./call.ts";

export class StalledCalls {
  readonly #limitMs: number;
  /** Finished answers that waited at the last look, and how much of each. */
  #waiting = new Map<Http2Stream, number>();

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** How often to look, in ms: a call is given up after its limit and no more than half of that later. */
  get everyMs(): number {
    return this.#limitMs / 2;
  }

  look(machine: Http2Connection, nowMs: number): void {
    const waiting = new Map<Http2Stream, number>();
    for (const stream of machine.streams.values()) {
      const call = stream.owner as ServerCall | undefined;
      if (call === undefined) continue;
      if (call.ended) {
        const { queuedBytes } = stream;
        if (queuedBytes === 0) continue;
        if (this.#waiting.get(stream) === queuedBytes) machine.reset(stream, CANCEL);
        else waiting.set(stream, queuedBytes);
      } else if (!stream.remoteClosed && takesOne(call) && nowMs - call.receivedAtMs >= this.#limitMs) {
        const phase = "waiting for the request";
        call.abort(
          new HeddleError("deadlineExceeded", { method: call.name, deadlineMs: this.#limitMs, phase }),
        );
      }
    }
    this.#waiting = waiting;
  }
}

function takesOne({ route }: ServerCall): boolean {
  const kind = route?.method.desc.methodKind;
  return kind === "unary" || kind === "server_streaming";
}
