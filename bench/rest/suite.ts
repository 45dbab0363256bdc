/**
 * The rest suite: JSON over HTTP/1.1, one POST and one GET, each against a server of its own; the level is the number of
 * keep-alive connections, with one request on each. The load is the same for all, and much cheaper than what it loads.
 */
import type { Operation, Peer, PeerClient, Suite } from "../harness/suite.ts";
import { createOrders, type RestOrder } from "./orders.ts";

export interface RestClient extends PeerClient {
  /** Goes through the orders on the connection of the slot, one request after the other. */
  walk(slot: number, orders: readonly RestOrder[]): Operation;
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
    "ceiling-get": () => import("./peers/ceiling.ts").then(({ get: peer }) => ({ peer })),
  },

  ratios: [
    ["heddle-post", "fastify-post"],
    ["heddle-post", "nest-post"],
    ["heddle-get", "fastify-get"],
    ["heddle-get", "nest-get"],
    ["ceiling-get", "nest-get"],
  ],

  inflightAt: (connections) => connections,

  toOperation: (client, _connections, slot) => client.walk(slot, createOrders(slot)),
} satisfies Suite<RestClient>;
