/** The rpc suite: one unary call with small messages; the level is the number of calls in flight. */
import type { PlaceOrderRequest } from "../gen/bench/v1/orders_pb.ts";
import type { Peer, PeerClient, Suite } from "../harness/suite.ts";
import { createOrders, ordersPerSlot } from "./order.ts";

export interface RpcClient extends PeerClient {
  /** Makes one call. The caller compares the order id of the answer with the one it sent. */
  call(request: PlaceOrderRequest): Promise<{ readonly orderId: string }>;
}

export type RpcPeer = Peer<RpcClient>;

export const suite = {
  peers: {
    heddle: () => import("./peers/heddle.ts"),
    "heddle-transport": () => import("./peers/heddle-transport.ts"),
    "grpc-js": () => import("./peers/grpc-js.ts"),
    "connect-node": () => import("./peers/connect-node.ts"),
    "node-http2": () => import("./peers/node-http2.ts"),
    "http-json": () => import("./peers/http-json.ts"),
    ceiling: () => import("./peers/ceiling.ts"),
  },

  inflightAt: (inflight) => inflight,

  toOperation(client, _inflight, slot) {
    const orders = createOrders(slot);
    let turn = 0;
    return async (done) => {
      const order = orders[turn++ & (ordersPerSlot - 1)] as PlaceOrderRequest;
      const answer = await client.call(order);
      if (answer.orderId !== order.orderId)
        throw new Error(`asked for ${order.orderId}, was answered ${answer.orderId}`);
      done(1);
    };
  },
} satisfies Suite<RpcClient>;
