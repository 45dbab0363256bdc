/**
 * The client of every peer. It is to cost so little that the server is what a run measures: requests are bytes made before
 * the clock starts, sockets read into a buffer that stays, and of an answer status and length are looked at. What the
 * answers say is checked by a real client, once for each order of the first slot, before there is any load.
 */
import { connect, type Socket } from "node:net";
import { createOrders, type RestOrder } from "./orders.ts";
import type { RestClient } from "./suite.ts";

const path = "/v1/orders";
type Method = "POST" | "GET";

export async function connectRest(port: number, method: Method): Promise<RestClient> {
  for (const order of createOrders(0)) await checkAnswer(port, method, order);
  const open = new Map<number, Connection>();
  return {
    walk: (slot, orders) => {
      // A new one for each load: servers close those that have been idle since the last.
      open.get(slot)?.socket.destroy();
      const connection = new Connection(port);
      open.set(slot, connection);
      const requests = orders.map((order) => Buffer.from(requestText(port, method, order), "latin1"));
      return (done) => connection.askAll(requests, done);
    },
    close: async () => {
      for (const { socket } of open.values()) socket.destroy();
    },
  };
}

async function checkAnswer(port: number, method: Method, { orderId, body }: RestOrder): Promise<void> {
  const headers = { accept: "application/json", "content-type": "application/json" };
  const response =
    method === "POST"
      ? await fetch(`http://127.0.0.1:${port}${path}`, { method, headers, body })
      : await fetch(`http://127.0.0.1:${port}${path}/${orderId}`, { headers: { accept: headers.accept } });
  const text = await response.text();
  const answer = response.status === 200 ? (JSON.parse(text) as Record<string, unknown>) : {};
  if (answer["orderId"] !== orderId || answer["totalCents"] !== 258_865)
    throw new Error(`${method} of ${orderId} was answered ${response.status}: ${text.slice(0, 200)}`);
}

/** As many fields as a careful client sends. */
function requestText(port: number, method: Method, { orderId, body }: RestOrder): string {
  const common = `host: 127.0.0.1:${port}\r\naccept: application/json\r\n`;
  if (method === "GET") return `GET ${path}/${orderId} HTTP/1.1\r\n${common}\r\n`;
  const fields = `${common}content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`;
  return `POST ${path} HTTP/1.1\r\n${fields}\r\n${body}`;
}

/** A socket with one request on it at a time. */
class Connection {
  readonly socket: Socket;
  readonly #buffer = Buffer.alloc(64 * 1024);
  /** How long the first answer was, head and body; all of them are: only their orders differ, and those have one length. */
  #answerBytes = 0;
  #filled = 0;
  #requests: readonly Buffer[] = [];
  #asked = 0;
  #done: (units: number) => void = () => {};
  #resolve: () => void = () => {};
  #reject: (error: Error) => void = () => {};

  constructor(port: number) {
    const onread = {
      // The next piece of an answer goes behind the last one.
      buffer: () => this.#buffer.subarray(this.#filled),
      callback: (bytes: number) => this.#read(bytes),
    };
    this.socket = connect({ port, host: "127.0.0.1", noDelay: true, onread });
    this.socket.on("error", (error) => this.#reject(error));
    this.socket.on("close", () => this.#reject(new Error("the server closed a connection")));
  }

  /** One request after the other, each when the one before it was answered. */
  askAll(requests: readonly Buffer[], done: (units: number) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#requests = requests;
      this.#asked = 0;
      this.#done = done;
      this.#resolve = resolve;
      this.#reject = reject;
      this.#ask();
    });
  }

  #ask(): void {
    const request = this.#requests[this.#asked++];
    if (request === undefined) this.#resolve();
    else this.socket.write(request);
  }

  #read(bytes: number): boolean {
    this.#filled += bytes;
    if (this.#answerBytes === 0) this.#answerBytes = wholeLength(this.#buffer, this.#filled);
    if (this.#answerBytes === 0 || this.#filled < this.#answerBytes) return true;
    if (this.#filled > this.#answerBytes || !isOk(this.#buffer)) {
      const text = this.#buffer.toString("latin1", 0, Math.min(this.#filled, 500));
      this.#reject(new Error(`instead of ${this.#answerBytes} bytes with 200 there came: ${text}`));
      return true;
    }
    this.#filled = 0;
    this.#done(1);
    this.#ask();
    return true;
  }
}

/** 0 as long as the head has not come. */
function wholeLength(buffer: Buffer, filled: number): number {
  const head = /^HTTP\/1\.1 [^]*?\r\n\r\n/.exec(buffer.toString("latin1", 0, filled))?.[0];
  if (head === undefined) return 0;
  const length = /^content-length: (\d+)\r$/im.exec(head)?.[1];
  if (length === undefined) throw new Error(`an answer without a length: ${head}`);
  return head.length + Number(length);
}

/** `HTTP/1.1 200`. */
function isOk(buffer: Buffer): boolean {
  return buffer[9] === 0x32 && buffer[10] === 0x30 && buffer[11] === 0x30;
}
