/**
 * gRPC over HTTP/2.
 */
import { SingleRequestReader } from "../request-reader.ts";
import type { ServerProtocol } from "../protocol.ts";
import { writeHead, writeMessage, writeOutcome } from "./grpc-answer.ts";
import { readGrpcHead } from "./grpc-request.ts";

export const grpc: ServerProtocol = {
  name: "grpc",
  readRequest: (head, parts) =>
    readGrpcHead(head, GRPC_JSON.test(head.contentType) ? "json" : "proto", parts),
  readSingle: (call, method, onRequest) => new SingleRequestReader(call, method, onRequest),
  writeHead,
  writeMessage,
  writeOutcome,
};

export function isGrpc(contentType: string): boolean {
  return GRPC.test(contentType);
}

const GRPC = /^application\/grpc(?:\+proto|\+json)?(?:$|;)/;
const GRPC_JSON = /^application\/grpc\+json(?:$|;)/;
