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
  toJson,
} from "@bufbuild/protobuf";
import { writeJsonText } from "../codec/json-text.ts";
import type { JsonWriteOptions } from "../codec/json-write-options.ts";
import type { Binding } from "./binding.ts";
import { setValue, valueOf } from "./field-path.ts";
import { type RawBody, rawBodyOf, readRawBody, writeRawBody } from "./http-body.ts";
import type { BodyContent, JsonText } from "./read-request.ts";

/** How answers are written. */
export type ResponseOptions = JsonWriteOptions;

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

/** The same with JSON as it goes on the wire. */
export function writeResponseText(
  binding: Binding,
  response: Message | MessageInitShape<DescMessage>,
  options: ResponseOptions,
): JsonText | RawBody {
  const { method, responseBody } = binding;
  if (responseBody === undefined && rawBodyOf(method.output, undefined) === undefined)
    return { kind: "text", text: writeJsonText(method.output, response, options) };
  const content = writeResponse(binding, response, options);
  return content.kind === "raw" ? content : { kind: "text", text: JSON.stringify(content.json) };
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
