/**
 * A call that came as a request of HTTP/1.1. `node:http` does the protocol; this gives it the shape of a call.
 *
 * An answer that is one piece leaves with its length, in one write; one that is flushed before its end is chunked. A
 * request that is answered before it has come to its end is read on and dropped, so that the answer is not lost in a
 * reset; a client that does not stop is cut off.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { HeddleError } from "../call/errors.ts";
import type { Fields } from "../call/metadata.ts";
import { Waker } from "../connection/waker.ts";
import type { RequestHead } from "../wire/http2/head.ts";
import { ServerCall } from "./call.ts";
import { MAX_DROPPED_BYTES } from "./http-refusal.ts";
import type { Http1Connection } from "./http1-connection.ts";
import type { ServerParts } from "./layer.ts";
import type { Peer } from "./peer.ts";

/** Bytes given to the reader that it has not dealt with, at which the client is held back. As the window of HTTP/2. */
const MAX_UNREAD_BYTES = 512 * 1024;

interface Pending {
  readonly status: number;
  readonly fields: Fields;
}

export class Http1Call extends ServerCall {
  readonly httpVersion = "1.1";
  readonly #connection: Http1Connection;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  /** Head and first bytes of the answer, while it is open whether they are all of it. */
  #head: Pending | undefined = undefined;
  #firstBytes: Uint8Array | undefined = undefined;
  #sentEnd = false;
  #gone = false;
  #unreadBytes = 0;
  #droppedBytes = 0;
  readonly #waker = new Waker();

