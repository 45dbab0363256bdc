/**
 * The well-known types, which ProtoJSON writes in forms of their own.
 * Source: https://protobuf.dev/programming-guides/json/
 */
import type { DescMessage } from "@bufbuild/protobuf";
import type { Schema } from "./rule-keywords.ts";

/** Undefined for a message that is an object of its fields. */
export function wellKnownSchema({ typeName }: DescMessage): Schema | undefined {
  const known = WELL_KNOWN[typeName];
  return known === undefined ? undefined : structuredClone(known);
}

const wrapper = (type: string, more: Schema = {}): Schema => ({ type: [type, "null"], ...more });
const floating = (format: string): Schema => ({
  anyOf: [
    { type: ["number", "null"], format },
    { type: "string", enum: ["NaN", "Infinity", "-Infinity"] },
  ],
});

const WELL_KNOWN: Readonly<Record<string, Schema>> = {
  "google.protobuf.Timestamp": { type: "string", format: "date-time" },
  "google.protobuf.Duration": {
    type: "string",
    pattern: "^-?[0-9]{1,12}(\\.[0-9]{1,9})?s$",
    examples: ["1.5s"],
  },
  "google.protobuf.FieldMask": { type: "string", examples: ["name,address.city"] },
  "google.protobuf.Empty": { type: "object", additionalProperties: false },
  "google.protobuf.Struct": { type: "object", additionalProperties: true },
  "google.protobuf.Value": {},
  "google.protobuf.ListValue": { type: "array", items: {} },
  "google.protobuf.Any": {
    type: "object",
    properties: { "@type": { type: "string" } },
    required: ["@type"],
    additionalProperties: true,
  },
  "google.protobuf.DoubleValue": floating("double"),
  "google.protobuf.FloatValue": floating("float"),
  "google.protobuf.Int64Value": wrapper("string", { format: "int64", pattern: "^-?(0|[1-9][0-9]{0,18})$" }),
  "google.protobuf.UInt64Value": wrapper("string", { format: "uint64", pattern: "^(0|[1-9][0-9]{0,19})$" }),
  "google.protobuf.Int32Value": wrapper("integer", {
    format: "int32",
    minimum: -2147483648,
    maximum: 2147483647,
  }),
  "google.protobuf.UInt32Value": wrapper("integer", { format: "uint32", minimum: 0, maximum: 4294967295 }),
  "google.protobuf.BoolValue": wrapper("boolean"),
  "google.protobuf.StringValue": wrapper("string"),
  "google.protobuf.BytesValue": wrapper("string", { contentEncoding: "base64" }),
};
