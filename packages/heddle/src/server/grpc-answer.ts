/**
 * How a gRPC answer is written: head, messages, and the status in the trailers.
 *
 * A unary answer is one write: head, message and trailers. Head and trailers of a good answer are the same
 * bytes every time, so their header blocks are encoded once per connection.
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md ("Responses").
 */
import type { Message } from "@bufbuild/protobuf";
import { HeddleError } from "../call/errors.ts";
import { encodeGrpcMessage } from "../call/grpc-message.ts";
import { messageTooLarge } from "../call/message-limits.ts";
import { toFields } from "../call/metadata.ts";
import { encodeStatusDetails } from "../call/status-details.ts";
import { ACCEPTED_ENCODINGS, compressGzip } from "../wire/compression.ts";
import { FLAG_COMPRESSED } from "../wire/envelope-reader.ts";
import { NO_ERROR } from "../wire/http2/constants.ts";
import type { ServerCall } from "./call.ts";
import { readGrpcRequest } from "./grpc-request.ts";
import { writeHttpRefusal } from "./http-refusal.ts";
import type { ServerParts } from "./layer.ts";

/** The content type of the answer: the request's, without parameters, so that there are only two. */
function answerType({ head }: ServerCall): string {
  return head.contentType.startsWith(PROTO_TYPE) ? PROTO_TYPE : PLAIN_TYPE;
}

/** What the handler gave and HTTP/2 cannot carry is the handler's failure, found before a byte of the block is written. */
export function refuseUnsendable(call: ServerCall, { onHandlerError }: ServerParts): void {
  const { ownResponseHeader, ownResponseTrailer, error } = call;
  if (ownResponseHeader === undefined && ownResponseTrailer === undefined && error === undefined) return;
  try {
    if (ownResponseHeader !== undefined && !call.headWritten) toFields(ownResponseHeader);
    if (ownResponseTrailer !== undefined) toFields(ownResponseTrailer);
    if (error === undefined) return;
    encodeStatusDetails(error);
    if (!error.isWireError) toFields(error.metadata);
  } catch (cause) {
    onHandlerError(cause, call);
    call.dropOwnMetadata();
    call.error = new HeddleError("handlerFailed", { method: call.head.path.slice(1) }, { cause });
  }
}

/** Writes the head of the answer if it has not been written. Throws `metadataInvalid` before it writes anything. */
export function writeHead(call: ServerCall): void {
  if (call.headWritten) return;
  const { session, stream, ownResponseHeader } = call;
  const own = ownResponseHeader === undefined ? undefined : toFields(ownResponseHeader);
  call.headWritten = true;
  const { machine } = session;
  const contentType = answerType(call);
  const mark = machine.beginHeaders();
  if (own === undefined && !call.compresses) writeKept(call, contentType, headFields(contentType));
  else {
    writeFields(call, headFields(contentType), "index");
    if (call.compresses) writeFields(call, ["grpc-encoding", "gzip"], "index");
    if (own !== undefined) writeFields(call, own, "plain");
  }
  machine.endHeaders(mark, stream, false);
}

function headFields(contentType: string): readonly string[] {
  return contentType === PROTO_TYPE ? PROTO_HEAD : PLAIN_HEAD;
}

const PLAIN_TYPE = "application/grpc";
const PROTO_TYPE = "application/grpc+proto";
const PLAIN_HEAD = createHead(PLAIN_TYPE);
const PROTO_HEAD = createHead(PROTO_TYPE);

function createHead(contentType: string): readonly string[] {
  return [":status", "200", "content-type", contentType, "grpc-accept-encoding", ACCEPTED_ENCODINGS];
}

/** Writes one message of the answer. Throws `messageTooLarge`, or what the encoder throws; nothing is written then. */
export function writeMessage(call: ServerCall, message: Message): void {
  const { stream, session, parts } = call;
  const codec = call.routed.method.output;
  if (!call.compresses) return session.machine.sendEncoded(stream, codec, message, parts.maxSendBytes);
  const plain = codec.encode(message);
  if (plain.length > parts.maxSendBytes) {
    throw messageTooLarge(plain.length, parts.maxSendBytes, "sent");
  }
  const bytes = compressGzip(plain);
  session.machine.sendMessage(stream, FLAG_COMPRESSED, bytes, 0, bytes.length, false);
}

/** Writes what is left of the answer: message and trailers, or the refusal of what is not gRPC. */
export function writeOutcome(call: ServerCall): void {
  const { session, stream } = call;
  if (stream.localClosed || session.machine.closed) return;
  const { httpStatus } = readGrpcRequest(call.head);
  if (httpStatus !== 200) {
    writeHttpRefusal(call, httpStatus);
    return session.flushSoon();
  }
  if (call.error === undefined && call.response !== undefined) writeAnswer(call, call.response);
  session.machine.afterData(stream, writeTrailers, call);
  session.flushSoon();
}

/** An answer that cannot be encoded is the handler's failure, and the caller still gets a status. */
function writeAnswer(call: ServerCall, response: Message): void {
  writeHead(call);
  try {
    writeMessage(call, response);
  } catch (cause) {
    if (cause instanceof HeddleError) call.error = cause;
    else {
      call.parts.onHandlerError(cause, call);
      call.error = new HeddleError("handlerFailed", { method: call.head.path.slice(1) }, { cause });
    }
  }
}

function writeTrailers(call: ServerCall): void {
  const { session, stream, error, ownResponseTrailer } = call;
  const { machine } = session;
  if (stream.localClosed || machine.closed) return;
  if (error === undefined) writeHead(call);
  const mark = machine.beginHeaders();
  if (error === undefined && ownResponseTrailer === undefined) writeKept(call, "ok", ["grpc-status", "0"]);
  else {
    // Without a head before it, this block is both: "trailers-only".
    if (!call.headWritten) writeTrailersOnlyHead(call);
    writeStatus(call);
  }
  // A caller that has not ended its side is told to stop (RFC 9113 §8.1).
  const unfinished = !stream.remoteClosed;
  machine.endHeaders(mark, stream, true);
  if (unfinished) machine.reset(stream, NO_ERROR);
}

function writeTrailersOnlyHead(call: ServerCall): void {
  call.headWritten = true;
  writeFields(call, [":status", "200", "content-type", answerType(call)], "index");
  const { ownResponseHeader } = call;
  if (ownResponseHeader !== undefined) writeFields(call, toFields(ownResponseHeader), "plain");
}

function writeStatus(call: ServerCall): void {
  const { error, ownResponseTrailer } = call;
  writeFields(call, ["grpc-status", String(error?.code ?? 0)], "index");
  if (error !== undefined) {
    writeFields(call, ["grpc-message", encodeGrpcMessage(error.rawMessage)], "plain");
    const details = encodeStatusDetails(error);
    if (details !== undefined) writeFields(call, ["grpc-status-details-bin", details], "plain");
    // What another server said with its error is not ours to pass on.
    if (!error.isWireError) writeFields(call, toFields(error.metadata), "plain");
  }
  if (ownResponseTrailer !== undefined) writeFields(call, toFields(ownResponseTrailer), "plain");
}

function writeFields(call: ServerCall, fields: readonly string[], mode: "index" | "plain"): void {
  const { encoder, out } = call.session.machine;
  encoder.fields(out, fields, mode);
}

/** Writes fields that never change on a connection, from the bytes kept of the last time where possible. */
function writeKept(call: ServerCall, key: string, fields: readonly string[]): void {
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
