/**
 * The server that the conformance runner starts: reads how it should listen from standard input, tells where it
 * does on standard output, and serves until it is stopped. One process per configuration.
 */
import { createServer, implement } from "heddle";
import { readMessages, writeMessage } from "./delimited.ts";
import { ConformanceService, ServerCompatRequestSchema, ServerCompatResponseSchema } from "./schema.ts";
import { conformanceService } from "./service.ts";

for await (const { messageReceiveLimit } of readMessages(ServerCompatRequestSchema)) {
  const server = await createServer({
    services: [implement(ConformanceService, conformanceService)],
    listen: "127.0.0.1:0",
    sendCompression: "gzip",
    compressMinBytes: 0,
    ...(messageReceiveLimit > 0 ? { maxReceiveMessageBytes: messageReceiveLimit } : {}),
  });
  const [host = "", port] = server.address.split(":");
  writeMessage(ServerCompatResponseSchema, { host, port: Number(port) });
}
