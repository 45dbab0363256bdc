/**
 * What the head of a gRPC request says: how long the caller waits, and how its messages are written and compressed.
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md ("Requests").
 */
import { parseTimeout } from "../../call/deadline.ts";
import { findField } from "../../call/metadata.ts";
import type { MessageForm } from "../../contract/method.ts";
import type { RequestHead } from "../../wire/http2/head.ts";
import type { ServerParts } from "../layer.ts";
import type { ProtocolRequest } from "../protocol.ts";
import { toProtocolRequest } from "./protocol-request.ts";

/** gRPC and gRPC-Web say it alike, but for the content type. */
export function readGrpcHead(
  { path, fields }: RequestHead,
  form: MessageForm,
  parts: ServerParts,
): ProtocolRequest {
  const timeout = findField(fields, "grpc-timeout");
  const encoding = findField(fields, "grpc-encoding");
  const accept = findField(fields, "grpc-accept-encoding");
  return toProtocolRequest({ path, form, timeout, parseTimeout, encoding, accept }, parts);
}
