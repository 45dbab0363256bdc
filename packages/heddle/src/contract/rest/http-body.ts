/**
 * `google.api.HttpBody`: a body that is not JSON, with its content type. It is known by its name, for an application has
 * its own generated code of it.
 */
import type { DescField, DescMessage } from "@bufbuild/protobuf";

export function isRawBody(desc: DescMessage): boolean {
  return desc.typeName === "google.api.HttpBody";
}

/** Its fields, by their numbers. */
export function rawBodyFields(desc: DescMessage): {
  readonly contentType: DescField;
  readonly data: DescField;
} {
  const numbered = (number: number) => desc.fields.find((field) => field.number === number) as DescField;
  return { contentType: numbered(1), data: numbered(2) };
}
