/**
 * The error that an answer of plain HTTP tells: a problem (RFC 9457) or another JSON that says a code of ours, and else
 * what its status says. What a service that is not of our kind wrote into the body is kept beside it, up to a size, as
 * a `google.api.HttpBody` in the details of the error.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { isJsonObject } from "../../call/json-object.ts";
import { findField, PUSHBACK_FIELD } from "../../call/metadata.ts";
import { isJsonType } from "../../contract/rest/json-type.ts";
import { readProblem, saysCode } from "../../contract/rest/problem.ts";
import { readRetryAfter } from "../../contract/rest/retry-after.ts";
import type { RestMethod } from "../../contract/rest/rest-method.ts";
import { HttpBodySchema } from "../../gen/google/api/httpbody_pb.ts";
import { encodingNamed } from "../../wire/compression.ts";
import type { ResponseHead } from "../../wire/http2/head.ts";
import { MAX_OUTCOME_BYTES, withMetadata } from "./answer.ts";

/** `nowMs` is the time of day. */
export function readRestError(
  { registry }: RestMethod,
  head: ResponseHead,
  body: Uint8Array,
  nowMs: number,
): ConnectError {
  const plain = expanded(head, body);
  const json = isJsonType(head.contentType) ? parsed(plain) : undefined;
  const error = readProblem(json ?? plainTitle(head, plain), head.status, registry);
  if (plain.length > 0 && !(isJsonObject(json) && saysCode(json, head.status))) {
    const value = create(HttpBodySchema, {
      contentType: head.contentType,
      data: plain.slice(0, MAX_KEPT_BYTES),
    });
    error.details.push({ type: HttpBodySchema.typeName, value: toBinary(HttpBodySchema, value) });
  }
  withMetadata(error, head.fields, []);
  const retryAfter = findField(head.fields, "retry-after");
  const waitMs = retryAfter === undefined ? undefined : readRetryAfter(retryAfter, nowMs);
  if (waitMs !== undefined && !error.metadata.has(PUSHBACK_FIELD))
    error.metadata.set(PUSHBACK_FIELD, String(Math.min(waitMs, MAX_PUSHBACK_MS)));
  return error;
}

/** The error of a stream that has begun: there is no status any more. */
export function readStreamError({ registry }: RestMethod, problem: unknown): ConnectError {
  return readProblem(problem, undefined, registry);
}

/** Of the body of an error that says no code of ours, in bytes. */
const MAX_KEPT_BYTES = 16 * 1024;
/** Of a text, in characters: a line of a log, not a page. */
const MAX_TITLE_LENGTH = 200;
const MAX_PUSHBACK_MS = 9_999_999_999;

function expanded({ fields }: ResponseHead, body: Uint8Array): Uint8Array {
  const encoding = findField(fields, "content-encoding") ?? "identity";
  try {
    return encodingNamed(encoding)?.decompress(body, MAX_OUTCOME_BYTES) ?? body;
  } catch {
    return NOTHING;
  }
}

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(TEXT.decode(body));
  } catch {
    return undefined;
  }
}

/** A short text is what the service says; a page of HTML is not for a line of a log. */
function plainTitle({ contentType }: ResponseHead, body: Uint8Array): unknown {
  if (!/^text\/plain\b/i.test(contentType)) return undefined;
  const text = TEXT.decode(body.subarray(0, 4 * MAX_TITLE_LENGTH))
    .replace(/[\p{Cc}\s]+/gu, " ")
    .trim();
  return text === "" ? undefined : { detail: text.slice(0, MAX_TITLE_LENGTH) };
}

const NOTHING = new Uint8Array(0);
const TEXT = new TextDecoder();
