/**
 * A call that came as a plain request of HTTP/1.1 (`plain-request.ts`): its body is there already, and its answer is
 * written to the socket as text. As with `Http1Call`, an answer of one piece leaves with its length in one write, and one
 * that is flushed before its end is chunked.
 */
import { STATUS_CODES } from "node:http";
import { HeddleError } from "../call/errors.ts";
import type { Fields } from "../call/metadata.ts";
import { Waker } from "../connection/waker.ts";
import type { RequestHead } from "../wire/http2/head.ts";
import { ServerCall } from "./call.ts";
import type { ServerParts } from "./layer.ts";
import type { Peer } from "./peer.ts";
import type { PlainConnection } from "./plain-connection.ts";
import type { TextSender } from "./text-sender.ts";

export class PlainCall extends ServerCall implements TextSender {
  readonly httpVersion = "1.1";
  readonly #plain: PlainConnection;
  /** Head and first piece of the answer, while it is open whether they are all of it. */
  #status = 0;
  #fields: Fields | undefined = undefined;
  #first: Uint8Array | string | undefined = undefined;
  #isChunked = false;
  #isLast = false;
  #isCorked = false;
  #sentEnd = false;
  #gone = false;
  #waker: Waker | undefined = undefined;

  constructor(parts: ServerParts, plain: PlainConnection, head: RequestHead) {
    super(parts, head, parts.clock.now());
    this.#plain = plain;
  }

  get peer(): Peer {
    return this.#plain.connection.peer;
  }

