/**
 * The connections of a client to one address that speaks HTTP/1.1 only: undici's, behind the interface that a
 * connection of our own HTTP/2 has.
 *
 * Each connection carries one exchange at a time (no pipelining: an answer that is late would hold up those behind
 * it), so there are several of them, up to a cap. A cancelled exchange costs its connection and nothing else.
 * HTTP/1.1 promises no more than half duplex: the answer may come only after the whole request has been sent.
 *
 * A connection that cannot be opened ends the session for new calls: the subchannel then dials again, with its
 * backoff. This module is loaded when it is needed, for undici takes its time.
 */
import type { Duplex } from "node:stream";
import { Pool } from "undici";
import { type HeddleError, isHeddleError } from "../call/errors.ts";
import type { Timer, Timers } from "../runtime/timer.ts";
import type { Dialing } from "./dial.ts";
import { Http1Exchange } from "./http1-exchange.ts";
import type { Session, SessionStream, StreamOwner } from "./session.ts";

export interface Http1SessionOptions {
  /** The connection that is there already. */
  readonly socket: Duplex;
  readonly address: string;
  readonly timers: Timers;
  /** Connections at most, and so calls at a time; further ones wait. Default 64. */
  readonly maxConnections?: number | undefined;
  /** Largest head of an answer, in bytes. Default 64 KiB. */
  readonly maxHeadBytes?: number | undefined;
  /** Opens another connection. */
  readonly connect: (onResult: (result: Duplex | HeddleError) => void) => Dialing;
  /** No new calls here; those open go on. Called at most once. */
  readonly onDraining: (reason: string) => void;
  readonly onClose: (reason: string) => void;
}

export class Http1Session implements Session {
  readonly httpVersion = "1.1";
  readonly address: string;
  readonly #options: Http1SessionOptions;
  readonly #maxConnections: number;
  readonly #pool: Pool;
  readonly #exchanges = new Set<Http1Exchange>();
  readonly #waiting = new Set<StreamOwner>();
  readonly #dialing = new Set<Dialing>();
  #first: Duplex | undefined;
  readonly #firstTimer: Timer;
  #draining = false;
  #closed = false;

