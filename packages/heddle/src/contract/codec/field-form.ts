/**
 * How a field stands on the wire and in a message, as far as both emitters need to know it.
 */
import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence as Presence } from "@bufbuild/protobuf/wkt";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";

export const wireVarint = 0;
export const wire64 = 1;
export const wireLength = 2;
export const wireStartGroup = 3;
export const wireEndGroup = 4;
export const wire32 = 5;

export function wireTypeOf(type: ScalarType): number {
  switch (type) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return wireLength;
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return wire64;
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return wire32;
    default:
      return wireVarint;
  }
}

export function tagOf(number: number, wireType: number): number {
  return ((number << 3) | wireType) >>> 0;
}

/** An enum travels as an int32. */
export function scalarOf(field: DescField): ScalarType {
  return field.scalar ?? ScalarType.INT32;
}

export function isLong(type: ScalarType): boolean {
  switch (type) {
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return true;
    default:
      return false;
  }
}

/** As in the names of the functions for packed lists: `Sfixed32s`. */
export function listNameOf(type: ScalarType): string {
  const name = ScalarType[type] ?? "";
  return `${name.charAt(0)}${name.slice(1).toLowerCase()}s`;
}

/** Whether absence and the zero value are the same thing. Else the message's own property tells. */
export function isImplicit(field: DescField): boolean {
  return field.presence === Presence.IMPLICIT;
}

export function isRequired(field: DescField): boolean {
  return field.presence === Presence.LEGACY_REQUIRED;
}

/**
 * What protobuf-es keeps for a message field: the message; the JSON object that a `google.protobuf.Struct`
 * stands for (not inside `google.protobuf.Value`); the value in a wrapper such as
 * `google.protobuf.StringValue` (singular and outside a oneof only).
 */
export function localFormOf(field: DescField): "message" | "json" | "unwrapped" {
  const { message } = field;
  if (message === undefined) return "message";
  if (message.typeName === "google.protobuf.Struct" && field.parent.typeName !== "google.protobuf.Value")
    return "json";
  if (field.fieldKind === "message" && field.oneof === undefined && isWrapperDesc(message))
    return "unwrapped";
  return "message";
}

/** A name as it may stand in generated code: between quotes, whatever is in it. */
export function quote(name: string): string {
  return JSON.stringify(name);
}

/** Whether its JSON is not an object of its fields. */
export function hasOwnJson(desc: DescMessage): boolean {
  return isWrapperDesc(desc) || OWN_JSON.test(desc.typeName);
}

const OWN_JSON = /^google\.protobuf\.(?:Any|Timestamp|Duration|FieldMask|Struct|Value|ListValue)$/;
