/**
 * An error as HTTP has it: the status that says most of what was wrong with the request, and a problem (RFC 9457).
 */
import { Code, type ConnectError } from "@connectrpc/connect";
import { type Fields, findField } from "../../call/metadata.ts";
import { declaredStatus } from "../../contract/declared-errors.ts";
import { httpStatusOfError } from "../../contract/rest/http-status.ts";
import { PROBLEM_TYPE, writeProblem } from "../../contract/rest/problem.ts";
import { retryDelayMs, writeRetryAfter } from "../../contract/rest/retry-after.ts";
import type { ServerCall } from "../call.ts";
import type { ServerParts } from "../layer.ts";
import { errorMetadata, ownHeader } from "../own-metadata.ts";
import { joinedField } from "./rest-etag.ts";
import { missing } from "./rest-planned.ts";
import type { RestTarget } from "./rest-reader.ts";

/** All of an answer. */
export interface Answer {
  readonly status: number;
  readonly fields: Fields;
  /** Undefined when the status has none. Text is ASCII alone. */
  readonly body: Uint8Array | string | undefined;
}

/** An error as the whole answer. */
export function problemAnswer(call: ServerCall, error: ConnectError, target: RestTarget): Answer {
  const problem = problemOf(call, error, call.parts, target);
  const fields = [...errorMetadata(error), ...ownHeader(call)];
  if (target.plan !== undefined) fields.push(...missing(fields, target.plan.always));
  const { status } = problem;
  const hasOwn = (name: string) => findField(fields, name) !== undefined;
  if ((status === 429 || status === 503) && !hasOwn("retry-after")) {
    const delayMs = retryDelayMs(error) ?? call.pushbackMs ?? DEFAULT_RETRY_MS;
    if (delayMs >= 0) fields.push("retry-after", writeRetryAfter(delayMs));
  }
  // RFC 9110 §15.5.2: it says how to authenticate.
  if (status === 401 && !hasOwn("www-authenticate")) fields.push("www-authenticate", "Bearer");
  return {
    status,
    fields: ["content-type", PROBLEM_TYPE, "cache-control", "no-store", ...fields],
    body: UTF8.encode(JSON.stringify(problem)),
  };
}

/** An error as it stands in a body, or at the end of a stream. */
export function problemOf(
  call: ServerCall,
  error: ConnectError,
  { router, rest }: ServerParts,
  target: RestTarget,
) {
  const { fields } = call.head;
  const status = httpStatusOfError(error, {
    declared: declaredStatus(target.binding.method, error),
    isConditional: CONDITIONS.some((name) => findField(fields, name) !== undefined),
    refuting: refutingCodes(fields, target),
    isUnprocessable: rest?.unprocessable === true && target.binding.body.kind !== "none",
    wasRead: call.headWritten,
  });
  return writeProblem(error, status, router.registry);
}

/** By which a handler says that a condition of this request does not hold. */
function refutingCodes(fields: Fields, { plan }: RestTarget): readonly Code[] {
  const wanted = joinedField(fields, "if-match");
  const isNew = findField(fields, "if-none-match")?.trim() === "*";
  return [
    ...(wanted !== undefined && plan?.wanted !== undefined ? [Code.Aborted] : []),
    ...(wanted?.trim() === "*" ? [Code.NotFound] : []),
    ...(isNew ? [Code.AlreadyExists] : []),
  ];
}

/** When somebody who was refused for want of room may come again, unless the error knows better. */
const DEFAULT_RETRY_MS = 1000;

const CONDITIONS = ["if-match", "if-unmodified-since", "if-none-match"];
const UTF8 = new TextEncoder();
