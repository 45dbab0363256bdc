/**
 * A client of HTTP/1.1 that is nothing but a socket: it sends the bytes of a test, however wrong, and keeps what comes.
 */
import { connect, type Socket } from "node:net";
import { until, within } from "../kit/within.ts";

export async function connectText(address: string): Promise<RawHttp1> {
  const port = Number(address.slice(address.lastIndexOf(":") + 1));
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  const peer = new RawHttp1(socket);
  await within(new Promise((resolve) => socket.once("connect", resolve)), "the connection");
  return peer;
}

export class RawHttp1 {
  readonly socket: Socket;
  /** All that came, one character a byte. */
  text = "";
  /** The other side has closed. */
  closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => (this.text += chunk));
    socket.on("error", () => {});
    socket.on("end", () => (this.closed = true));
    socket.on("close", () => (this.closed = true));
  }

  write(text: string): void {
    if (!this.socket.destroyed) this.socket.write(text, "latin1");
  }

  /** The status codes of the answers so far. */
  get statuses(): number[] {
    return [...this.text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  }

  async answers(count: number): Promise<number[]> {
    await until(() => this.statuses.length >= count || this.closed, `answer ${count} (so far: ${this.text})`);
    return this.statuses;
  }

  async end(): Promise<void> {
    await until(() => this.closed, `the other side closes (so far: ${this.text})`);
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}
