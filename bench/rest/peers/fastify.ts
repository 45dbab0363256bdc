/** fastify with JSON schemas for body, parameters and answer, which it compiles, and no logger. */
import type { AddressInfo } from "node:net";
import fastify from "fastify";
import { type OrderFields, placeOrder } from "../../rpc/order.ts";
import { connectRest } from "../call.ts";
import { accepted, findOrder, orderSchema, receiptSchema } from "../orders.ts";
import type { RestPeer } from "../suite.ts";

async function startServer() {
  // Its validator would take away what is unknown; Heddle refuses it.
  const app = fastify({ ajv: { customOptions: { removeAdditional: false, coerceTypes: false } } });
  const response = { 200: receiptSchema };
  app.post<{ Body: OrderFields }>(
    "/v1/orders",
    { schema: { body: orderSchema, response } },
    async ({ body }) => ({
      ...placeOrder(body),
      status: accepted,
    }),
  );
  const params = { type: "object", properties: { orderId: { type: "string" } } };
  app.get<{ Params: { orderId: string } }>(
    "/v1/orders/:orderId",
    { schema: { params, response } },
    async ({ params: { orderId } }) => ({ ...findOrder(orderId), status: accepted }),
  );
  await app.listen({ host: "127.0.0.1", port: 0 });
  return { port: (app.server.address() as AddressInfo).port, close: () => app.close() };
}

export const post: RestPeer = {
  startServer,
  connect: (port) => connectRest(port, "POST"),
};

export const get: RestPeer = {
  startServer,
  connect: (port) => connectRest(port, "GET"),
};
