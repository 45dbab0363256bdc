/**
 * JSON over HTTP/1.1: `node:http` on the server, an undici pool on the client with as many keep-alive
 * connections as there are calls in flight (HTTP/1.1 carries one call at a time on each), no pipelining.
 */
import * as http from "node:http";
import { Pool } from "undici";
import type { PlaceOrderRequest } from "../../gen/bench/v1/orders_pb.ts";
import { listenOnLoopback } from "../../harness/listen.ts";
import { type OrderFields, placeOrder } from "../order.ts";
import type { RpcPeer } from "../suite.ts";

const path = "/v1/orders";

export const peer: RpcPeer = {
  async startServer() {
    const server = http.createServer((request, response) => {
      if (request.method !== "POST" || request.url !== path) {
        response.writeHead(404).end();
        return;
      }
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
        const answer = JSON.stringify(placeOrder(JSON.parse(String(body)) as OrderFields));
        response
          .writeHead(200, {
            "content-type": "application/json",
            "content-length": Buffer.byteLength(answer),
          })
          .end(answer);
      });
    });
    const port = await listenOnLoopback(server);
    return {
      port,
      close: async () => {
        server.close();
        server.closeAllConnections();
      },
    };
  },

  async connect(port, { maxInflight }) {
    const pool = new Pool(`http://127.0.0.1:${port}`, {
      connections: maxInflight,
      pipelining: 1,
      allowH2: false,
    });
    return {
      async call(request) {
        const response = await pool.request({
          method: "POST",
          path,
          headers: { "content-type": "application/json" },
          body: JSON.stringify(toPlainOrder(request)),
        });
        if (response.statusCode !== 200) throw new Error(`http-json answered ${response.statusCode}`);
        return (await response.body.json()) as { orderId: string };
      },
      close: () => pool.destroy(),
    };
  },
};

/** The order as a JSON application holds it: without the type names that protobuf-es keeps in a message. */
function toPlainOrder(order: PlaceOrderRequest): OrderFields {
  return {
    orderId: order.orderId,
    customerId: order.customerId,
    lines: order.lines.map(({ sku, quantity, unitPriceCents }) => ({ sku, quantity, unitPriceCents })),
    currency: order.currency,
  };
}
