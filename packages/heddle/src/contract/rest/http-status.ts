/**
 * The HTTP status of a call that failed, and the code that a status stands for when a server says no more.
 *
 * The table of codes is Google's, which Connect has as well. Beyond it, a status says what HTTP has a word for and gRPC
 * does not: a body that is too long, of a form that is not read, a precondition of the request itself.
 * Source: https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto and RFC 9110 §15
 */
import { Code, type ConnectError } from "@connectrpc/connect";
import { httpStatusOf } from "../../call/connect-code.ts";
import type { ErrorName } from "../../call/error-catalogue.ts";
import { isHeddleError } from "../../call/errors.ts";

/** What an error's status depends on besides its code. */
export interface RequestFacts {
  /** What the contract says of this error. */
  readonly declared?: number | undefined;
  /** It has an If-Match, or another precondition that its handler may have found not to hold. Default false. */
  readonly isConditional?: boolean;
  /** Codes by which its handler says that such a precondition does not hold, besides FAILED_PRECONDITION. Default none. */
  readonly refuting?: readonly Code[];
  /** It has a body that could be read, so that a value in it which cannot be is 422. Default false: 400. */
  readonly isUnprocessable?: boolean;
  /** All of it was read, so that what failed is not its form. Default false. */
  readonly wasRead?: boolean;
}

export function httpStatusOfError(
  error: ConnectError,
  { declared, isConditional, refuting, isUnprocessable, wasRead }: RequestFacts = {},
): number {
  const own = isHeddleError(error) && !wasRead ? STATUS_OF_FAULT.get(error.reason) : undefined;
  if (own !== undefined) return own;
  if (declared !== undefined && declared !== httpStatusOf(error.code)) return declared;
  if (isConditional && error.code === Code.FailedPrecondition) return 412;
  if (refuting?.includes(error.code)) return 412;
  if (isUnprocessable && tellsValues(error)) return 422;
  return httpStatusOf(error.code);
}

/**
 * The code of an error as a problem tells it. Where gRPC has its own word for what is wrong with a request of HTTP, and it
 * would mislead, the status says it better.
 */
export function codeOfProblem(error: ConnectError, httpStatus: number): Code {
  return isHeddleError(error) && OF_HTTP.has(error.reason) ? codeOfHttpStatus(httpStatus) : error.code;
}

const OF_HTTP: ReadonlySet<ErrorName> = new Set<ErrorName>(["httpMethod", "contentType"]);

/** It is about values that the contract's rules, or the handler field by field, refuse. */
function tellsValues(error: ConnectError): boolean {
  if (isHeddleError(error)) return error.reason === "requestBreaksRules";
  const isBadRequest = (name: string) => name === "google.rpc.BadRequest";
  return (
    error.code === Code.InvalidArgument &&
    error.details.some((detail) => isBadRequest("desc" in detail ? detail.desc.typeName : detail.type))
  );
}

/** The code of an answer whose body says none. A status that is not in the table counts as the first of its hundred. */
export function codeOfHttpStatus(status: number): Code {
  const known = CODE_OF_STATUS.get(status);
  if (known !== undefined) return known;
  if (status >= 400 && status < 500) return Code.FailedPrecondition;
  return status >= 500 && status < 600 ? Code.Internal : Code.Unknown;
}

/** The words that RFC 9110 has for a status; those of its hundred for one that it does not have. */
export function statusPhrase(status: number): string {
  return PHRASES.get(status) ?? (status >= 500 ? "Server Error" : status >= 400 ? "Client Error" : "Status");
}

/** Of what is wrong with a request before its handler sees it. */
const STATUS_OF_FAULT: ReadonlyMap<ErrorName, number> = new Map<ErrorName, number>([
  ["methodUnknown", 404],
  ["httpMethod", 405],
  ["contentType", 415],
  ["compressionUnsupported", 415],
  ["messageTooLarge", 413],
  ["preconditionFailed", 412],
]);

const CODE_OF_STATUS: ReadonlyMap<number, Code> = new Map([
  [400, Code.InvalidArgument],
  [401, Code.Unauthenticated],
  [403, Code.PermissionDenied],
  [404, Code.NotFound],
  [405, Code.Unimplemented],
  [406, Code.InvalidArgument],
  [408, Code.DeadlineExceeded],
  [409, Code.Aborted],
  [410, Code.NotFound],
  [411, Code.InvalidArgument],
  [412, Code.FailedPrecondition],
  [413, Code.ResourceExhausted],
  [414, Code.InvalidArgument],
  [415, Code.InvalidArgument],
  [416, Code.OutOfRange],
  [422, Code.InvalidArgument],
  [425, Code.Unavailable],
  [428, Code.FailedPrecondition],
  [429, Code.ResourceExhausted],
  [431, Code.InvalidArgument],
  [499, Code.Canceled],
  [501, Code.Unimplemented],
  [502, Code.Unavailable],
  [503, Code.Unavailable],
  [504, Code.DeadlineExceeded],
]);

const PHRASES: ReadonlyMap<number, string> = new Map([
  [400, "Bad Request"],
  [401, "Unauthorized"],
  [402, "Payment Required"],
  [403, "Forbidden"],
  [404, "Not Found"],
  [405, "Method Not Allowed"],
  [406, "Not Acceptable"],
  [409, "Conflict"],
  [412, "Precondition Failed"],
  [413, "Content Too Large"],
  [415, "Unsupported Media Type"],
  [422, "Unprocessable Content"],
  [429, "Too Many Requests"],
  [499, "Client Closed Request"],
  [500, "Internal Server Error"],
  [501, "Not Implemented"],
  [503, "Service Unavailable"],
  [504, "Gateway Timeout"],
]);