  /** Gives the body to whoever reads it. To be called when the layers have been entered. */
  receive(bytes: Buffer, from: number): void {
    if (bytes.length > from) {
      // Plain bytes, not a `Buffer`: views of them reach the application as fields of messages.
      const body = new Uint8Array(bytes.buffer, bytes.byteOffset + from, bytes.length - from);
      this.reader?.onData(body, 0, body.length);
    }
    if (!this.#sentEnd) this.reader?.onEnd();
  }

  get over(): boolean {
    return this.#sentEnd || this.#gone;
  }

  /** All of it has come. */
  take(): void {}

  sendHead(status: number, fields: Fields): void {
    if (this.over) return;
    this.#status = status;
    this.#fields = fields;
  }

  sendBody(bytes: Uint8Array): void {
    if (this.over) return;
    if (this.#fields !== undefined && this.#first === undefined) this.#first = bytes;
    else {
      this.#sendPending();
      this.#writeChunk(bytes);
    }
  }

  sendText(ascii: string): void {
    const isFirst = this.#fields !== undefined && this.#first === undefined;
    if (isFirst && ascii.length <= ONE_PIECE_BYTES) this.#first = ascii;
    else this.sendBody(Buffer.from(ascii, "latin1"));
  }

  sendEnd(trailers: Fields = NO_FIELDS): void {
    if (this.over) return;
    if (this.#fields !== undefined && trailers.length === 0) this.#sendWhole(this.#fields);
    else {
      this.#sendPending();
      if (this.#isChunked) this.#write(`0\r\n${toLines(trailers)}\r\n`);
    }
    this.#sentEnd = true;
    this.#plain.answered(this.#isLast);
  }

  get full(): boolean {
    return !this.ended && this.#plain.socket.writableNeedDrain;
  }

  room(): Promise<void> {
    this.#waker ??= new Waker();
    return this.#waker.waitWhile(() => this.full);
  }

  /** HTTP/1.1 has no way to. */
  tellLoad(): void {}

  flush(): void {
    if (!this.over) this.#sendPending();
  }

  drained(): void {
    this.#waker?.wake();
  }

  /** The client has hung up. */
  gone(): void {
    if (this.over) return;
    this.#gone = true;
    this.#plain.connection.callEnded();
    this.#waker?.wake();
    if (this.ended) return;
    const reason = "its connection ended: closed by the peer";
    this.abort(new HeddleError("cancelled", { method: this.name, reason }));
  }

  protected onSettled(): void {
    this.#waker?.wake();
  }

  #sendWhole(fields: Fields): void {
    const status = this.#status;
    const body = this.#first ?? "";
    this.#fields = undefined;
    let head = this.#headOf(status, fields);
    if (!canHaveBody(status)) return this.#plain.writeSoon(`${head}\r\n`);
    if (!says(fields, "content-length")) head += `content-length: ${body.length}\r\n`;
    if (typeof body === "string") return this.#plain.writeSoon(`${head}\r\n${body}`);
    if (body.length <= ONE_PIECE_BYTES) return this.#plain.writeSoon(`${head}\r\n${toLatin1(body)}`);
    const { socket } = this.#plain;
    socket.cork();
    this.#write(`${head}\r\n`);
    socket.write(body);
    socket.uncork();
  }

  #sendPending(): void {
    const fields = this.#fields;
    if (fields === undefined) return;
    const first = this.#first;
    const status = this.#status;
    this.#fields = undefined;
    this.#first = undefined;
    this.#gather();
    const head = this.#headOf(status, fields);
    if (canHaveBody(status) && !says(fields, "content-length")) {
      this.#isChunked = true;
      this.#write(`${head}transfer-encoding: chunked\r\n\r\n`);
    } else this.#write(`${head}\r\n`);
    if (first !== undefined)
      this.#writeChunk(typeof first === "string" ? Buffer.from(first, "latin1") : first);
  }

  #headOf(status: number, fields: Fields): string {
    const { connection, keepAliveSeconds } = this.#plain;
    this.#isLast = connection.draining;
    const keeping = this.#isLast
      ? "connection: close\r\n"
      : `connection: keep-alive\r\nkeep-alive: timeout=${keepAliveSeconds}\r\n`;
    const date = says(fields, "date") ? "" : dateLine(this.parts.clock.wallMs());
    return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Unknown"}\r\n${toLines(fields)}${date}${keeping}`;
  }

  #writeChunk(bytes: Uint8Array): void {
    if (bytes.length === 0 || !canHaveBody(this.#status)) return;
    const { socket } = this.#plain;
    this.#gather();
    if (!this.#isChunked) {
      socket.write(bytes);
      return;
    }
    if (bytes.length <= ONE_PIECE_BYTES)
      return this.#write(`${bytes.length.toString(16)}\r\n${toLatin1(bytes)}\r\n`);
    this.#write(`${bytes.length.toString(16)}\r\n`);
    socket.write(bytes);
    this.#write("\r\n");
  }

  /** What is written in one turn leaves together. */
  #gather(): void {
    if (this.#isCorked) return;
    const { socket } = this.#plain;
    this.#isCorked = true;
    socket.cork();
    process.nextTick(() => {
      this.#isCorked = false;
      socket.uncork();
    });
  }

  #write(text: string): void {
    this.#plain.write(text);
  }
}

function toLines(fields: Fields): string {
  let lines = "";
  for (let i = 0; i < fields.length; i += 2) {
    const value = fields[i + 1] as string;
    if (UNSENDABLE.test(value))
      throw new TypeError(`the field ${fields[i]} has a value that no head can hold`);
    lines += `${fields[i]}: ${value}\r\n`;
  }
  return lines;
}

function says(fields: Fields, name: string): boolean {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return true;
  return false;
}

function canHaveBody(status: number): boolean {
  return status !== 204 && status !== 304;
}

/** One character a byte. */
function toLatin1({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString("latin1");
}

/** RFC 9110 §6.6.1, to the second: it is written as often. */
function dateLine(wallMs: number): string {
  const second = Math.floor(wallMs / 1000);
  if (second !== datedSecond) {
    datedSecond = second;
    date = `date: ${new Date(second * 1000).toUTCString()}\r\n`;
  }
  return date;
}

let datedSecond = Number.NaN;
let date = "";

const NO_FIELDS: Fields = [];

/** Copying more costs more than a second piece. */
const ONE_PIECE_BYTES = 16 * 1024;

// oxlint-disable-next-line no-control-regex -- these may not stand in a field
const UNSENDABLE = /[^\t\x20-\x7e\x80-\xff]/;
