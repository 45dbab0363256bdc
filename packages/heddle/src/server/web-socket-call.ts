/**
 * A call that came as a WebSocket, over HTTP/1.1. Until the layers have let it in it is a request of HTTP, and a refusal
 * is an answer with a status; then the handshake is answered, and what follows is frames.
 *
 * Frames of text are messages, an empty one ends the requests, for a WebSocket has no half that could be closed. What the
 * handler does not read stops the socket; what the client does not read stops the handler.
 */
import { type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { Code } from "@connectrpc/connect";
import { HeddleError } from "../call/errors.ts";
import type { Fields } from "../call/metadata.ts";
import { Waker } from "../connection/waker.ts";
import type { Timer, Timers } from "../runtime/timer.ts";
import type { RequestHead } from "../wire/http2/head.ts";
import { QUEUE_LOW_WATER_BYTES } from "../wire/http2/sender.ts";
import { ServerCall } from "./call.ts";
import type { Http1Connection } from "./http1-connection.ts";
import type { ServerParts } from "./layer.ts";
import type { Peer } from "./peer.ts";
import { endGently } from "./turn-away.ts";
import type { WebSockets } from "./web-sockets.ts";

export interface WebSocketRequest {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What has come behind the head. */
  readonly rest: Buffer;
  readonly sockets: WebSockets;
  readonly timers: Timers;
  /** Silence after which the client is asked for a sign of life, and after which it is taken for gone, in ms. */
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  /** It broke the protocol, or a limit. */
  readonly onPeerError: (reason: string) => void;
}

/** Bytes given to the reader that it has not dealt with, at which the client is held back. */
const MAX_UNREAD_BYTES = 512 * 1024;

export class WebSocketCall extends ServerCall {
  readonly httpVersion = "1.1";
  override readonly isWebSocket = true;
  readonly #connection: Http1Connection;
  readonly #options: WebSocketRequest;
  #socket: WebSocket | undefined = undefined;
  #response: ServerResponse | undefined = undefined;
  #sentEnd = false;
  #gone = false;
  /** Messages are bytes, and no JSON. */
  #takesBytes = false;
  /** The client has said that no more requests come. */
  #requestsEnded = false;
  #unreadBytes = 0;
  /** Something has come since it was last looked at. */
  #heard = true;
  #timer: Timer | undefined = undefined;
  readonly #waker = new Waker();

  constructor(parts: ServerParts, connection: Http1Connection, head: RequestHead, options: WebSocketRequest) {
    super(parts, head, parts.clock.now());
    this.#connection = connection;
    this.#options = options;
    options.socket.once("close", () => this.#onGone());
  }

  get peer(): Peer {
    return this.#connection.peer;
  }

  get over(): boolean {
    return this.#sentEnd || this.#gone;
  }

  /** The handshake has been answered. */
  get isOpen(): boolean {
    return this.#socket !== undefined;
  }

  /** Answers the handshake. Messages are bytes, or JSON. `reader` is there already. */
  open(takesBytes: boolean): void {
    this.#takesBytes = takesBytes;
    const { sockets, request, socket, rest } = this.#options;
    const opened = sockets.open(request, socket, rest, Math.max(1, this.parts.maxReceiveBytes));
    if (opened === undefined) {
      this.#gone = true;
      return this.#cancel("its handshake is not valid");
    }
    this.#socket = opened;
    opened.binaryType = "nodebuffer";
    opened.on("message", (data, isBinary) => this.#onMessage(data as Buffer, isBinary));
    opened.on("ping", () => (this.#heard = true));
    opened.on("pong", () => (this.#heard = true));
    opened.on("error", (error: Error) => this.#onFault(error));
    opened.on("close", (code) => {
      this.#gone = true;
      this.#waker.wake();
      this.#cancel(`its WebSocket was closed by the peer (${code})`);
    });
    this.#watch();
  }

  take(bytes: number): void {
    this.#unreadBytes -= bytes;
    const socket = this.#socket;
    if (socket !== undefined && socket.isPaused && this.#unreadBytes < MAX_UNREAD_BYTES) socket.resume();
  }

  /** Of a refusal, before the handshake. */
  sendHead(status: number, fields: Fields): void {
    const { request, socket, timers } = this.#options;
    if (this.over || this.isOpen || this.#response !== undefined) return;
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.on("error", () => {});
    response.on("finish", () => endGently(socket, NOTHING, timers));
    response.assignSocket(socket as Socket);
    response.writeHead(status, [...fields]);
    this.#response = response;
  }

  /** A frame of text; bytes of a refusal before the handshake. */
  sendBody(bytes: Uint8Array): void {
    if (this.over) return;
    if (this.#socket === undefined) this.#response?.write(bytes);
    else this.#send(bytes, false);
  }

  /** A frame of bytes. */
  sendBytes(bytes: Uint8Array): void {
    if (!this.over) this.#send(bytes, true);
  }

  sendEnd(): void {
    if (this.over) return;
    this.#sentEnd = true;
    this.#response?.end();
  }

  /** Ends it, behind what was sent. */
  sendClose(code: number, reason: string): void {
    if (this.over) return;
    this.#sentEnd = true;
    // What is left of the requests is nobody's; to be read it must not be paused.
    this.#socket?.resume();
    this.#socket?.close(code, reason);
  }

  get full(): boolean {
    return !this.ended && (this.#socket?.bufferedAmount ?? 0) >= QUEUE_LOW_WATER_BYTES;
  }

  room(): Promise<void> {
    return this.#waker.waitWhile(() => this.full);
  }

  /** HTTP/1.1 has no way to. */
  tellLoad(): void {}

  /** Frames leave at once. */
  flush(): void {}

  protected onSettled(): void {
    this.#waker.wake();
  }

  #send(bytes: Uint8Array, isBinary: boolean): void {
    this.#socket?.send(bytes, { binary: isBinary }, () => this.#waker.wake());
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    this.#heard = true;
    if (this.ended || this.#sentEnd) return;
    if (this.#requestsEnded) return this.#refuse("it goes on after the end of its requests");
    if (data.length === 0 && !isBinary) {
      this.#requestsEnded = true;
      return this.reader?.onEnd();
    }
    if (isBinary !== this.#takesBytes)
      return this.#refuse(isBinary ? "a frame is no text" : "a frame is text");
    // No piece of a body, and nothing that could be counted until the handler has read it.
    if (data.length === 0) return;
    // Plain bytes, not a `Buffer`: views of them reach the application as fields of messages.
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.length);
    this.#unreadBytes += data.length;
    this.reader?.onData(bytes, 0, bytes.length);
    if (this.#unreadBytes >= MAX_UNREAD_BYTES && !this.over) this.#socket?.pause();
  }

  #refuse(reason: string): void {
    this.abort(
      new HeddleError("messageInvalid", { method: this.name, reason }, { code: Code.InvalidArgument }),
    );
  }

  /** `ws` has closed it, with the code that RFC 6455 has for what was wrong. */
  #onFault(error: Error): void {
    this.#sentEnd = true;
    this.#options.onPeerError(error.message);
    this.#refuse(error.message);
  }

  /** A client that has gone without a word leaves a socket that nobody closes. */
  #watch(): void {
    const { timers, keepaliveMs, keepaliveTimeoutMs } = this.#options;
    if (keepaliveMs === Number.POSITIVE_INFINITY) return;
    this.#heard = false;
    this.#timer = timers.after(keepaliveMs, () => {
      const socket = this.#socket;
      if (this.#gone || socket === undefined) return;
      // Who is not listened to cannot be heard.
      if (this.#heard || socket.isPaused) return this.#watch();
      if (!this.#sentEnd) socket.ping();
      this.#timer = timers.after(keepaliveTimeoutMs, () => {
        if (this.#heard || socket.isPaused) return this.#watch();
        this.#options.onPeerError(`its WebSocket was silent for ${keepaliveMs + keepaliveTimeoutMs} ms`);
        socket.terminate();
      });
    });
  }

  #cancel(reason: string): void {
    if (!this.ended) this.abort(new HeddleError("cancelled", { method: this.name, reason }));
  }

  #onGone(): void {
    this.#gone = true;
    this.#timer?.cancel();
    this.#waker.wake();
    this.#connection.callEnded();
    this.#cancel("its connection ended: closed by the peer");
  }
}

const NOTHING = new Uint8Array(0);
