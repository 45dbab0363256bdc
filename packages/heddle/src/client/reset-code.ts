/**
 * What a stream reset by the peer means in gRPC.
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md ("HTTP2 Transport Mapping", "Errors").
 */
import { Code } from "@connectrpc/connect";
import {
  CANCEL,
  ENHANCE_YOUR_CALM,
  http2ErrorName,
  INADEQUATE_SECURITY,
  REFUSED_STREAM,
} from "../wire/http2/constants.ts";

export function resetCode(http2Code: number): Code {
  switch (http2Code) {
    case REFUSED_STREAM:
      return Code.Unavailable;
    case CANCEL:
      return Code.Canceled;
    case ENHANCE_YOUR_CALM:
      return Code.ResourceExhausted;
    case INADEQUATE_SECURITY:
      return Code.PermissionDenied;
    default:
      return Code.Internal;
  }
}

/** Why a stream that no handler saw was refused: what a GOAWAY says of all, or REFUSED_STREAM of this one. */
export function refusalReason(http2Code: number): string {
  switch (http2Code) {
    case REFUSED_STREAM:
      return "it did not start to process it";
    case INADEQUATE_SECURITY:
      return "it wants TLS, or better TLS than this connection's (INADEQUATE_SECURITY): see option tls";
    default:
      return `it did not start to process it (GOAWAY ${http2ErrorName(http2Code)})`;
  }
}

export function resetReason(http2Code: number): string {
  return `HTTP/2 ${http2ErrorName(http2Code)}`;
}
