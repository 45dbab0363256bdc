/**
 * `google.protobuf.Struct` as a field is a plain JSON object in protobuf-es; on the wire it is a message
 * like any other. These two turn one into the other, with protobuf-es's choices for odd values.
 */
import type { Struct, Value } from "@bufbuild/protobuf/wkt";
import { setEntry } from "./decode-runtime.ts";

/** The message of a JSON object; anything else gives an empty one. */
export function toStruct(json: unknown): Struct {
  const fields: Record<string, Value> = {};
  if (typeof json === "object" && json !== null && !Array.isArray(json)) {
    for (const [key, value] of Object.entries(json)) setEntry(fields, key, toValue(value));
  }
  return { $typeName: "google.protobuf.Struct", fields };
}

export function fromStruct(struct: Struct): Record<string, unknown> {
  const json: Record<string, unknown> = {};
  for (const key of Object.keys(struct.fields)) setEntry(json, key, fromValue(struct.fields[key] as Value));
  return json;
}

function toValue(json: unknown): Value {
  return { $typeName: "google.protobuf.Value", kind: toKind(json) };
}

function toKind(json: unknown): Value["kind"] {
  if (typeof json === "number") return { case: "numberValue", value: json };
  if (typeof json === "string") return { case: "stringValue", value: json };
  if (typeof json === "boolean") return { case: "boolValue", value: json };
  if (typeof json !== "object") return { case: undefined };
  if (json === null) return { case: "nullValue", value: 0 };
  if (!Array.isArray(json)) return { case: "structValue", value: toStruct(json) };
  // Not `map`: a hole becomes a value that is not set, as it does in protobuf-es.
  const values = Array.from(json, toValue);
  return { case: "listValue", value: { $typeName: "google.protobuf.ListValue", values } };
}

function fromValue({ kind }: Value): unknown {
  if (kind.case === "structValue") return fromStruct(kind.value);
  if (kind.case === "listValue") return kind.value.values.map(fromValue);
  return kind.case === undefined || kind.case === "nullValue" ? null : kind.value;
}
