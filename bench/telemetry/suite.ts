/**
 * The telemetry suite: the calls of the rpc suite from one mesh to another, with all that Heddle measures and without,
 * so that the ratio of the two is what measuring costs. The level is the number of calls in flight.
 */
import { createMesh, implement, type MeshOptions } from "heddle";
import { OrderService } from "../gen/bench/v1/orders_pb.ts";
import { portOf } from "../harness/port-of.ts";
import type { Suite } from "../harness/suite.ts";
import { placeOrder } from "../rpc/order.ts";
import { type RpcClient, type RpcPeer, suite as rpc } from "../rpc/suite.ts";

export const suite = {
  ...rpc,
  peers: {
    off: async () => ({ peer: measuring({ metrics: false }) }),
    on: async () => ({ peer: measuring({}) }),
  },
  ratios: [["on", "off"]],
} satisfies Suite<RpcClient>;

function measuring(options: MeshOptions): RpcPeer {
  const settings: MeshOptions = { registry: false, stateFolder: false, ...options };
  return {
    async startServer() {
      const mesh = await createMesh({ service: "orders", ...settings });
      const server = await mesh.serve(implement(OrderService, { placeOrder }), { listen: "127.0.0.1:0" });
      return { port: portOf(server.address), close: async () => mesh.close() };
    },
    async connect(port) {
      const mesh = await createMesh({ service: "bench", ...settings });
      const orders = mesh.client(OrderService, { target: `static:///127.0.0.1:${port}` });
      return { call: (request) => orders.placeOrder(request), close: async () => mesh.close() };
    },
  };
}
