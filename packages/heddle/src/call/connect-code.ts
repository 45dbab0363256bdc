/**
 * How the Connect protocol names a status: a word in JSON, and an HTTP status beside it, so that a unary answer
 * says something to every proxy and every `curl`.
 * Source: https://connectrpc.com/docs/protocol#error-codes
 */
import { Code } from "@connectrpc/connect";

interface ConnectCode {
  readonly name: string;
  readonly httpStatus: number;
}

const CODES: Readonly<Record<Code, ConnectCode>> = {
  [Code.Canceled]: { name: "canceled", httpStatus: 499 },
  [Code.Unknown]: { name: "unknown", httpStatus: 500 },
  [Code.InvalidArgument]: { name: "invalid_argument", httpStatus: 400 },
  [Code.DeadlineExceeded]: { name: "deadline_exceeded", httpStatus: 504 },
  [Code.NotFound]: { name: "not_found", httpStatus: 404 },
  [Code.AlreadyExists]: { name: "already_exists", httpStatus: 409 },
  [Code.PermissionDenied]: { name: "permission_denied", httpStatus: 403 },
  [Code.ResourceExhausted]: { name: "resource_exhausted", httpStatus: 429 },
  [Code.FailedPrecondition]: { name: "failed_precondition", httpStatus: 400 },
  [Code.Aborted]: { name: "aborted", httpStatus: 409 },
  [Code.OutOfRange]: { name: "out_of_range", httpStatus: 400 },
  [Code.Unimplemented]: { name: "unimplemented", httpStatus: 501 },
  [Code.Internal]: { name: "internal", httpStatus: 500 },
  [Code.Unavailable]: { name: "unavailable", httpStatus: 503 },
  [Code.DataLoss]: { name: "data_loss", httpStatus: 500 },
  [Code.Unauthenticated]: { name: "unauthenticated", httpStatus: 401 },
};

/** The word for a code, e.g. `failed_precondition`; a number that is no code is `unknown`. */
export function connectCodeName(code: Code): string {
  return (CODES[code] ?? CODES[Code.Unknown]).name;
}

/** The code that a word stands for; undefined for any other value. */
export function connectCodeNamed(name: unknown): Code | undefined {
  return typeof name === "string" ? BY_NAME.get(name) : undefined;
}

/** The HTTP status of a unary answer that failed with `code`. */
export function httpStatusOf(code: Code): number {
  return (CODES[code] ?? CODES[Code.Unknown]).httpStatus;
}

const BY_NAME: ReadonlyMap<string, Code> = new Map(
  Object.entries(CODES).map(([code, { name }]) => [name, Number(code) as Code]),
);
