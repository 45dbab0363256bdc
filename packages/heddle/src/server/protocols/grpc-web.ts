/**
 * gRPC-Web: gRPC for browsers, which show neither the frames nor the trailers of HTTP. The trailers come as the last
 * envelope of the body, also where an error is all there is: a browser shows headers to a page only if somebody
 * exposed them by name, but always the body.
 *
 * The text form is for clients that can read a streaming body only as text. Each envelope is a base64 segment of its
 * own, so that it can be read when it comes.
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md
 */
import { encodeGrpcWebTrailers, FLAG_TRAILERS } from "../../call/grpc-web-trailers.ts";
import { encodeBase64 } from "../../wire/base64-text.ts";
import { ACCEPT_ENCODING } from "../../wire/compression.ts";
import { writeEnvelope } from "../../wire/envelope-writer.ts";
import type { RequestReader, ServerCall } from "../call.ts";
import { ownHeader } from "../own-metadata.ts";
import type { ServerProtocol } from "../protocol.ts";
import { SingleRequestReader } from "../request-reader.ts";
import { Base64Reader } from "./base64-reader.ts";
import { envelopedAnswer } from "./enveloped-answer.ts";
import { readGrpcHead } from "./grpc-request.ts";
import { statusFields } from "./grpc-status.ts";

export function isGrpcWeb(contentType: string): boolean {
  return GRPC_WEB.test(contentType);
}

export const grpcWeb: ServerProtocol = {
  name: "grpc-web",
  readRequest: (head, parts) =>
    readGrpcHead(head, JSON_FORM.test(head.contentType) ? "json" : "proto", parts),
  readSingle: (call, method, onRequest) => wrapReader(call, new SingleRequestReader(call, method, onRequest)),
  wrapReader,
  ...envelopedAnswer({
    sendHead(call) {
      const own = ownHeader(call);
      const fields = ["content-type", answerType(call), "grpc-accept-encoding", ACCEPT_ENCODING];
      if (call.responseEncoding !== undefined) fields.push("grpc-encoding", call.responseEncoding.name);
      call.sendHead(200, [...fields, ...own]);
    },
    lastEnvelope: (call) => writeEnvelope(FLAG_TRAILERS, encodeGrpcWebTrailers(statusFields(call))),
    toBody: (call, envelope) => (isText(call) ? encodeBase64(envelope) : envelope),
  }),
};

function wrapReader(call: ServerCall, reader: RequestReader): RequestReader {
  return isText(call) ? new Base64Reader(call, reader) : reader;
}

function isText({ head }: ServerCall): boolean {
  return TEXT.test(head.contentType);
}

/** The content type of the answer: the request's, without parameters. */
function answerType({ head }: ServerCall): string {
  return (GRPC_WEB.exec(head.contentType)?.[1] ?? "application/grpc-web").toLowerCase();
}

const GRPC_WEB = /^(application\/grpc-web(?:-text)?(?:\+proto|\+json)?)\s*(?:$|;)/i;
const JSON_FORM = /^[^;]*\+json/i;
const TEXT = /^application\/grpc-web-text/i;
