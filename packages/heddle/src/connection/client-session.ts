/**
 * One HTTP/2 connection of a client: opens streams for calls and brings each the answers.
 *
 * A call that finds no free stream waits here, in order, until one is free or the connection goes away. What
 * the bytes mean (gRPC, its status, its messages) is the business of the stream's owner.
 */
import type { Duplex } from "node:stream";
import { isSecret } from "../call/metadata.ts";
import type { Method } from "../contract/method.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Timers } from "../runtime/timer.ts";
import type { KeptBlock } from "../wire/hpack/kept-block.ts";
import { Http2Connection } from "../wire/http2/connection.ts";
import { http2ErrorName } from "../wire/http2/constants.ts";
import type { Http2Events } from "../wire/http2/events.ts";
import type { Http2Limits } from "../wire/http2/limits.ts";
import type { Http2Stream } from "../wire/http2/stream.ts";
import type { Session, StreamOwner } from "./session.ts";
import { SocketDriver } from "./socket-driver.ts";

/** A request head as it was last encoded on this connection. */
export interface KeptRequestHead extends KeptBlock {
  /** The `grpc-timeout` that it holds, in ms. */
  readonly timeoutMs: number;
}

export interface ClientSessionOptions {
  readonly socket: Duplex;
  readonly address: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly limits?: Partial<Http2Limits>;
  /** The peer's settings have arrived: calls may go. Called once. */
  readonly onReady: () => void;
  /** No new streams here (GOAWAY, or stream ids used up); those open go on. Called at most once. */
  readonly onDraining: (reason: string) => void;
  readonly onClose: (reason: string) => void;
}

export class ClientSession implements Session {
  readonly httpVersion = "2";
  readonly address: string;
  readonly machine: Http2Connection;
  /** Request heads that can be sent again, by method; see the send layer. */
  readonly requestHeads = new Map<Method, KeptRequestHead>();
  readonly #driver: SocketDriver;
  readonly #options: ClientSessionOptions;
  readonly #waiting = new Set<StreamOwner>();
  #ready = false;
  #draining = false;
  #closed = false;