  constructor(options: Http1SessionOptions) {
    const {
      socket,
      address,
      timers,
      maxConnections = MAX_CONNECTIONS,
      maxHeadBytes = MAX_HEAD_BYTES,
    } = options;
    this.#options = options;
    this.address = address;
    this.#maxConnections = maxConnections;
    this.#first = socket;
    socket.on("error", ignore);
    this.#firstTimer = timers.after(KEEP_ALIVE_MS, () => this.#takeFirst()?.destroy());
    this.#pool = new Pool("http://peer", {
      connections: maxConnections,
      pipelining: 1,
      allowH2: false,
      // Deadlines are the call's own.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: maxHeadBytes,
      connect: (_target, done) =>
        this.#connect((result) => {
          // undici asks little of a socket: a TLS socket and an in-memory pipe are as good.
          if (isHeddleError(result)) done(result, null);
          else done(null, result as never);
        }),
    });
  }

  /** It makes further connections by itself. */
  get full(): boolean {
    return false;
  }

  get streams(): number {
    return this.#exchanges.size;
  }

  request(owner: StreamOwner): void {
    if (this.#closed || this.#draining) owner.onLost(this.#closed ? "it is closed" : "it is draining", false);
    else if (this.#waiting.size === 0 && this.#exchanges.size < this.#maxConnections) this.#open(owner);
    else this.#waiting.add(owner);
  }

  withdraw(owner: StreamOwner): void {
    this.#waiting.delete(owner);
  }

  sendHead(stream: SessionStream, fields: readonly string[], endStream: boolean): void {
    (stream as Http1Exchange).sendHead(fields, endStream);
  }

  sendBody(stream: SessionStream, bytes: Uint8Array, endStream: boolean): void {
    const exchange = stream as Http1Exchange;
    if (bytes.length > 0) exchange.write(bytes);
    if (endStream) exchange.end();
  }

  sendMessage(
    stream: SessionStream,
    flag: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    endStream: boolean,
  ): void {
    this.sendBody(stream, envelopePrefix(flag, end - start), false);
    this.sendBody(stream, bytes.subarray(start, end), endStream);
  }

  sendEnd(stream: SessionStream): void {
    (stream as Http1Exchange).end();
  }

  take(stream: SessionStream, bytes: number): void {
    (stream as Http1Exchange).take(bytes);
  }

  reset(stream: SessionStream): void {
    (stream as Http1Exchange).abandon();
  }

  /** Nothing to do: undici writes by itself. */
  flushSoon(): void {}

  drain(reason: string): void {
    if (this.#closed) return;
    this.#startDraining(reason);
    this.#closeWhenDrained();
  }

  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#takeFirst()?.destroy();
    for (const dialing of this.#dialing) dialing.cancel();
    const lost = [...this.#exchanges];
    this.#exchanges.clear();
    for (const exchange of lost) exchange.abandon();
    this.#pool.destroy().catch(ignore);
    this.#options.onClose(reason);
    for (const { owner, sent } of lost) owner.onLost(reason, sent);
    this.#refuseWaiting(reason);
  }

  #open(owner: StreamOwner): void {
    const exchange = new Http1Exchange({
      owner,
      dispatch: (options, handler) => this.#pool.dispatch(options, handler),
      onOver: (over) => this.#ended(over),
    });
    this.#exchanges.add(exchange);
    owner.onStream(this, exchange);
  }

  #ended(exchange: Http1Exchange): void {
    if (!this.#exchanges.delete(exchange)) return;
    if (this.#waiting.size > 0) process.nextTick(() => this.#serveWaiting());
    if (this.#draining) process.nextTick(() => this.#closeWhenDrained());
  }

  #serveWaiting(): void {
    for (const owner of this.#waiting) {
      if (this.#closed || this.#exchanges.size >= this.#maxConnections) return;
      this.#waiting.delete(owner);
      this.#open(owner);
    }
  }

  #connect(onResult: (result: Duplex | HeddleError) => void): void {
    const first = this.#takeFirst();
    if (first?.destroyed === false && first.readable && first.writable) {
      // Later, for undici does not expect it at once.
      process.nextTick(onResult, first);
      return;
    }
    const dialing = this.#options.connect((result) => {
      this.#dialing.delete(dialing);
      onResult(result);
      if (isHeddleError(result)) this.#startDraining(result.rawMessage);
    });
    this.#dialing.add(dialing);
  }

  /** The first connection, which is used once: undici looks after it from then on. */
  #takeFirst(): Duplex | undefined {
    const first = this.#first;
    this.#first = undefined;
    this.#firstTimer.cancel();
    return first;
  }

  #startDraining(reason: string): void {
    if (this.#draining || this.#closed) return;
    this.#draining = true;
    this.#options.onDraining(reason);
    this.#refuseWaiting(reason);
    process.nextTick(() => this.#closeWhenDrained());
  }

  #refuseWaiting(reason: string): void {
    for (const owner of this.#waiting) {
      this.#waiting.delete(owner);
      owner.onLost(reason, false);
    }
  }

  #closeWhenDrained(): void {
    if (!this.#closed && this.#exchanges.size === 0) this.close("drained");
  }
}

const MAX_CONNECTIONS = 64;
const MAX_HEAD_BYTES = 64 * 1024;

/** How long a connection without a call is kept, in ms; shorter than servers keep them, unless they say how long. */
const KEEP_ALIVE_MS = 4000;

function envelopePrefix(flag: number, length: number): Uint8Array {
  return Uint8Array.of(flag, length >>> 24, length >>> 16, length >>> 8, length);
}

/** What becomes of a socket or pool that we have closed is nobody's business. */
function ignore(): void {}
