/**
 * The rest suite: JSON over HTTP/1.1, one POST and one GET, each against a server of its own; the level is the number of
 * keep-alive connections, with one request on each. The load is the same undici pool for all.
 */
import type { Peer, PeerClient, Suite } from "../harness/suite.ts";
import { createOrders, ordersPerSlot, type RestOrder } from "./orders.ts";

export interface RestClient extends PeerClient {
  /** One request; the text of its answer. */
  ask(order: RestOrder): Promise<string>;
}

export type RestPeer = Peer<RestClient>;

export const suite = {
  peers: {
    "heddle-post": () => import("./peers/heddle.ts").then(({ post: peer }) => ({ peer })),
    "fastify-post": () => import("./peers/fastify.ts").then(({ post: peer }) => ({ peer })),
    "nest-post": () => import("./peers/nest.ts").then(({ post: peer }) => ({ peer })),
    "heddle-get": () => import("./peers/heddle.ts").then(({ get: peer }) => ({ peer })),
    "fastify-get": () => import("./peers/fastify.ts").then(({ get: peer }) => ({ peer })),
    "nest-get": () => import("./peers/nest.ts").then(({ get: peer }) => ({ peer })),
  },

  ratios: [
    ["heddle-post", "fastify-post"],
    ["heddle-post", "nest-post"],
    ["heddle-get", "fastify-get"],
    ["heddle-get", "nest-get"],
  ],

  inflightAt: (connections) => connections,

  toOperation(client, _connections, slot) {
    const orders = createOrders(slot);
    let turn = 0;
    return async (done) => {
      const order = orders[turn++ & (ordersPerSlot - 1)] as RestOrder;
      const answer = await client.ask(order);
      if (!answer.includes(`"orderId":"${order.orderId}"`) || !answer.includes('"totalCents":258865'))
        throw new Error(`asked for ${order.orderId}, was answered ${answer.slice(0, 200)}`);
      done(1);
    };
  },
} satisfies Suite<RestClient>;
