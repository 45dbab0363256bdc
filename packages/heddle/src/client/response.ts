/**
 * Reads the head and the trailers of a gRPC answer: is it gRPC, how are its messages coded, how did it end.
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md ("Responses").
 */
import { Code, ConnectError } from "@connectrpc/connect";
import { HeddleError } from "../call/errors.ts";
import { messageTooLarge } from "../call/message-limits.ts";
import { decodeGrpcMessage } from "../call/grpc-message.ts";
import { findField, type Fields, toHeaders } from "../call/metadata.ts";
import { codeFromHttpStatus, STATUS_OK, toCode } from "../call/status.ts";
import { encodingNamed } from "../wire/compression.ts";
import type { EnvelopeFault } from "../wire/envelope-reader.ts";
import type { HeaderBlock } from "../wire/hpack/header-block.ts";
import { areTrailersValid, parseResponseHead, type ResponseHead } from "../wire/http2/head.ts";
import { decodeStatusDetails } from "../call/status-details.ts";
import type { ClientCall } from "./call.ts";

/** Reads the head of an answer; with `endStream` it is "trailers-only" and holds the status too. */
export function readResponse(
  call: ClientCall,
  block: HeaderBlock,
  endStream: boolean,
): ConnectError | undefined {
  const head = parseResponseHead(block);
  if (head === undefined) return responseInvalid(call, "its header block is malformed");
  if (head.memo === OK_HEAD && !endStream) {
    call.answerEncoding = undefined;
    return undefined;
  }
  return checkHead(call, head, endStream);
}

/** Reads the trailers: undefined for OK. */
export function readTrailers(call: ClientCall, block: HeaderBlock): ConnectError | undefined {
  if (block.parsed === OK_TRAILERS) return undefined;
  if (!areTrailersValid(block.fields)) return responseInvalid(call, "its trailers are malformed");
  const error = readStatus(call, block.fields);
  if (error === undefined) block.parsed = OK_TRAILERS;
  return error;
}

const OK_HEAD = Symbol("head of a plain gRPC answer");
const OK_TRAILERS = Symbol("trailers with grpc-status 0");

function checkHead(call: ClientCall, head: ResponseHead, endStream: boolean): ConnectError | undefined {
  const isGrpc = /^application\/grpc(?:$|[+;])/.test(head.contentType);
  if (head.status !== 200 || !isGrpc) {
    // A proxy or a server of another kind answered; a grpc-status, if there is one, knows better.
    if (findField(head.fields, "grpc-status") !== undefined) return readStatus(call, head.fields);
    if (head.status !== 200) return statusError(call, head.status);
    return responseInvalid(call, `its content type is "${head.contentType}"`, Code.Unknown);
  }
  if (endStream) return readStatus(call, head.fields);
  const encoding = findField(head.fields, "grpc-encoding") ?? "identity";
  call.answerEncoding = encodingNamed(encoding);
  if (call.answerEncoding !== undefined) return undefined;
  if (encoding !== "identity" && encoding !== "")
    return responseInvalid(call, `its compression "${encoding}" was not offered`);
  head.memo = OK_HEAD;
  return undefined;
}

function readStatus(call: ClientCall, fields: Fields): ConnectError | undefined {
  const text = findField(fields, "grpc-status");
  if (text === undefined) return responseInvalid(call, "it ended without grpc-status");
  const status = /^[0-9]{1,3}$/.test(text) ? Number(text) : -1;
  if (status === STATUS_OK) return undefined;
  const message = decodeGrpcMessage(findField(fields, "grpc-message") ?? "");
  const error = new ConnectError(message, toCode(status) ?? Code.Unknown, mergedMetadata(call, fields));
  error.details = decodeStatusDetails(findField(fields, "grpc-status-details-bin"));
  error.isWireError = true;
  return error;
}

function mergedMetadata(call: ClientCall, trailers: Fields): Headers {
  const headers = toHeaders(trailers);
  if (call.head !== undefined && call.head.fields !== trailers) {
    toHeaders(call.head.fields).forEach((value, name) => headers.append(name, value));
  }
  return headers;
}

/** The error for an answer that breaks gRPC's rules. */
export function responseInvalid(call: ClientCall, reason: string, code: Code = Code.Internal): HeddleError {
  const address = call.subchannel?.address ?? "";
  return new HeddleError("responseInvalid", { method: call.method.name, address, reason }, { code });
}

/** The error for an answer with another HTTP status than 200 that brings none of its own. */
export function statusError(call: ClientCall, status: number): HeddleError {
  const address = call.subchannel?.address ?? "";
  return new HeddleError(
    "httpStatus",
    { address, method: call.method.name, status },
    { code: codeFromHttpStatus(status) },
  );
}

/** The error for an answer whose bytes cannot be cut into messages. */
export function envelopeError(call: ClientCall, fault: EnvelopeFault): HeddleError {
  return fault.kind === "bad-flag"
    ? responseInvalid(call, `an envelope has the flag ${fault.flag}`)
    : messageTooLarge(fault.bytes, call.maxReceiveBytes, "received");
}

/** The error for a message that is compressed although the head of the answer did not say so. */
export function undeclaredCompression(call: ClientCall): HeddleError {
  return responseInvalid(call, "a message is compressed, but no grpc-encoding was named");
}
