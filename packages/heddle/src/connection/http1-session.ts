/**
 * The connections of a client to one address that speaks HTTP/1.1 only: undici's, behind the interface that a
 * connection of our own HTTP/2 has.
 *
 * Each connection carries one exchange at a time (no pipelining: an answer that is late would hold up those behind
 * it), so there are several of them, up to a cap. A call gets its stream when it has a connection to itself; until
 * then it waits here, and nothing of it has been sent. A cancelled exchange costs its connection and nothing else.
 * HTTP/1.1 promises no more than half duplex: the answer may come only after the whole request has been sent.
 *
 * A connection that cannot be opened ends the session for new calls: the subchannel then dials again, with its
 * backoff. This module is loaded when it is needed, for undici takes its time.
 */
import type { Duplex } from "node:stream";
import { type HeddleError, isHeddleError } from "../call/errors.ts";
import type { Timers } from "../runtime/timer.ts";
import { envelopePrefix } from "../wire/envelope-writer.ts";
import type { Dialing } from "./dial.ts";
import { Http1Connection } from "./http1-connection.ts";
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
  readonly #maxHeadBytes: number;
  readonly #connections = new Set<Http1Connection>();
  /** Those without a call, the one that was used last at the end. */
  #idle: Http1Connection[] = [];
  readonly #dialing = new Set<Dialing>();
  readonly #exchanges = new Set<Http1Exchange>();
  readonly #waiting = new Set<StreamOwner>();
  #draining = false;
  #closed = false;

  constructor(options: Http1SessionOptions) {
    const { socket, address, maxConnections = MAX_CONNECTIONS, maxHeadBytes = MAX_HEAD_BYTES } = options;
    this.#options = options;
    this.address = address;
    this.#maxConnections = maxConnections;
    this.#maxHeadBytes = maxHeadBytes;
    this.#add(socket);
  }

  /** It makes further connections by itself. */
  get full(): boolean {
    return false;
  }

  get streams(): number {
    return this.#exchanges.size;
  }

  request(owner: StreamOwner): void {
    if (this.#closed || this.#draining)
      return owner.onLost(this.#closed ? "it is closed" : "it is draining", false);
    this.#waiting.add(owner);
    this.#serveWaiting();
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
    for (const dialing of this.#dialing) dialing.cancel();
    const lost = [...this.#exchanges];
    this.#exchanges.clear();
    for (const exchange of lost) exchange.abandon();
    for (const connection of this.#connections) connection.close();
    this.#options.onClose(reason);
    for (const { owner, sent } of lost) owner.onLost(reason, sent);
    this.#refuseWaiting(reason);
  }

  #serveWaiting(): void {
    for (const owner of this.#waiting) {
      const connection = this.#takeIdle();
      if (connection === undefined) return this.#dialAsNeeded();
      this.#waiting.delete(owner);
      this.#open(owner, connection);
    }
  }

  #takeIdle(): Http1Connection | undefined {
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined || connection.isUsable) return connection;
    }
  }

  #open(owner: StreamOwner, connection: Http1Connection): void {
    const exchange = new Http1Exchange({
      owner,
      dispatch: (options, handler) => connection.dispatch(options, handler),
      onOver: (over) => this.#ended(over, connection),
    });
    this.#exchanges.add(exchange);
    owner.onStream(this, exchange);
  }

  #ended(exchange: Http1Exchange, connection: Http1Connection): void {
    if (!this.#exchanges.delete(exchange)) return;
    // By then undici has closed the connection, if the answer says so or the request has not been sent to its end.
    // oxlint-disable-next-line no-restricted-globals -- undici keeps to the real event loop, whatever the time is
    setImmediate(() => this.#free(connection));
    if (this.#draining) process.nextTick(() => this.#closeWhenDrained());
  }

  #free(connection: Http1Connection): void {
    if (this.#closed || !connection.isUsable) return;
    this.#idle.push(connection);
    this.#serveWaiting();
  }

  /** Connections for those who wait, a few at a time: handshakes all at once would make each of them late. */
  #dialAsNeeded(): void {
    const wanted = Math.min(this.#waiting.size, MAX_DIALING);
    while (
      !this.#draining &&
      this.#dialing.size < wanted &&
      this.#connections.size + this.#dialing.size < this.#maxConnections
    ) {
      const dialing = this.#options.connect((result) => {
        this.#dialing.delete(dialing);
        if (isHeddleError(result)) return this.#startDraining(result.rawMessage);
        this.#add(result);
        this.#serveWaiting();
      });
      this.#dialing.add(dialing);
    }
  }

  #add(socket: Duplex): void {
    const connection = new Http1Connection({
      socket,
      timers: this.#options.timers,
      maxHeadBytes: this.#maxHeadBytes,
      onGone: (gone) => {
        this.#connections.delete(gone);
        this.#idle = this.#idle.filter((other) => other !== gone);
        if (!this.#closed) this.#dialAsNeeded();
      },
    });
    this.#connections.add(connection);
    this.#idle.push(connection);
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

/** Connections that are being opened at a time. */
const MAX_DIALING = 8;
