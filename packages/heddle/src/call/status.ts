/**
 * gRPC status codes as they travel: numbers on the wire, `Code` in the API, words in text.
 *
 * Connect's `Code` has no member for OK (0), because a successful call has no error; the wire does.
 * Source: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md and
 * https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
 */
import { Code } from "@connectrpc/connect";

/** `grpc-status` of a call that succeeded. */
export const STATUS_OK = 0;

/** Turns a `grpc-status` value into a `Code`; undefined when it is not a known non-zero code. */
export function toCode(status: number): Code | undefined {
  return status >= Code.Canceled && status <= Code.Unauthenticated ? (status as Code) : undefined;
}

/** The name gRPC prints for a code, e.g. `DEADLINE_EXCEEDED`. */
export function statusName(status: number): string {
  return STATUS_NAMES[status] ?? `CODE_${status}`;
}

/** What an HTTP status means when a server answered without `grpc-status` (gRPC's mapping table). */
export function codeFromHttpStatus(httpStatus: number): Code {
  switch (httpStatus) {
    case 400:
      return Code.Internal;
    case 401:
      return Code.Unauthenticated;
    case 403:
      return Code.PermissionDenied;
    case 404:
      return Code.Unimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return Code.Unavailable;
    default:
      return Code.Unknown;
  }
}

/** OK and the sixteen codes: what is counted by status has so many places. */
export const STATUS_COUNT = 17;

const STATUS_NAMES: readonly string[] = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
];
