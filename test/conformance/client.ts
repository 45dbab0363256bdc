/**
 * The client that the conformance runner starts: reads calls from standard input, makes them through our transport,
 * and writes what came of each to standard output as it ends. Calls that want the same settings share a transport.
 */
import { type ClosableTransport, createTransport, type TransportOptions } from "heddle";
import { makeCall } from "./call.ts";
import { readMessages, writeMessage } from "./delimited.ts";
import { type ClientCompatRequest, ClientCompatRequestSchema, ClientCompatResponseSchema } from "./schema.ts";

/** How many calls run at once: many of them wait for a delay, and none should be late for want of a core. */
const CONCURRENCY = 8;

/** The suite's enumerations, by number. */
const HTTP_VERSIONS = [undefined, "1.1", "2"] as const;
const PROTOCOLS = [undefined, "connect", "grpc", "grpc-web"] as const;
const CODECS = [undefined, "proto", "json"] as const;
const COMPRESSIONS = [undefined, undefined, "gzip", "br", "zstd", "deflate"] as const;

const transports = new Map<string, ClosableTransport>();
const running = new Set<Promise<void>>();

for await (const request of readMessages(ClientCompatRequestSchema)) {
  const call = answer(request);
  running.add(call);
  void call.finally(() => running.delete(call));
  if (running.size >= CONCURRENCY) await Promise.race(running);
}
await Promise.all(running);
for (const transport of transports.values()) transport.close("now");

async function answer(request: ClientCompatRequest): Promise<void> {
  const { testName } = request;
  try {
    const value = await makeCall(transportFor(request), request);
    writeMessage(ClientCompatResponseSchema, { testName, result: { case: "response", value } });
  } catch (error) {
    const value = { message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    writeMessage(ClientCompatResponseSchema, { testName, result: { case: "error", value } });
  }
}

function transportFor(request: ClientCompatRequest): ClosableTransport {
  const options = optionsFor(request);
  const key = JSON.stringify(options);
  let transport = transports.get(key);
  if (transport === undefined) {
    transport = createTransport(options);
    transports.set(key, transport);
  }
  return transport;
}

function optionsFor(request: ClientCompatRequest): TransportOptions {
  const { host, port, messageReceiveLimit } = request;
  const sendCompression = COMPRESSIONS[request.compression];
  return {
    target: `${host}:${port}`,
    protocol: known("protocol", PROTOCOLS[request.protocol]),
    http: known("version of HTTP", HTTP_VERSIONS[request.httpVersion]),
    codec: known("codec", CODECS[request.codec]),
    useHttpGet: request.useGetHttpMethod,
    // A call of the suite has the deadline that its description names, or none.
    defaultTimeoutMs: Number.POSITIVE_INFINITY,
    ...(sendCompression === undefined ? {} : { sendCompression, compressMinBytes: 0 }),
    ...(messageReceiveLimit > 0 ? { maxReceiveMessageBytes: messageReceiveLimit } : {}),
    ...(request.serverTlsCert.length > 0 ? { tls: tlsFor(request) } : {}),
  };
}

function tlsFor({
  serverTlsCert,
  clientTlsCreds,
}: ClientCompatRequest): NonNullable<TransportOptions["tls"]> {
  const pem = (bytes: Uint8Array) => Buffer.from(bytes).toString();
  return {
    ca: pem(serverTlsCert),
    ...(clientTlsCreds === undefined ? {} : { cert: pem(clientTlsCreds.cert), key: pem(clientTlsCreds.key) }),
  };
}

function known<T>(what: string, value: T | undefined): T {
  if (value === undefined) throw new Error(`the runner asks for a ${what} that is unknown here`);
  return value;
}