  constructor(
    parts: ServerParts,
    connection: Http1Connection,
    head: RequestHead,
    request: IncomingMessage,
    response: ServerResponse,
  ) {
    super(parts, head, parts.clock.now());
    this.#connection = connection;
    this.#request = request;
    this.#response = response;
    response.on("drain", () => this.#waker.wake());
    response.on("close", () => this.#onGone());
    // A write to a connection that has just gone; `close` says so too.
    response.on("error", () => {});
  }

  get peer(): Peer {
    return this.#connection.peer;
  }

  /** Starts to read the body. To be called when the layers have been entered. */
  read(): void {
    this.#request.on("data", (chunk: Buffer) => this.#onData(chunk));
    this.#request.on("end", () => {
      if (!this.#sentEnd) this.reader?.onEnd();
    });
  }

  /** The request has not come to its end, and no byte of its answer has left. */
  get isComing(): boolean {
    return !this.#request.complete && !this.#response.headersSent && !this.over;
  }

  /** Answers in the place of the handler: what follows in the request cannot be read. */
  turnDown(status: number, sentence: string): void {
    this.#handOver();
    writeRefusal(this.#response, status, sentence);
    this.abort(new HeddleError("cancelled", { method: this.name, reason: "its request was not valid HTTP" }));
  }

  get over(): boolean {
    return this.#sentEnd || this.#gone;
  }

  take(bytes: number): void {
    this.#unreadBytes -= bytes;
    if (this.#unreadBytes < MAX_UNREAD_BYTES && this.#request.isPaused()) this.#request.resume();
  }

  sendHead(status: number, fields: Fields): void {
    if (!this.over) this.#head = { status, fields };
  }

  sendBody(bytes: Uint8Array): void {
    if (this.over) return;
    if (this.#head !== undefined && this.#firstBytes === undefined) this.#firstBytes = bytes;
    else {
      this.#sendPending();
      this.#write(bytes);
    }
  }

  sendEnd(trailers?: Fields): void {
    if (this.over) return;
    const whole = this.#head !== undefined && (trailers === undefined || trailers.length === 0);
    if (whole) this.#sendWhole();
    else {
      this.#sendPending();
      if (trailers !== undefined) this.#response.addTrailers(toPairs(trailers));
      this.#response.end();
    }
    this.#handOver();
    if (!this.#request.complete) this.#request.resume();
  }

  get full(): boolean {
    return !this.ended && this.#response.writableNeedDrain;
  }

  room(): Promise<void> {
    return this.#waker.waitWhile(() => this.full);
  }

  /** HTTP/1.1 has no way to. */
  tellLoad(): void {}

  flush(): void {
    if (!this.over) this.#sendPending();
  }

  protected onSettled(): void {
    this.#waker.wake();
  }

  #onData(chunk: Buffer): void {
    const { length } = chunk;
    if (this.#sentEnd) {
      this.#droppedBytes += length;
      if (this.#droppedBytes > MAX_DROPPED_BYTES) this.#request.socket.destroy();
      return;
    }
    if (this.reader === undefined) return;
    this.#unreadBytes += length;
    // Plain bytes, not a `Buffer`: views of them reach the application as fields of messages.
    this.reader.onData(new Uint8Array(chunk.buffer, chunk.byteOffset, length), 0, length);
    if (this.#unreadBytes >= MAX_UNREAD_BYTES && !this.#sentEnd) this.#request.pause();
  }

  #sendWhole(): void {
    const { status, fields } = this.#head as Pending;
    const body = this.#firstBytes ?? NOTHING;
    const length = hasLength(status, fields) ? [] : ["content-length", String(body.length)];
    this.#writeHead({ status, fields: [...fields, ...length] });
    if (!this.#canHaveBody(status)) this.#response.end();
    // A text goes out with the head, in one piece; bytes would be a second one behind it.
    else if (body.length <= ONE_PIECE_BYTES) this.#response.end(toLatin1(body), "latin1");
    else this.#response.end(body);
  }

  #sendPending(): void {
    const head = this.#head;
    if (head === undefined) return;
    const first = this.#firstBytes;
    this.#writeHead(head);
    if (first !== undefined) this.#write(first);
    else this.#response.flushHeaders();
  }

  #writeHead({ status, fields }: Pending): void {
    this.#head = undefined;
    this.#firstBytes = undefined;
    // Answers to what was sent behind it come after it.
    if (this.#connection.draining && this.#connection.latest === this) this.#response.shouldKeepAlive = false;
    this.#response.writeHead(status, [...fields]);
  }

  #write(bytes: Uint8Array): void {
    if (bytes.length > 0 && this.#canHaveBody(this.#response.statusCode)) this.#response.write(bytes);
  }

  #canHaveBody(status: number): boolean {
    return this.head.method !== "HEAD" && status !== 204 && status !== 304;
  }

  /** Nothing more is added to the answer. */
  #handOver(): void {
    this.#sentEnd = true;
    this.#connection.leaving++;
  }

  /** Answered in full, or the client has gone. */
  #onGone(): void {
    this.#gone = true;
    if (this.#sentEnd) this.#connection.leaving--;
    this.#connection.callEnded();
    this.#waker.wake();
    if (this.ended) return;
    const reason = "its connection ended: closed by the peer";
    this.abort(new HeddleError("cancelled", { method: this.name, reason }));
  }
}

/** Refuses a request in words, and closes the connection. */
export function writeRefusal(response: ServerResponse, status: number, sentence: string): void {
  const body = Buffer.from(`${sentence}\n`);
  response.shouldKeepAlive = false;
  response.writeHead(status, {
    "content-type": "text/plain; charset=utf-8",
    "content-length": body.length,
  });
  if (response.req.method === "HEAD") response.end();
  else response.end(body);
}

const NOTHING = new Uint8Array(0);

/** Copying more costs more than a second piece. */
const ONE_PIECE_BYTES = 16 * 1024;

/** One character a byte. */
function toLatin1({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString("latin1");
}

/** The answer says its length already, or must not (RFC 9110 §8.6). */
function hasLength(status: number, fields: Fields): boolean {
  if (status === 204 || status === 304) return true;
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === "content-length") return true;
  return false;
}

function toPairs(fields: Fields): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < fields.length; i += 2) pairs.push([fields[i] as string, fields[i + 1] as string]);
  return pairs;
}
