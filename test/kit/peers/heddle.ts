/** Heddle as either end. */
import assert from "node:assert/strict";
import { type ClientOptions, createServer, createTransport, implement, type ServerOptions } from "heddle";
import { EchoService } from "../../gen/heddle/test/v1/echo_pb.ts";
import type { StartCallee, StartCaller } from "./peer.ts";

/** `listen` is called once a server: names and paths must differ. */
export function heddleCallee(listen: () => string): StartCallee {
  return async (echo, { maxMessageBytes, maxRequestBytes = maxMessageBytes, compression, tls }) => {
    const server = await createServer({
      services: [implement(EchoService, echo)],
      listen: listen(),
      onHandlerError: () => {},
      // Both ends share a process here, which 32 MiB messages hold up for seconds: that is no overload.
      admission: false,
      onPeerError: (error) => assert.fail(`an honest peer was taken for a hostile one: ${error.message}`),
      ...(maxRequestBytes === undefined ? {} : { maxReceiveMessageBytes: maxRequestBytes }),
      ...(compression === undefined ? {} : { sendCompression: compression, compressMinBytes: 0 }),
      ...(tls === undefined
        ? {}
        : { tls: { ...tls.server, ...(tls.client === undefined ? {} : { ca: tls.ca }) } }),
    } satisfies ServerOptions);
    return {
      address: server.address,
      [Symbol.asyncDispose]: async () => void (await server.close({ drainMs: 1000 })),
    };
  };
}

/** Heddle's client with these options besides. */
export function heddleCallerWith(options: ClientOptions): StartCaller {
  return (address, { maxMessageBytes, maxAnswerBytes = maxMessageBytes, compression, tls }) => {
    const transport = createTransport({
      ...options,
      target: address,
      ...(maxAnswerBytes === undefined ? {} : { maxReceiveMessageBytes: maxAnswerBytes }),
      ...(compression === undefined ? {} : { sendCompression: compression }),
      ...(tls === undefined ? {} : { tls: { ca: tls.ca, ...tls.client } }),
    });
    return { transport, [Symbol.dispose]: () => transport.close("now") };
  };
}

export const heddleCaller = heddleCallerWith({});
