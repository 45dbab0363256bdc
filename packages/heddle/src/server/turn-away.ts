/**
 * How a client that speaks the wrong protocol is told so, in words that it understands: a line of text for HTTP/1 and
 * for whatever it is, a GOAWAY with the reason for HTTP/2. Then the connection closes.
 */
import type { Duplex } from "node:stream";
import type { Timers } from "../runtime/timer.ts";
import { ByteWriter } from "../wire/byte-writer.ts";
import { INADEQUATE_SECURITY } from "../wire/http2/constants.ts";
import { writeGoaway, writeSettings } from "../wire/http2/frame-writer.ts";

/** Answers in HTTP/1.1 and closes. */
export function turnAway(socket: Duplex, status: string, sentence: string, timers: Timers): void {
  const body = `${sentence}\n`;
  const head = [
    `HTTP/1.1 ${status}`,
    "content-type: text/plain; charset=utf-8",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ].join("\r\n");
  endGently(socket, Buffer.from(`${head}\r\n\r\n${body}`), timers);
}

/** Tells a client of HTTP/2 that the port wants TLS, and closes. */
export function turnAwayHttp2(socket: Duplex, sentence: string, timers: Timers): void {
  const out = new ByteWriter();
  writeSettings(out, []);
  writeGoaway(out, 0, INADEQUATE_SECURITY, sentence);
  endGently(socket, out.bytes.slice(0, out.length), timers);
}

/**
 * Sends the last bytes and closes when the peer has, or after a second. What it still sends is read and dropped: to
 * close with unread bytes would reset the connection, and the answer with it.
 */
export function endGently(socket: Duplex, bytes: Uint8Array, timers: Timers): void {
  const timer = timers.after(LINGER_MS, () => socket.destroy());
  socket.on("error", () => {});
  socket.once("close", () => timer.cancel());
  socket.once("end", () => socket.destroy());
  socket.end(bytes);
  socket.resume();
}

const LINGER_MS = 1000;
