/**
 * A connection of HTTP/1.1 as long as its requests are plain (`plain-request.ts`): they come from the socket and their
 * answers go to it, without an object of `node:http` between. Half of what such a request costs otherwise is in those.
 *
 * The first request that is anything else, or not there in one piece, takes the connection to `node:http`, for good. One
 * request is served at a time; what comes behind it waits, and the socket with it. So does what comes from a client that
 * leaves its answers unread: they would fill the memory.
 */
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { HeddleError } from "../call/errors.ts";
import type { ServerCall } from "./call.ts";
import type { Http1Connection } from "./http1-connection.ts";
import type { Http1Limits } from "./http1-limits.ts";
import type { ServerParts } from "./layer.ts";
import type { Leaving, LeavingAnswers } from "./leaving-answers.ts";
import { PlainCall } from "./plain-call.ts";
import { PlainRequestReader } from "./plain-request.ts";

export interface PlainOptions {
  readonly parts: ServerParts;
  readonly limits: Http1Limits;
  readonly stalledCallMs: number;
  readonly answers: LeavingAnswers;
  /** Enters the stack. */
  readonly start: (call: ServerCall) => void;
  /** Gives the socket to `node:http`, with the bytes that have come put back. */
  readonly handOver: (socket: Duplex) => void;
  readonly onPeerError: (error: HeddleError) => void;
}

export class PlainConnection implements Leaving {
  readonly socket: Duplex;
  readonly connection: Http1Connection;
  readonly #options: PlainOptions;
  readonly #reader: PlainRequestReader;
  /** The one under way. */
  #call: PlainCall | undefined = undefined;
  #hasServed = false;
  /** What came behind it. */
  #waiting: Buffer | undefined = undefined;
  /** Answers that leave at the end of this turn, one character a byte. */
  #leaving = "";
  /** Nothing has moved for so long. */
  #quietMs = 0;
  readonly #quietStepMs: number;
  readonly #onData = (chunk: Buffer) => this.#receive(chunk);
  readonly #onEnd = () => this.#hangUp();
  readonly #onClose = () => this.#call?.gone();
  readonly #onDrain = () => this.#drained();
  readonly #onTimeout = () => this.#onSilence();
  readonly #onError = () => {};

  constructor(socket: Duplex, connection: Http1Connection, options: PlainOptions) {
    this.socket = socket;
    this.connection = connection;
    this.#options = options;
    const { idleTimeoutMs } = options.limits;
    this.#quietStepMs = Math.min(idleTimeoutMs, options.stalledCallMs);
    this.#reader = new PlainRequestReader(options.limits, connection.peer.secure ? "https" : "http");
    socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    socket.on("close", this.#onClose);
    socket.on("drain", this.#onDrain);
    socket.on("error", this.#onError);
    if (socket instanceof Socket) socket.setTimeout(options.limits.headerTimeoutMs, this.#onTimeout);
  }

  get call(): PlainCall | undefined {
    return this.#call;
  }

  /** How long an idle connection is kept, in seconds, as clients are told. */
  get keepAliveSeconds(): number {
    return Math.floor(this.#options.limits.idleTimeoutMs / 1000);
  }

  /** Behind the answer of the call under way, or now. */
  closeWhenIdle(): void {
    if (this.#call === undefined) this.#close();
  }

  /** One character a byte. */
  write(text: string): void {
    this.writeNow();
    this.#quietMs = 0;
    this.socket.write(text, "latin1");
  }

  /** The same at the end of this turn, together with what other connections write; in memory at once. */
  writeSoon(text: string): void {
    if (!(this.socket instanceof Socket)) return this.write(text);
    if (this.#leaving === "") this.#options.answers.add(this);
    this.#leaving += text;
  }

  writeNow(): void {
    const text = this.#leaving;
    if (text === "") return;
    this.#leaving = "";
    this.write(text);
  }

  /** The answer is on its way, and it was the last one if `isLast`. */
  answered(isLast: boolean): void {
    this.#call = undefined;
    this.#quietMs = 0;
    this.connection.callEnded();
    if (isLast) return this.#close();
    if (this.#waiting !== undefined) process.nextTick(() => this.#goOn());
  }

  #receive(chunk: Buffer): void {
    // Behind the last answer nobody is served.
    if (this.connection.closing) return;
    this.#quietMs = 0;
    if (this.#call !== undefined || this.#waiting !== undefined || this.socket.writableNeedDrain) {
      this.#waiting = this.#waiting === undefined ? chunk : Buffer.concat([this.#waiting, chunk]);
      this.socket.pause();
      return;
    }
    const request = this.#reader.read(chunk);
    if (request === undefined) return this.#handOver(chunk);
    if (!this.#hasServed) {
      this.#hasServed = true;
      if (this.socket instanceof Socket) this.socket.setTimeout(this.#quietStepMs);
    }
    const { parts, start, answers } = this.#options;
    const call = new PlainCall(parts, this, request.head);
    answers.begins(call.receivedAtMs);
    this.#call = call;
    this.connection.calls++;
    start(call);
    call.receive(chunk, request.bodyFrom);
  }

  /** The client has read what it was sent. */
  #drained(): void {
    this.#quietMs = 0;
    this.#call?.drained();
    this.#goOn();
  }

  #goOn(): void {
    const waiting = this.#waiting;
    if (waiting === undefined || this.#call !== undefined || this.socket.writableNeedDrain) return;
    this.#waiting = undefined;
    if (this.socket.destroyed || this.connection.closing) return;
    this.socket.resume();
    this.#receive(waiting);
  }

  #handOver(bytes: Buffer): void {
    this.writeNow();
    const { socket } = this;
    socket.off("data", this.#onData);
    socket.off("end", this.#onEnd);
    socket.off("close", this.#onClose);
    socket.off("drain", this.#onDrain);
    if (socket instanceof Socket) {
      socket.setTimeout(0);
      socket.off("timeout", this.#onTimeout);
    }
    socket.pause();
    socket.unshift(bytes);
    this.connection.plain = undefined;
    this.#options.handOver(socket);
    socket.off("error", this.#onError);
    // The bytes that were put back come in a tick.
    socket.resume();
  }

  #close(): void {
    this.writeNow();
    this.connection.closing = true;
    const { socket } = this;
    if (socket instanceof Socket) socket.destroySoon();
    else socket.end(() => socket.destroy());
  }

  /** The client sends nothing more. With `node:http` that is the end of its connection as well. */
  #hangUp(): void {
    if (this.#call === undefined) return this.#close();
    this.writeNow();
    this.socket.destroy();
  }

  #onSilence(): void {
    const { socket } = this;
    const { limits, stalledCallMs, onPeerError } = this.#options;
    this.#quietMs += this.#quietStepMs;
    const isStalled = socket.writableLength > 0 && this.#quietMs >= stalledCallMs;
    const isIdle = this.#call === undefined && (!this.#hasServed || this.#quietMs >= limits.idleTimeoutMs);
    if (isStalled) {
      const reason = `its answer was left untouched for ${stalledCallMs} ms`;
      onPeerError(new HeddleError("http1Invalid", { reason }));
    }
    if (isStalled || isIdle) socket.destroy();
    else if (socket instanceof Socket) socket.setTimeout(this.#quietStepMs);
  }
}
