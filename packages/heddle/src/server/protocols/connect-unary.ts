/**
 * Unary calls of the Connect protocol: plain HTTP. The body is the message, the status says how it went, an error is
 * JSON, and trailers are headers with a prefix. A method without side effects also answers GET, with the message in
 * the query, which caches between may keep; such an answer says that it depends on what the caller accepts.
 * Source: https://connectrpc.com/docs/protocol#unary-rpcs
 */
import type { ConnectError } from "@connectrpc/connect";
import { httpStatusOf } from "../../call/connect-code.ts";
import { writeConnectError } from "../../call/connect-error.ts";
import { readConnectQuery } from "../../call/connect-query.ts";
import { prefixTrailers, splitTrailers } from "../../call/connect-trailers.ts";
import { findField, toFields } from "../../call/metadata.ts";
import { toOutgoing } from "../../connection/outgoing-message.ts";
import { compressIfWorth } from "../../wire/compression.ts";
import { FLAG_COMPRESSED } from "../../wire/envelope-reader.ts";
import type { ServerCall } from "../call.ts";
import { errorMetadata, ownHeader } from "../own-metadata.ts";
import type { ServerProtocol } from "../protocol.ts";
import { encodingFailure } from "../unsendable.ts";
import { BodyReader, QueryReader } from "./connect-unary-request.ts";
import { isPathUnknown, pathOf, queryOf, readConnectHead, toConnectRequest } from "./connect-request.ts";

export const connectUnary: ServerProtocol = {
  name: "connect",
  readRequest: (head, parts) =>
    readConnectHead(head, { encoding: "content-encoding", accept: "accept-encoding" }, parts),
  readSingle: (call, method, onRequest) => new BodyReader(call, method, onRequest),
  writeHead: nothingYet,
  writeMessage: nothingYet,
  writeOutcome,
};

/** The same for GET. Which form it has is known from the query, so whoever chooses the protocol has read it. */
export const connectGet: ServerProtocol = {
  ...connectUnary,
  readRequest(head, parts) {
    const { version, encoding, compression } = readConnectQuery(queryOf(head.path));
    const words = {
      path: pathOf(head.path),
      form: encoding === "json" ? ("json" as const) : ("proto" as const),
      version: version === "" ? undefined : version.replace(/^v/, ""),
      encoding: compression,
      accept: findField(head.fields, "accept-encoding"),
    };
    return toConnectRequest(head, words, parts);
  },
  readSingle: (call, method, onRequest) =>
    new QueryReader(call, method, () => readConnectQuery(queryOf(call.head.path)).message, onRequest),
};

/** The whole answer is written when its outcome is known: status and trailers stand before the message. */
function nothingYet(): void {}

function writeOutcome(call: ServerCall): void {
  if (call.over) return;
  const answer = writeAnswer(call) ?? writeError(call, call.error as ConnectError);
  const fields = [
    "content-type",
    answer.contentType,
    "content-length",
    String(answer.body.length),
    ...(answer.compressed ? ["content-encoding", call.responseEncoding?.name ?? "identity"] : []),
    ...(call.head.method === "GET" ? ["vary", "accept-encoding"] : []),
  ];
  call.headWritten = true;
  call.sendHead(answer.status, [...fields, ...metadata(call)]);
  call.sendBody(answer.body);
  call.sendEnd();
  call.flush();
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly compressed: boolean;
  readonly body: Uint8Array;
}

/** Undefined when the call has failed, be it only now. */
function writeAnswer(call: ServerCall): Answer | undefined {
  const { response, responseEncoding, parts, form } = call;
  if (call.error !== undefined || response === undefined) return undefined;
  try {
    const plain = call.routed.method.output.encode(response);
    const { flag, payload } = toOutgoing(plain, responseEncoding, parts);
    return {
      status: 200,
      contentType: `application/${form}`,
      compressed: flag === FLAG_COMPRESSED,
      body: payload,
    };
  } catch (cause) {
    call.error = encodingFailure(call, cause);
    return undefined;
  }
}

function writeError(call: ServerCall, error: ConnectError): Answer {
  const { responseEncoding, parts } = call;
  const plain = new TextEncoder().encode(JSON.stringify(writeConnectError(error, parts.router.registry)));
  const compressed = compressIfWorth(plain, responseEncoding, parts.compressMinBytes);
  return {
    status: isPathUnknown(call) ? 404 : httpStatusOf(error.code),
    contentType: "application/json",
    compressed: compressed !== undefined,
    body: compressed ?? plain,
  };
}

/** The metadata of the handler. Trailers are told from headers by their prefix, so no header may have it. */
function metadata(call: ServerCall): string[] {
  const { error, ownResponseTrailer } = call;
  const fields = splitTrailers(ownHeader(call)).header;
  if (error !== undefined) fields.push(...splitTrailers(errorMetadata(error)).header);
  if (ownResponseTrailer !== undefined) fields.push(...prefixTrailers(toFields(ownResponseTrailer)));
  return fields;
}
