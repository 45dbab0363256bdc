/**
 * Heddle as an application uses it: a mesh on each side with every default on. The server registers
 * with the control plane (a third process), the client finds it there; each call is balanced, has a
 * deadline and a retry budget, and leaves a call record. Only the saving of endpoints to the user's
 * cache folder is off: a benchmark must not read what an earlier one left there. No call goes through it.
 */
import { createMesh, implement } from "heddle";
import { OrderService } from "../../gen/bench/v1/orders_pb.ts";
import { placeOrder } from "../order.ts";
import type { RpcPeer } from "../suite.ts";
import { portOf } from "../../harness/port-of.ts";

export const peer: RpcPeer = {
  usesRegistry: true,

  async startServer({ registryAddress }) {
    const mesh = await createMesh({ service: "orders", registry: registryAddress, stateFolder: false });
    const server = await mesh.serve(implement(OrderService, { placeOrder }));
    await server.registered;
    return { port: portOf(server.address), close: async () => mesh.close() };
  },

  async connect(_port, { registryAddress }) {
    const mesh = await createMesh({ service: "bench", registry: registryAddress, stateFolder: false });
    const orders = mesh.client(OrderService);
    return {
      call: (request) => orders.placeOrder(request),
      close: async () => mesh.close(),
    };
  },
};
