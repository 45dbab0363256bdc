/**
 * The end of a gRPC answer as fields, alike in the trailers of gRPC and in the last envelope of gRPC-Web.
 */
import { encodeGrpcMessage } from "../../call/grpc-message.ts";
import { PUSHBACK_FIELD } from "../../call/metadata.ts";
import { encodeStatusDetails } from "../../call/status-details.ts";
import type { ServerCall } from "../call.ts";
import { ownTrailer } from "../own-metadata.ts";

/** Status first, then what explains it, then the trailers of the handler. */
export function statusFields(call: ServerCall): string[] {
  const { error } = call;
  const fields = ["grpc-status", String(error?.code ?? 0)];
  if (error !== undefined) {
    fields.push("grpc-message", encodeGrpcMessage(error.rawMessage));
    const details = encodeStatusDetails(error);
    if (details !== undefined) fields.push("grpc-status-details-bin", details);
  }
  if (call.pushbackMs !== undefined) fields.push(PUSHBACK_FIELD, String(call.pushbackMs));
  fields.push(...ownTrailer(call));
  return fields;
}
