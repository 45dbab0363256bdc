/**
 * Errors in HTTP: problem details (RFC 9457), `application/problem+json`, with the status of gRPC inside: `code` is its
 * name, `details` are its details in JSON, as in `google.rpc.Status`.
 *
 * What others answer is read as well: a `google.rpc.Status`, also within `error` (AIP-193), and an error of Connect.
 */
import {
  create,
  createRegistry,
  fromJson,
  type JsonObject,
  type JsonValue,
  type Registry,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";
import { Code, ConnectError } from "@connectrpc/connect";
import { connectCodeNamed, httpStatusOf } from "../../call/connect-code.ts";
import { isJsonObject } from "../../call/json-object.ts";
import { statusName, toCode } from "../../call/status.ts";
import { codeOfHttpStatus, codeOfProblem, statusPhrase } from "./http-status.ts";

export const PROBLEM_TYPE = "application/problem+json";

export interface Problem {
  /** `about:blank`: `title` says no more than the status does. */
  readonly type: string;
  readonly title: string;
  /** HTTP's. */
  readonly status: number;
  /** The error's message. */
  readonly detail?: string;
  /** gRPC's name of the status, such as `NOT_FOUND`. */
  readonly code: string;
  /** Each with the name of its message as `@type`. */
  readonly details?: readonly JsonObject[];
}

/** `registry` knows the messages that an `Any` in a detail may hold, and those of details that came as bytes. */
export function writeProblem(error: ConnectError, httpStatus: number, registry: Registry): Problem {
  return {
    type: "about:blank",
    title: statusPhrase(httpStatus),
    status: httpStatus,
    ...(error.rawMessage === "" ? {} : { detail: error.rawMessage }),
    code: statusName(codeOfProblem(error, httpStatus)),
    ...(error.details.length === 0
      ? {}
      : { details: error.details.map((detail) => writeDetail(detail, registry)) }),
  };
}

/**
 * The error that the body of an answer tells, whatever it is. Without a word of its own, the HTTP status says what it
 * was; it is undefined at the end of a stream. Details of messages that `registry` does not know are left out: they have no bytes.
 */
export function readProblem(json: unknown, httpStatus: number | undefined, registry: Registry): ConnectError {
  const outer = isJsonObject(json) ? json : {};
  const problem = isJsonObject(outer["error"]) ? outer["error"] : outer;
  const texts = [problem["detail"], problem["message"], problem["title"], outer["error"]];
  const text = texts.find((each) => typeof each === "string" && each !== "") as string | undefined;
  const own = readCode(problem["code"], httpStatus) ?? readCode(problem["status"], httpStatus);
  const code = own ?? codeOfHttpStatus(httpStatus ?? 0);
  const error = new ConnectError(text ?? titleOf(httpStatus), code);
  error.isWireError = true;
  const { details } = problem;
  if (!Array.isArray(details)) return error;
  for (const each of details.slice(0, MAX_DETAILS)) {
    const detail = readDetail(each, registry);
    if (detail !== undefined) error.details.push(detail);
  }
  return error;
}

/** Whether the body of an error says a code of ours, so that its words are all that there is to know. */
export function saysCode(json: Readonly<Record<string, unknown>>, httpStatus: number): boolean {
  const problem = isJsonObject(json["error"]) ? json["error"] : json;
  return [problem["code"], problem["status"]].some((each) => readCode(each, httpStatus) !== undefined);
}

function titleOf(httpStatus: number | undefined): string {
  return httpStatus === undefined
    ? "the stream ended with an error"
    : `HTTP ${httpStatus} ${statusPhrase(httpStatus)}`;
}

type Detail = ConnectError["details"][number];

/** An error has a few. */
const MAX_DETAILS = 100;

/** A name of gRPC's, one of Connect's, or a number. AIP-193 has HTTP's status as `code` and gRPC's name as `status`. */
function readCode(value: unknown, httpStatus: number | undefined): Code | undefined {
  if (typeof value === "number") {
    const code = toCode(value);
    // Services of others have numbers of their own: it is gRPC's where HTTP's status agrees.
    return code === undefined || httpStatus === undefined || httpStatusOf(code) === httpStatus
      ? code
      : undefined;
  }
  if (typeof value !== "string") return undefined;
  const name = value.toLowerCase();
  return name === "cancelled" ? Code.Canceled : connectCodeNamed(name);
}

function writeDetail(detail: Detail, registry: Registry): JsonObject {
  const desc = "desc" in detail ? detail.desc : registry.getMessage(detail.type);
  const typeUrl = `type.googleapis.com/${desc?.typeName ?? (detail as { readonly type: string }).type}`;
  let value: Uint8Array | undefined;
  try {
    value = "desc" in detail ? toBinary(detail.desc, create(detail.desc, detail.value)) : detail.value;
    // Through Any the well-known types have the form that they have there.
    if (desc !== undefined) {
      const known =
        registry.getMessage(desc.typeName) === undefined ? createRegistry(registry, desc) : registry;
      return toJson(AnySchema, create(AnySchema, { typeUrl, value }), { registry: known }) as JsonObject;
    }
  } catch {
    // What stands beside the error must not take its place.
  }
  return { "@type": typeUrl, ...(value === undefined ? {} : { [BYTES]: base64Encode(value) }) };
}

/** Where a detail has no JSON form, because nobody here knows its message, its bytes go in base64. */
const BYTES = "@bytes";

function readDetail(json: JsonValue, registry: Registry): Detail | undefined {
  if (!isJsonObject(json) || typeof json["@type"] !== "string") return undefined;
  const type = json["@type"].slice(json["@type"].lastIndexOf("/") + 1);
  try {
    if (typeof json[BYTES] === "string") return { type, value: base64Decode(json[BYTES]) };
    const { value } = fromJson(AnySchema, json as JsonObject, { registry });
    return { type, value, debug: json as JsonObject };
  } catch {
    return undefined;
  }
}
