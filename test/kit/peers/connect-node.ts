/** connect-node as either end: as server in all its protocols, as client in the one that is asked for. */
import { createRegistry } from "@bufbuild/protobuf";
import { DurationSchema, StringValueSchema, StructSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  compressionBrotli,
  compressionGzip,
  connectNodeAdapter,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import { once } from "node:events";
import { createSecureServer, createServer, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { deflateSync, inflateSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { EchoService } from "../../gen/heddle/test/v1/echo_pb.ts";
import type { Compression, LinkSettings, StartCallee, StartCaller } from "./peer.ts";

/** Node refuses streams beyond 10 MB in flight on a connection, and this suite sends 32 MiB messages. */
const SESSION_MEGABYTES = 1000;

/** The types that details of errors have in the suite. */
export const registry = createRegistry(DurationSchema, StringValueSchema, StructSchema);

/** What connect-node brings, and the others made of Node's own. */
export const compressions = {
  gzip: compressionGzip,
  br: compressionBrotli,
  zstd: createCompression("zstd", zstdCompressSync, zstdDecompressSync),
  deflate: createCompression("deflate", deflateSync, inflateSync),
} satisfies Record<Compression, unknown>;

type Convert = (bytes: Uint8Array, options?: { maxOutputLength: number }) => Uint8Array;

function createCompression(name: Compression, compress: Convert, decompress: Convert) {
  return {
    name,
    compress: async (bytes: Uint8Array) => Uint8Array.from(compress(bytes)),
    async decompress(bytes: Uint8Array, readMaxBytes: number) {
      try {
        return Uint8Array.from(
          bytes.length === 0 ? bytes : decompress(bytes, { maxOutputLength: readMaxBytes }),
        );
      } catch (error) {
        throw ConnectError.from(error, Code.Internal);
      }
    },
  };
}

/** What a server's adapter is told. */
export function acceptedBy({
  maxMessageBytes,
  maxRequestBytes = maxMessageBytes,
  compression,
}: LinkSettings) {
  return {
    acceptCompression: [compressions[compression ?? "gzip"]],
    // Answers are compressed from this size up, when the caller says that it understands.
    compressMinBytes: compression === undefined ? Number.MAX_SAFE_INTEGER : 0,
    ...(maxRequestBytes === undefined ? {} : { readMaxBytes: maxRequestBytes, writeMaxBytes: 0xffffffff }),
    jsonOptions: { registry },
  };
}

export const connectCallee: StartCallee = async (echo, settings) => {
  const options = { maxSessionMemory: SESSION_MEGABYTES };
  const { tls } = settings;
  const adapter = connectNodeAdapter({
    routes: (router) => router.service(EchoService, echo),
    ...acceptedBy(settings),
  });
  const server =
    tls === undefined
      ? createServer(options, adapter)
      : createSecureServer(
          { ...options, ...tls.server, ca: tls.ca, requestCert: tls.client !== undefined },
          adapter,
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

const transports = {
  gRPC: createGrpcTransport,
  "gRPC-Web": createGrpcWebTransport,
  Connect: createConnectTransport,
};

export function connectCaller(protocol: keyof typeof transports, form: "binary" | "JSON"): StartCaller {
  return (address, { maxMessageBytes, maxAnswerBytes = maxMessageBytes, compression, tls }) => {
    const baseUrl = `${tls === undefined ? "http" : "https"}://${address}`;
    const sessionManager = new Http2SessionManager(baseUrl, undefined, {
      maxSessionMemory: SESSION_MEGABYTES,
      ...(tls === undefined ? {} : { ca: tls.ca, ...tls.client }),
    });
    const transport = transports[protocol]({
      baseUrl,
      httpVersion: "2",
      sessionManager,
      useBinaryFormat: form === "binary",
      jsonOptions: { registry },
      acceptCompression: [compressions[compression ?? "gzip"]],
      ...(maxAnswerBytes === undefined ? {} : { readMaxBytes: maxAnswerBytes, writeMaxBytes: 0xffffffff }),
      ...(compression === undefined
        ? {}
        : { sendCompression: compressions[compression], compressMinBytes: 0 }),
    });
    return { transport, [Symbol.dispose]: () => sessionManager.abort() };
  };
}
