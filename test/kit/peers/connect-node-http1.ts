/** connect-node over HTTP/1.1: as server in all its protocols, as client the way a browser or a proxy would come. */
import { connectNodeAdapter, createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { once } from "node:events";
import { Agent, createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { EchoService } from "../../gen/heddle/test/v1/echo_pb.ts";
import { acceptedBy, compressions, registry } from "./connect-node.ts";
import type { StartCallee, StartCaller } from "./peer.ts";

export const connectHttp1Callee: StartCallee = async (echo, settings) => {
  const { tls } = settings;
  const adapter = connectNodeAdapter({
    routes: (router) => router.service(EchoService, echo),
    ...acceptedBy(settings),
  });
  const server =
    tls === undefined
      ? createServer(adapter)
      : createSecureServer({ ...tls.server, ca: tls.ca, requestCert: tls.client !== undefined }, adapter);
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

const transports = { "gRPC-Web": createGrpcWebTransport, Connect: createConnectTransport };

export function connectHttp1Caller(protocol: keyof typeof transports, form: "binary" | "JSON"): StartCaller {
  return (address, { maxMessageBytes, maxAnswerBytes = maxMessageBytes, compression }) => {
    const agent = new Agent({ keepAlive: true });
    const transport = transports[protocol]({
      baseUrl: `http://${address}`,
      httpVersion: "1.1",
      nodeOptions: { agent },
      useBinaryFormat: form === "binary",
      jsonOptions: { registry },
      acceptCompression: [compressions[compression ?? "gzip"]],
      ...(maxAnswerBytes === undefined ? {} : { readMaxBytes: maxAnswerBytes, writeMaxBytes: 0xffffffff }),
      ...(compression === undefined
        ? {}
        : { sendCompression: compressions[compression], compressMinBytes: 0 }),
    });
    return { transport, [Symbol.dispose]: () => agent.destroy() };
  };
}
