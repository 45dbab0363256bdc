/**
 * What the head of a gRPC request says: how long the caller waits, and how its messages are written and compressed.
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md ("Requests").
 */
import { parseTimeout } from "../../call/deadline.ts";
import { HeddleError } from "../../call/errors.ts";
import { findField } from "../../call/metadata.ts";
import { ACCEPT_ENCODING, chooseEncoding, encodingNamed } from "../../wire/compression.ts";
import type { RequestHead } from "../../wire/http2/head.ts";
import type { ServerParts } from "../layer.ts";
import type { MessageForm, ProtocolRequest } from "../protocol.ts";

/** gRPC and gRPC-Web say it alike, but for the content type. */
export function readGrpcHead(
  { path, fields }: RequestHead,
  form: MessageForm,
  { sendEncodings }: ServerParts,
): ProtocolRequest {
  const timeout = findField(fields, "grpc-timeout");
  const timeoutMs = timeout === undefined ? Number.POSITIVE_INFINITY : parseTimeout(timeout);
  const encoding = findField(fields, "grpc-encoding") ?? "identity";
  const request = {
    path,
    form,
    timeoutMs: timeoutMs ?? 0,
    requestEncoding: encodingNamed(encoding),
    responseEncoding: chooseEncoding(findField(fields, "grpc-accept-encoding"), sendEncodings),
  };
  if (timeoutMs === undefined)
    return { ...request, fault: () => new HeddleError("timeoutInvalid", { value: timeout ?? "" }) };
  if (!isSupported(encoding)) return { ...request, fault: () => unsupported(encoding) };
  return request;
}

export function isSupported(encoding: string): boolean {
  return encoding === "identity" || encoding === "" || encodingNamed(encoding) !== undefined;
}

export function unsupported(encoding: string): HeddleError {
  return new HeddleError("compressionUnsupported", { encoding, supported: ACCEPT_ENCODING });
}