  constructor(options: ClientSessionOptions) {
    const { socket, address, clock, timers, limits } = options;
    this.#options = options;
    this.address = address;
    this.machine = new Http2Connection("client", this.#events(), limits);
    this.#driver = new SocketDriver({
      socket,
      machine: this.machine,
      clock,
      timers,
      onRoom: () => this.#serveWaiting(),
      onClose: (reason) => this.#lost(reason),
    });
    this.machine.open();
    this.#driver.flushSoon();
  }

  /** Gives the owner a stream: at once if one is free, else when one becomes free. */
  request(owner: StreamOwner): void {
    if (this.#closed || this.#draining) owner.onLost(this.#closed ? "it is closed" : "it is draining", false);
    else if (this.#waiting.size === 0 && this.machine.canOpen) this.#open(owner);
    else this.#waiting.add(owner);
  }

  /** Withdraws an owner that waits for a stream. */
  withdraw(owner: StreamOwner): void {
    this.#waiting.delete(owner);
  }

  sendHead(stream: Http2Stream, fields: readonly string[], endStream: boolean): void {
    const { machine } = this;
    if (stream.localClosed || machine.closed) return;
    const mark = machine.beginHeaders();
    for (let i = 0; i < fields.length; i += 2)
      machine.encoder.field(
        machine.out,
        fields[i] as string,
        fields[i + 1] as string,
        indexing(fields[i] as string),
      );
    machine.endHeaders(mark, stream, endStream);
    this.#driver.flushSoon();
  }

  sendBody(stream: Http2Stream, bytes: Uint8Array, endStream: boolean): void {
    this.machine.sendBytes(stream, bytes, endStream);
    this.#driver.flushSoon();
  }

  sendMessage(
    stream: Http2Stream,
    flag: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    endStream: boolean,
  ): void {
    this.machine.sendMessage(stream, flag, bytes, start, end, endStream);
  }

  sendEnd(stream: Http2Stream): void {
    this.machine.sendEnd(stream);
  }

  take(stream: Http2Stream, bytes: number): void {
    this.machine.take(stream, bytes);
  }

  /** To be called after writing to the machine. */
  flushSoon(): void {
    this.#driver.flushSoon();
  }

  /** Cancels a stream that the caller has no more use for. */
  reset(stream: Http2Stream, code: number): void {
    this.machine.reset(stream, code);
    this.#driver.flushSoon();
    this.#streamEnded();
  }

  /** No new streams; closes when those open have ended. */
  drain(reason: string): void {
    if (this.#closed) return;
    this.#startDraining(reason);
    this.#closeWhenDrained();
  }

  /** Closes at once; open streams are lost. */
  close(reason: string): void {
    if (this.#closed) return;
    this.machine.goaway();
    this.#driver.end(reason);
  }

  #open(owner: StreamOwner): void {
    const stream = this.machine.openStream(owner);
    owner.onStream(this, stream);
    this.#driver.flushSoon();
  }

  #serveWaiting(): void {
    for (const owner of this.#waiting) {
      if (!this.machine.canOpen) return;
      this.#waiting.delete(owner);
      this.#open(owner);
    }
  }

  #events(): Http2Events {
    return {
      onHeaders: (stream, block, endStream, trailers) => {
        (stream.owner as StreamOwner).onHeaders(block, endStream, trailers);
        if (endStream) this.#streamEnded();
      },
      onData: (stream, bytes, start, end, endStream) => {
        (stream.owner as StreamOwner).onData(bytes, start, end, endStream);
        if (endStream) this.#streamEnded();
      },
      onReset: (stream, code, unprocessed) => {
        (stream.owner as StreamOwner).onReset(code, unprocessed);
        this.#streamEnded();
      },
      onWritable: (stream) => (stream.owner as StreamOwner).onWritable(),
      onSettings: () => {
        if (!this.#ready) {
          this.#ready = true;
          this.#options.onReady();
        }
        this.#serveWaiting();
      },
      onGoaway: (_lastStreamId, code, debug) => {
        this.#startDraining(
          `the peer sent GOAWAY ${http2ErrorName(code)}${debug === "" ? "" : ` "${debug}"`}`,
        );
        this.#closeWhenDrained();
      },
      onPong: () => {},
      onConnectionError: (error) => this.#driver.end(error.rawMessage),
    };
  }

  /** The machine forgets an ended stream only after the event: look when this turn's frames are done. */
  #streamEnded(): void {
    if (!this.#draining && !this.#closed && this.machine.idsUsedUp)
      this.#startDraining("its stream ids are used up");
    if (this.#waiting.size > 0) process.nextTick(() => this.#serveWaiting());
    if (this.#draining) process.nextTick(() => this.#closeWhenDrained());
  }

  #startDraining(reason: string): void {
    if (this.#draining || this.#closed) return;
    this.#draining = true;
    this.#options.onDraining(reason);
    for (const owner of this.#waiting) {
      this.#waiting.delete(owner);
      owner.onLost(reason, false);
    }
  }

  #closeWhenDrained(): void {
    if (!this.#closed && this.machine.streams.size === 0) this.#driver.end("drained");
  }

  #lost(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    const owners = this.machine.abandon().map((stream) => stream.owner as StreamOwner);
    this.#options.onClose(reason);
    for (const owner of owners) owner.onLost(reason, true);
    for (const owner of this.#waiting) {
      this.#waiting.delete(owner);
      owner.onLost(reason, false);
    }
  }
}

/** Fields that are the same in most requests earn a place in HPACK's table; secrets must never have one. */
function indexing(name: string): "index" | "plain" | "never" {
  if (STEADY.has(name)) return "index";
  return isSecret(name) ? "never" : "plain";
}

const STEADY: ReadonlySet<string> = new Set([
  ":method",
  ":scheme",
  ":path",
  ":authority",
  "te",
  "content-type",
  "user-agent",
  "accept-encoding",
  "connect-accept-encoding",
  "connect-protocol-version",
  "grpc-accept-encoding",
  "x-grpc-web",
]);
