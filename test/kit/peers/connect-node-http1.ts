/** connect-node as a server of HTTP/1.1. */
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { EchoService } from "../../gen/heddle/test/v1/echo_pb.ts";
import { acceptedBy } from "./connect-node.ts";
import type { StartCallee } from "./peer.ts";

export const connectHttp1Callee: StartCallee = async (echo, settings) => {
  const server = createServer(
    connectNodeAdapter({ routes: (router) => router.service(EchoService, echo), ...acceptedBy(settings) }),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
};
