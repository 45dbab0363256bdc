/** connect-node over its gRPC transport and its adapter in a plain `node:http2` server. Defaults throughout. */
import * as http2 from "node:http2";
import { createClient } from "@connectrpc/connect";
import { connectNodeAdapter, createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { TickService } from "../../gen/bench/v1/ticks_pb.ts";
import { closeHttp2Server, listenOnLoopback } from "../../harness/listen.ts";
import type { StreamPeer } from "../suite.ts";
import { watch } from "../ticks.ts";

export const peer: StreamPeer = {
  async startServer() {
    const server = http2.createServer(
      connectNodeAdapter({ routes: (router) => router.service(TickService, { watch }) }),
    );
    const close = closeHttp2Server(server);
    return { port: await listenOnLoopback(server), close };
  },

  async connect(port) {
    const baseUrl = `http://127.0.0.1:${port}`;
    const sessionManager = new Http2SessionManager(baseUrl);
    const client = createClient(TickService, createGrpcTransport({ baseUrl, sessionManager }));
    return {
      async watch(request, onTick) {
        for await (const tick of client.watch(request)) onTick(tick);
      },
      close: async () => sessionManager.abort(),
    };
  },
};
