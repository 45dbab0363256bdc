/**
 * One request and its answer over HTTP/1.1, as undici carries them, told to the owner in the words of a stream.
 *
 * The answer is read only as fast as its owner deals with it: when too much is unread, undici stops reading the
 * socket. Resuming waits for the end of the turn, because undici's parser must not be entered while it runs.
 */
import type { Dispatcher } from "undici";
import { reasonText } from "../call/errors.ts";
import type { HeaderBlock } from "../wire/hpack/header-block.ts";
import { FIELD_OVERHEAD_BYTES } from "../wire/hpack/header-field.ts";
import { CONNECTION_FIELDS } from "../wire/http2/head.ts";
import { Http1Body } from "./http1-body.ts";
import type { SessionStream, StreamOwner } from "./session.ts";

type Controller = Dispatcher.DispatchController;

export interface Http1ExchangeOptions {
  readonly owner: StreamOwner;
  /** Hands the request to undici. */
  readonly dispatch: (options: Dispatcher.DispatchOptions, exchange: Http1Exchange) => void;
  /** The connection is free again, or was never used. Called once. */
  readonly onOver: (exchange: Http1Exchange) => void;
}

export class Http1Exchange implements SessionStream, Dispatcher.DispatchHandler {
  readonly owner: StreamOwner;
  /** The request has been given to a connection. */
  sent = false;
  readonly #options: Http1ExchangeOptions;
  readonly #body = new Http1Body(() => {
    if (!this.#forsaken) this.owner.onWritable();
  });
  #fields: readonly string[] = [];
  #flushScheduled = false;
  #dispatched = false;
  /** The owner hears nothing any more. */
  #forsaken = false;
  #over = false;
  #controller: Controller | undefined = undefined;
  /** Bytes of the answer that the owner has and has not dealt with. */
  #unread = 0;
  #resuming = false;

  constructor(options: Http1ExchangeOptions) {
    this.#options = options;
    this.owner = options.owner;
  }

  // The request.

  get localClosed(): boolean {
    return this.#body.ended;
  }

  get queuedBytes(): number {
    return this.#body.queuedBytes;
  }

  sendHead(fields: readonly string[], endStream: boolean): void {
    this.#fields = fields;
    if (endStream) this.end();
  }

  write(bytes: Uint8Array): void {
    this.#body.push(bytes);
    if (this.#dispatched || this.#flushScheduled || this.#forsaken) return;
    this.#flushScheduled = true;
    process.nextTick(() => this.#dispatch());
  }

  end(): void {
    if (this.#body.ended) return;
    this.#body.end();
    this.#dispatch();
  }

  /** The owner has dealt with so many bytes of the answer. */
  take(bytes: number): void {
    this.#unread -= bytes;
    if (this.#resuming || this.#controller?.paused !== true || this.#unread > RESUME_AT_BYTES) return;
    this.#resuming = true;
    process.nextTick(() => {
      this.#resuming = false;
      if (!this.#over) this.#controller?.resume();
    });
  }

  /** Nobody waits for the answer: ends the exchange, and with it the connection if the request is on one. */
  abandon(): void {
    if (this.#forsaken) return;
    this.#forsaken = true;
    this.#body.cut();
    if (this.#over) return;
    if (!this.#dispatched) this.#end();
    else this.#controller?.abort(ABANDONED);
  }

  #dispatch(): void {
    if (this.#dispatched || this.#forsaken) return;
    this.#dispatched = true;
    const body = this.#body.ended ? (this.#body.takeAll() ?? null) : this.#body;
    // undici takes any async iterable, which its types do not say.
    this.#options.dispatch({ ...requestOf(this.#fields), body: body as Uint8Array | null }, this);
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#options.onOver(this);
  }

  // undici's side.

  onRequestStart(controller: Controller): void {
    // Thrown here, it takes the request back and leaves the connection as it is.
    if (this.#forsaken) throw ABANDONED;
    this.sent = true;
    this.#controller = controller;
  }

  onResponseStart(controller: Controller, status: number): void {
    if (status < 200 || this.#forsaken) return;
    this.owner.onHeaders(toHeaderBlock(status, controller.rawHeaders as Buffer[]), false, false);
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.#forsaken) return;
    this.#unread += chunk.length;
    // Plain bytes, not a `Buffer`: views of them reach the application as fields of messages.
    const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
    this.owner.onData(bytes, 0, bytes.length, false);
    if (this.#unread > PAUSE_ABOVE_BYTES && !this.#forsaken) controller.pause();
  }

  onResponseEnd(): void {
    this.#end();
    if (this.#forsaken) return;
    this.owner.onData(NOTHING, 0, 0, true);
    this.abandon();
  }

  onResponseError(_controller: Controller | null, error: Error): void {
    this.#end();
    if (this.#forsaken) return;
    this.abandon();
    this.owner.onLost(reasonText(error), this.sent);
  }
}

/** Unread bytes of an answer from which on the socket is not read, and from which down it is again. */
const PAUSE_ABOVE_BYTES = 256 * 1024;
const RESUME_AT_BYTES = 64 * 1024;

const ABANDONED = new Error("nobody waits for the answer");
const NOTHING = new Uint8Array(0);

function requestOf(fields: readonly string[]): Dispatcher.DispatchOptions {
  let method = "POST";
  let path = "/";
  const headers: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    const value = fields[i + 1] as string;
    if (name === ":method") method = value;
    else if (name === ":path") path = value;
    else if (name === ":authority") headers.push("host", value);
    else if (name !== ":scheme") headers.push(name, value);
  }
  return { method, path, headers };
}

/** As HTTP/2 would have it: heads are read by its rules. */
function toHeaderBlock(status: number, raw: readonly Buffer[]): HeaderBlock {
  const fields = [":status", String(status)];
  let listBytes = 0;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] as Buffer).toString("latin1").toLowerCase();
    const value = (raw[i + 1] as Buffer).toString("latin1").trim();
    if (CONNECTION_FIELDS.has(name)) continue;
    fields.push(name, value);
    listBytes += name.length + value.length + FIELD_OVERHEAD_BYTES;
  }
  return { fields, listBytes, parsed: undefined };
}
