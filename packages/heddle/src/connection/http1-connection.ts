/**
 * One connection of HTTP/1.1, in undici's hands, for one exchange at a time.
 *
 * undici would open its connections by itself, and again when they are lost; here each has a client of its own that
 * gets the one socket it is made for.
 */
import type { Duplex } from "node:stream";
import { Client, type Dispatcher } from "undici";
import type { Timer, Timers } from "../runtime/timer.ts";

export interface Http1ConnectionOptions {
  readonly socket: Duplex;
  readonly timers: Timers;
  /** Largest head of an answer, in bytes. */
  readonly maxHeadBytes: number;
  /** It is gone; called once. */
  readonly onGone: (connection: Http1Connection) => void;
}

export class Http1Connection {
  readonly #socket: Duplex;
  readonly #client: Client;
  readonly #unusedTimer: Timer;
  #gone = false;

  constructor({ socket, timers, maxHeadBytes, onGone }: Http1ConnectionOptions) {
    this.#socket = socket;
    const gone = () => {
      if (this.#gone) return;
      this.#gone = true;
      this.close();
      onGone(this);
    };
    socket.on("error", ignore);
    socket.on("close", gone);
    // undici looks after connections from their first use on.
    this.#unusedTimer = timers.after(KEEP_ALIVE_MS, () => socket.destroy());
    let given = false;
    this.#client = new Client("http://peer", {
      pipelining: 1,
      allowH2: false,
      // Deadlines are the call's own.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: maxHeadBytes,
      connect: (_target, done) => {
        const isFirst = !given;
        given = true;
        // Later, for undici does not expect it at once. It asks little of a socket: a TLS socket and an in-memory
        // pipe are as good.
        process.nextTick(() => (isFirst ? done(null, socket as never) : done(GONE, null)));
      },
    });
    this.#client.on("disconnect", gone);
  }

  /** True while another exchange can begin. */
  get isUsable(): boolean {
    return !this.#gone && !this.#socket.destroyed && this.#socket.readable && this.#socket.writable;
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#unusedTimer.cancel();
    this.#client.dispatch(options, handler);
  }

  /** Closes at once; what runs on it is lost. */
  close(): void {
    this.#unusedTimer.cancel();
    this.#socket.destroy();
    this.#client.destroy().catch(ignore);
  }
}

/** How long a connection without a call is kept, in ms; shorter than servers keep them, unless they say how long. */
const KEEP_ALIVE_MS = 4000;

const GONE = new Error("the connection is gone");

/** What becomes of a socket that we have closed is nobody's business. */
function ignore(): void {}
