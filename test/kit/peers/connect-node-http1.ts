/** connect-node's clients over HTTP/1.1, as a browser or a proxy would come. */
import { createRegistry } from "@bufbuild/protobuf";
import { DurationSchema, StringValueSchema, StructSchema } from "@bufbuild/protobuf/wkt";
import { compressionGzip, createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { Agent } from "node:http";
import type { StartCaller } from "./peer.ts";

const registry = createRegistry(DurationSchema, StringValueSchema, StructSchema);
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
      acceptCompression: [compressionGzip],
      ...(maxAnswerBytes === undefined ? {} : { readMaxBytes: maxAnswerBytes, writeMaxBytes: 0xffffffff }),
      ...(compression === "gzip" ? { sendCompression: compressionGzip, compressMinBytes: 0 } : {}),
    });
    return { transport, [Symbol.dispose]: () => agent.destroy() };
  };
}
