/**
 * One HTTP/1.1 connection of a server: what its calls need to know of it, and when the answers of all are out.
 */
import type { IncomingMessage } from "node:http";
import type { ServerCall } from "./call.ts";
import type { Http1Call } from "./http1-call.ts";
import type { Peer } from "./peer.ts";
import type { PlainConnection } from "./plain-connection.ts";

/** The server, as a connection knows it. */
export interface ConnectionOwner {
  readonly draining: boolean;
  /** Closes the connections that have no request. */
  closeIdle(): void;
}

export class Http1Connection {
  readonly peer: Peer;
  /** Requests that have no complete answer. */
  calls = 0;
  /** Answers that have been handed over and not arrived. */
  leaving = 0;
  /** The request that came last, until it has its answer. */
  request: IncomingMessage | undefined = undefined;
  /** The call that it became, if it was let in. */
  latest: Http1Call | undefined = undefined;
  /** The WebSocket that it has become. */
  webSocket: ServerCall | undefined = undefined;
  /** While its requests are plain. */
  plain: PlainConnection | undefined = undefined;
  /** It has had its last answer, and is being closed. */
  closing = false;
  readonly #server: ConnectionOwner;
  #onAnswered: (() => void) | undefined = undefined;

  constructor(server: ConnectionOwner, peer: Peer) {
    this.#server = server;
    this.peer = peer;
  }

  get draining(): boolean {
    return this.#server.draining;
  }

  /** Runs `done` when all requests so far have their answers. */
  whenAnswered(done: () => void): void {
    if (this.calls === 0) done();
    else this.#onAnswered = done;
  }

  /** A request was answered in full, or its connection has gone. */
  callEnded(): void {
    this.calls--;
    // An answer that began before the draining did not say that the connection closes.
    if (this.draining) process.nextTick(() => this.#server.closeIdle());
    if (this.calls > 0) return;
    this.request = undefined;
    this.latest = undefined;
    if (this.#onAnswered !== undefined) process.nextTick(this.#onAnswered);
  }
}
