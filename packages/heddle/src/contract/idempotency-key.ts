/**
 * The idempotency key of a request: a field that the contract marks (`heddle/options/v1/idempotency.proto`).
 */
import { type DescField, type DescMethod, getOption, hasOption, ScalarType } from "@bufbuild/protobuf";
import { idempotency_key } from "../gen/heddle/options/v1/idempotency_pb.ts";

/** The metadata that says the key where the request does not. */
export const IDEMPOTENCY_KEY_FIELD = "idempotency-key";

/** The field that is the key; undefined for a method without one. Only requests that are one message have a key. */
export function keyFieldOf({ input, methodKind }: DescMethod): DescField | undefined {
  if (methodKind !== "unary") return undefined;
  return input.fields.find(
    (field) =>
      field.fieldKind === "scalar" &&
      field.scalar === ScalarType.STRING &&
      hasOption(field, idempotency_key) &&
      getOption(field, idempotency_key),
  );
}

/** What stands in the field; undefined where it is empty. */
export function keyIn(request: object, field: DescField): string | undefined {
  const value = (request as Readonly<Record<string, unknown>>)[field.localName];
  return typeof value === "string" && value !== "" ? value : undefined;
}
