/**
 * connect-node over its gRPC transport: Connect's client on one HTTP/2 connection, and its adapter in
 * a plain `node:http2` server. Defaults throughout.
 */
import * as http2 from "node:http2";
import { createClient } from "@connectrpc/connect";
import { connectNodeAdapter, createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { OrderService } from "../../gen/bench/v1/orders_pb.ts";
import { closeHttp2Server, listenOnLoopback } from "../../harness/listen.ts";
import { placeOrder } from "../order.ts";
import type { RpcPeer } from "../suite.ts";

export const peer: RpcPeer = {
  async startServer() {
    const server = http2.createServer(
      connectNodeAdapter({ routes: (router) => router.service(OrderService, { placeOrder }) }),
    );
    const close = closeHttp2Server(server);
    return { port: await listenOnLoopback(server), close };
  },

  async connect(port) {
    const baseUrl = `http://127.0.0.1:${port}`;
    const sessionManager = new Http2SessionManager(baseUrl);
    const client = createClient(OrderService, createGrpcTransport({ baseUrl, sessionManager }));
    return {
      call: (request) => client.placeOrder(request),
      close: async () => sessionManager.abort(),
    };
  },
};
