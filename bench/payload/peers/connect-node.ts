/**
 * connect-node over its gRPC transport and its adapter in a plain `node:http2` server. Defaults throughout, but for the
 * memory of a session: with node's 10 MB four messages of 4 MiB end their streams with ENHANCE_YOUR_CALM.
 */
import * as http2 from "node:http2";
import { createClient } from "@connectrpc/connect";
import { connectNodeAdapter, createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { BlobService } from "../../gen/bench/v1/blobs_pb.ts";
import { closeHttp2Server, listenOnLoopback } from "../../harness/listen.ts";
import type { PayloadPeer } from "../suite.ts";

const memory = { maxSessionMemory: 256 };

export const peer: PayloadPeer = {
  async startServer() {
    const server = http2.createServer(
      memory,
      connectNodeAdapter({
        routes: (router) => router.service(BlobService, { echo: ({ blob }) => ({ blob }) }),
      }),
    );
    const close = closeHttp2Server(server);
    return { port: await listenOnLoopback(server), close };
  },

  async connect(port) {
    const baseUrl = `http://127.0.0.1:${port}`;
    const sessionManager = new Http2SessionManager(baseUrl, undefined, memory);
    const client = createClient(BlobService, createGrpcTransport({ baseUrl, sessionManager }));
    return { echo: (request) => client.echo(request), close: async () => sessionManager.abort() };
  },
};
