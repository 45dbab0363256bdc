/** connect-node, speaking gRPC, as either end. */
import {
  connectNodeAdapter,
  compressionGzip,
  createGrpcTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import { once } from "node:events";
import { createServer, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { EchoService } from "../../gen/heddle/test/v1/echo_pb.ts";
import type { StartCallee, StartCaller } from "./peer.ts";

/** Node refuses streams beyond 10 MB in flight on a connection, and this suite sends 32 MiB messages. */
const SESSION_MEGABYTES = 1000;

export const connectCallee: StartCallee = async (
  echo,
  { maxMessageBytes, maxRequestBytes = maxMessageBytes, gzip },
) => {
  const server = createServer(
    { maxSessionMemory: SESSION_MEGABYTES },
    connectNodeAdapter({
      routes: (router) => router.service(EchoService, echo),
      acceptCompression: [compressionGzip],
      // Answers are compressed from this size up, when the caller says that it understands.
      compressMinBytes: gzip === true ? 0 : Number.MAX_SAFE_INTEGER,
      ...(maxRequestBytes === undefined ? {} : { readMaxBytes: maxRequestBytes, writeMaxBytes: 0xffffffff }),
    }),
  );
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      for (const session of sessions) session.destroy();
      await closed;
    },
  };
};

export const connectCaller: StartCaller = (
  address,
  { maxMessageBytes, maxAnswerBytes = maxMessageBytes, gzip },
) => {
  const baseUrl = `http://${address}`;
  const sessionManager = new Http2SessionManager(baseUrl, undefined, { maxSessionMemory: SESSION_MEGABYTES });
  const transport = createGrpcTransport({
    baseUrl,
    sessionManager,
    acceptCompression: [compressionGzip],
    ...(maxAnswerBytes === undefined ? {} : { readMaxBytes: maxAnswerBytes, writeMaxBytes: 0xffffffff }),
    ...(gzip === true ? { sendCompression: compressionGzip, compressMinBytes: 0 } : {}),
  });
  return { transport, [Symbol.dispose]: () => sessionManager.abort() };
};
