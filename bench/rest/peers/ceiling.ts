/**
 * The ceiling of a GET: `node:net`, and text that was put together before. Of the request its order is cut out, at the place
 * where it always is. No routes, no fields, no JSON, no errors: what Node takes for reading and writing sockets, and nothing.
 */
import { createServer } from "node:net";
import { listenOnLoopback } from "../../harness/listen.ts";
import { connectRest } from "../call.ts";
import { accepted, findOrder } from "../orders.ts";
import type { RestPeer } from "../suite.ts";

const idFrom = "GET /v1/orders/".length;

export const get: RestPeer = {
  async startServer() {
    const idLength = "order-2025-00000000".length;
    const body = JSON.stringify({ ...findOrder("?".repeat(idLength)), status: accepted });
    const fields = "content-type: application/json\r\nconnection: keep-alive\r\nkeep-alive: timeout=60\r\n";
    const date = `date: ${new Date().toUTCString()}\r\n`;
    const head = `HTTP/1.1 200 OK\r\n${fields}${date}content-length: ${body.length}\r\n\r\n`;
    const [before = "", after = ""] = `${head}${body}`.split("?".repeat(idLength));
    const server = createServer({ noDelay: true }, (socket) => {
      socket.on("error", () => {});
      socket.on("data", (chunk) => {
        socket.write(before + chunk.toString("latin1", idFrom, idFrom + idLength) + after, "latin1");
      });
    });
    return { port: await listenOnLoopback(server), close: async () => void server.close() };
  },
  connect: (port) => connectRest(port, "GET"),
};
