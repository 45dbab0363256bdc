/** Heddle's server with its defaults: the contract, its conventions for paths, strict reading, compiled JSON. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { createServer, implement } from "heddle";
import { OrderStatus } from "../../gen/bench/v1/orders_pb.ts";
import { type CreateOrderResponseSchema, ShopService } from "../../gen/bench/v1/shop_pb.ts";
import { portOf } from "../../harness/port-of.ts";
import { placeOrder } from "../../rpc/order.ts";
import { connectRest } from "../call.ts";
import { findOrder } from "../orders.ts";
import type { RestPeer } from "../suite.ts";

async function startServer() {
  const shop = implement(ShopService, {
    // The two receipts have the same fields.
    createOrder: ({ order }) =>
      placeOrder(order ?? NO_ORDER) as MessageInitShape<typeof CreateOrderResponseSchema>,
    getOrder: ({ orderId }) => ({ ...findOrder(orderId), status: OrderStatus.ACCEPTED }),
  });
  const server = await createServer({ services: [shop], rest: { conventions: true } });
  return { port: portOf(server.address), close: async () => void (await server.close()) };
}

export const post: RestPeer = {
  startServer,
  connect: (port) => connectRest(port, "POST"),
};

export const get: RestPeer = {
  startServer,
  connect: (port) => connectRest(port, "GET"),
};

const NO_ORDER = { orderId: "", customerId: "", currency: "", lines: [] };
