/**
 * Connect's own client on Heddle's transport, against Heddle's server without a mesh: what someone
 * gains who changes one line of an existing Connect program.
 */
import { createClient } from "@connectrpc/connect";
import { createServer, createTransport, implement } from "heddle";
import { OrderService } from "../../gen/bench/v1/orders_pb.ts";
import { placeOrder } from "../order.ts";
import type { RpcPeer } from "../suite.ts";
import { portOf } from "../../harness/port-of.ts";

export const peer: RpcPeer = {
  async startServer({ tls }) {
    const services = [implement(OrderService, { placeOrder })];
    const server = await createServer({ services, ...(tls ? { tls } : {}) });
    return { port: portOf(server.address), close: async () => void (await server.close()) };
  },

  async connect(port, { tls }) {
    const transport = createTransport({ target: `static:///127.0.0.1:${port}`, ...(tls ? { tls } : {}) });
    const orders = createClient(OrderService, transport);
    return {
      call: (request) => orders.placeOrder(request),
      close: async () => transport[Symbol.asyncDispose](),
    };
  },
};
