/**
 * `google.api.HttpBody`: a body that is not JSON, with its content type. It is known by its name, for an application has
 * its own generated code of it.
 */
import { create, type DescField, type DescMessage, type Message } from "@bufbuild/protobuf";
import type { Binding } from "./binding.ts";
import { setValue, valueOf } from "./field-path.ts";

/** A body as it is. */
export interface RawBody {
  readonly kind: "raw";
  /** Empty when nothing is known of it. */
  readonly contentType: string;
  readonly data: Uint8Array;
}

/** The HttpBody that `field`, or the whole message without one, is; undefined when it is something else. */
export function rawBodyOf(whole: DescMessage, field: DescField | undefined): DescMessage | undefined {
  const desc = field === undefined ? whole : field.fieldKind === "message" ? field.message : undefined;
  return desc?.typeName === "google.api.HttpBody" ? desc : undefined;
}

/** Whether the body of a request is bytes, and no JSON. */
export function takesRaw({ body, method }: Pick<Binding, "body" | "method">): boolean {
  return rawBodyOf(method.input, body.kind === "field" ? body.field : undefined) !== undefined;
}

/** Whether the body of an answer is. */
export function answersRaw({ method, responseBody }: Pick<Binding, "method" | "responseBody">): boolean {
  return rawBodyOf(method.output, responseBody) !== undefined;
}

export function readRawBody(desc: DescMessage, { contentType, data }: RawBody): Message {
  const fields = fieldsOf(desc);
  const message = create(desc);
  setValue(message, fields.contentType, contentType);
  setValue(message, fields.data, data);
  return message;
}

/** Its extensions do not travel over HTTP. Throws for a content type that no field can hold. */
export function writeRawBody(desc: DescMessage, message: Message | undefined): RawBody {
  const fields = fieldsOf(desc);
  const value = (field: DescField) => (message === undefined ? undefined : valueOf(message, field));
  const contentType = (value(fields.contentType) as string | undefined) ?? "";
  if (!FIELD_VALUE.test(contentType)) throw new Error(`${desc.typeName} has a content type that is none`);
  return {
    kind: "raw",
    contentType,
    data: (value(fields.data) as Uint8Array | undefined) ?? new Uint8Array(0),
  };
}

const FIELD_VALUE = /^[ -~]*$/;

/** By their numbers. */
function fieldsOf(desc: DescMessage): { readonly contentType: DescField; readonly data: DescField } {
  const numbered = (number: number) => desc.fields.find((field) => field.number === number) as DescField;
  return { contentType: numbered(1), data: numbered(2) };
}
