/**
 * The body of an answer: the response in ProtoJSON, the field of it that `response_body` names, or the bytes of a
 * `google.api.HttpBody`.
 */
import {
  create,
  type DescField,
  type DescMessage,
  fromJson,
  isMessage,
  type JsonObject,
  type JsonValue,
  type Message,
  type MessageInitShape,
  type Registry,
  toJson,
} from "@bufbuild/protobuf";
import type { Binding } from "./binding.ts";
import { setValue, valueOf } from "./field-path.ts";
import { rawBodyOf, readRawBody, writeRawBody } from "./http-body.ts";
import type { BodyContent } from "./read-request.ts";

export interface ResponseOptions {
  /** Knows the types that an `Any` may hold. */
  readonly registry: Registry;
  /** Whether fields that have their zero value stand in the JSON, where zero is the same as absence. Default false. */
  readonly alwaysEmitImplicit?: boolean;
}

/**
 * Of a message, or of the plain object that it can be made of, as handlers give it. Throws what protobuf-es throws for one
 * that has no JSON form.
 */
export function writeResponse(
  binding: Binding,
  response: Message | MessageInitShape<DescMessage>,
  options: ResponseOptions,
): BodyContent {
  const { method, responseBody } = binding;
  const message = isMessage(response) ? response : create(method.output, response);
  const raw = rawBodyOf(method.output, responseBody);
  if (raw !== undefined)
    return writeRawBody(
      raw,
      responseBody === undefined ? message : (valueOf(message, responseBody) as Message),
    );
  const json = toJson(method.output, message, options);
  if (responseBody === undefined) return { kind: "json", json };
  return { kind: "json", json: (json as JsonObject)[responseBody.jsonName] ?? unset(responseBody) };
}

/** Throws what protobuf-es throws for JSON that is none of the response. Fields that are not known are ignored. */
export function readResponse(
  { method, responseBody }: Binding,
  content: BodyContent,
  { registry }: Pick<ResponseOptions, "registry">,
): Message {
  if (content.kind === "raw") {
    const raw = rawBodyOf(method.output, responseBody);
    if (raw === undefined) throw new Error("the answer should be JSON");
    const body = readRawBody(raw, content);
    if (responseBody === undefined) return body;
    const message = create(method.output);
    setValue(message, responseBody, body);
    return message;
  }
  const json = responseBody === undefined ? content.json : { [responseBody.jsonName]: content.json };
  return fromJson(method.output, json, { registry, ignoreUnknownFields: true });
}

/** What JSON says of a field that a message does not have. */
function unset(field: DescField): JsonValue {
  if (field.fieldKind === "list") return [];
  if (field.fieldKind === "map") return {};
  const zero = toJson(field.parent, create(field.parent), { alwaysEmitImplicit: true }) as JsonObject;
  return zero[field.jsonName] ?? null;
}
