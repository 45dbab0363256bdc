/**
 * The server that the conformance runner starts: reads how it should listen from standard input, tells where it
 * does on standard output, and serves until it is stopped. One process per configuration.
 */
import { createServer, implement, type ServerOptions } from "heddle";
import { readMessages, writeMessage } from "./delimited.ts";
import {
  ConformanceService,
  type Credentials,
  ServerCompatRequestSchema,
  ServerCompatResponseSchema,
} from "./schema.ts";
import { conformanceService } from "./service.ts";

for await (const request of readMessages(ServerCompatRequestSchema)) {
  const { messageReceiveLimit, serverCreds } = request;
  const server = await createServer({
    services: [implement(ConformanceService, conformanceService)],
    listen: "127.0.0.1:0",
    sendCompression: ["gzip", "br", "zstd", "deflate"],
    compressMinBytes: 0,
    ...(messageReceiveLimit > 0 ? { maxReceiveMessageBytes: messageReceiveLimit } : {}),
    ...(serverCreds === undefined ? {} : { tls: tlsFor(serverCreds, request.clientTlsCert) }),
  });
  const [host = "", port] = server.address.split(":");
  const pemCert = serverCreds?.cert ?? new Uint8Array(0);
  writeMessage(ServerCompatResponseSchema, { host, port: Number(port), pemCert });
}

/** The certificate that the runner brings, and whose own it wants of clients. */
function tlsFor({ cert, key }: Credentials, clients: Uint8Array): NonNullable<ServerOptions["tls"]> {
  return { cert, key, ...(clients.length > 0 ? { ca: clients } : {}) };
}
