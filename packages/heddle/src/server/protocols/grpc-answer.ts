/**
 * How a gRPC answer is written: head, messages, and the status in the trailers.
 *
 * A unary answer is one write: head, message and trailers. Head and trailers of a good answer are the same
 * bytes every time, so their header blocks are encoded once per connection.
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md ("Responses").
 */
import type { Message } from "@bufbuild/protobuf";
import { toFields } from "../../call/metadata.ts";
import { ACCEPT_ENCODING } from "../../wire/compression.ts";
import { toOutgoing } from "../../connection/outgoing-message.ts";
import type { Http2Call } from "../http2-call.ts";
import { encodingFailure } from "../unsendable.ts";
import { statusFields } from "./grpc-status.ts";

/** The content type of the answer: the request's, without parameters, so that there are only three. */
function answerType({ head }: Http2Call): string {
  if (head.contentType.startsWith(PROTO_TYPE)) return PROTO_TYPE;
  return head.contentType.startsWith(JSON_TYPE) ? JSON_TYPE : PLAIN_TYPE;
}

/** Writes the head of the answer if it has not been written. Throws `metadataInvalid` before it writes anything. */
export function writeHead(call: Http2Call): void {
  if (call.headWritten) return;
  const { session, stream, ownResponseHeader } = call;
  const own = ownResponseHeader === undefined ? undefined : toFields(ownResponseHeader);
  call.headWritten = true;
  const { machine } = session;
  const contentType = answerType(call);
  const mark = machine.beginHeaders();
  const { responseEncoding } = call;
  if (own === undefined && responseEncoding === undefined)
    writeKept(call, contentType, headFields(contentType));
  else {
    writeFields(call, headFields(contentType), "index");
    if (responseEncoding !== undefined) writeFields(call, ["grpc-encoding", responseEncoding.name], "index");
    if (own !== undefined) writeFields(call, own, "plain");
  }
  machine.endHeaders(mark, stream, false);
}

function headFields(contentType: string): readonly string[] {
  return HEADS.get(contentType) ?? createHead(contentType);
}

const PLAIN_TYPE = "application/grpc";
const PROTO_TYPE = "application/grpc+proto";
const JSON_TYPE = "application/grpc+json";
const HEADS: ReadonlyMap<string, readonly string[]> = new Map(
  [PLAIN_TYPE, PROTO_TYPE, JSON_TYPE].map((type) => [type, createHead(type)]),
);

function createHead(contentType: string): readonly string[] {
  return [":status", "200", "content-type", contentType, "grpc-accept-encoding", ACCEPT_ENCODING];
}

/** Writes one message of the answer. Throws `messageTooLarge`, or what the encoder throws; nothing is written then. */
export function writeMessage(call: Http2Call, message: Message): void {
  const { stream, session, parts } = call;
  const codec = call.routed.method.output;
  if (call.responseEncoding === undefined)
    return session.machine.sendEncoded(stream, codec, message, parts.maxSendBytes);
  const { flag, payload } = toOutgoing(codec.encode(message), call.responseEncoding, parts);
  session.machine.sendMessage(stream, flag, payload, 0, payload.length, false);
}

/** Writes what is left of the answer: message and trailers. */
export function writeOutcome(call: Http2Call): void {
  const { session, stream } = call;
  if (call.over) return;
  const response = call.takeResponse();
  if (call.error === undefined && response !== undefined) writeAnswer(call, response);
  session.machine.afterData(stream, writeTrailers, call);
  session.flushSoon();
}

/** Where it cannot be encoded the caller still gets a status. */
function writeAnswer(call: Http2Call, response: Message): void {
  writeHead(call);
  try {
    writeMessage(call, response);
  } catch (cause) {
    call.error = encodingFailure(call, cause);
  }
}

function writeTrailers(call: Http2Call): void {
  const { session, stream, error, ownResponseHeader, ownResponseTrailer } = call;
  const { machine } = session;
  if (call.over) return;
  // Headers of the handler's own have a head of their own: a client takes all that comes "trailers-only" for trailers.
  if (error === undefined || ownResponseHeader !== undefined) writeHead(call);
  const mark = machine.beginHeaders();
  if (error === undefined && ownResponseTrailer === undefined) writeKept(call, "ok", ["grpc-status", "0"]);
  else {
    // Without a head before it, this block is both: "trailers-only".
    if (!call.headWritten) writeTrailersOnlyHead(call);
    writeStatus(call);
  }
  machine.endHeaders(mark, stream, true);
  call.dropRequest();
}

function writeTrailersOnlyHead(call: Http2Call): void {
  call.headWritten = true;
  writeFields(call, [":status", "200", "content-type", answerType(call)], "index");
}

function writeStatus(call: Http2Call): void {
  const [name = "", status = "", ...rest] = statusFields(call);
  writeFields(call, [name, status], "index");
  writeFields(call, rest, "plain");
}

function writeFields(call: Http2Call, fields: readonly string[], mode: "index" | "plain"): void {
  const { encoder, out } = call.session.machine;
  encoder.fields(out, fields, mode);
}

/** Writes fields that never change on a connection, from the bytes kept of the last time where possible. */
function writeKept(call: Http2Call, key: string, fields: readonly string[]): void {
  const { blocks, machine } = call.session;
  const { encoder, out } = machine;
  const kept = blocks.get(key);
  if (kept !== undefined && kept.generation === encoder.generation) {
    out.write(kept.bytes);
    return;
  }
  const { generation } = encoder;
  const start = out.length;
  writeFields(call, fields, "index");
  if (encoder.generation === generation)
    blocks.set(key, { generation, bytes: out.bytes.slice(start, out.length) });
}
