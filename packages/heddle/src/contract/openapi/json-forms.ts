/**
 * The forms of values in ProtoJSON: the one that it writes, all that it reads, and all that is read in a path or a query.
 * Source: https://protobuf.dev/programming-guides/json/
 */
import {
  type DescEnum,
  type DescEnumValue,
  type DescField,
  type DescMessage,
  type JsonValue,
  ScalarType,
} from "@bufbuild/protobuf";
import { type EnumRule, enumRuleByName, type SayEnumRule, type Schema } from "./rule-keywords.ts";

export interface JsonForms {
  /** Behind the names of components. */
  readonly suffix: string;
  scalar(type: ScalarType): Schema;
  /** Undefined for a message that is an object of its fields. */
  wellKnown(desc: DescMessage): Schema | undefined;
  ofEnum(desc: DescEnum): Schema;
  readonly enumRule: SayEnumRule;
  /** The same for a field that may be absent. */
  absent(schema: Schema): Schema;
  /** What holds for an object in which this field is there. */
  set(field: DescField): Schema;
}

/** What is in answers. */
export const OUTPUT: JsonForms = {
  suffix: "",
  scalar: (type) => structuredClone(WRITTEN[type]),
  wellKnown({ typeName }) {
    const wrapped = WRAPPERS[typeName];
    return wrapped === undefined ? clone(WELL_KNOWN[typeName]) : nullable(structuredClone(WRITTEN[wrapped]));
  },
  ofEnum: ({ values }) => ({ type: "string", enum: namesOf(values) }),
  enumRule: enumRuleByName,
  absent: (schema) => schema,
  set: ({ jsonName }) => ({ required: [jsonName] }),
};

/** What may be in bodies of requests. */
export const INPUT: JsonForms = {
  suffix: ".Input",
  scalar: (type) => structuredClone(READ[type]),
  wellKnown({ typeName }) {
    const wrapped = WRAPPERS[typeName];
    return wrapped === undefined ? clone(WELL_KNOWN[typeName]) : nullable(structuredClone(READ[wrapped]));
  },
  ofEnum: namedOrNumbered,
  enumRule: byNameOrNumber,
  absent: nullable,
  set: ({ jsonName }) => ({ required: [jsonName], properties: { [jsonName]: { not: { type: "null" } } } }),
};

/** What may be in paths and queries, where a number is a number although it is a text. */
export const TEXT: JsonForms = {
  suffix: INPUT.suffix,
  scalar: (type) => structuredClone(IN_TEXT[type]),
  wellKnown({ typeName }) {
    const wrapped = WRAPPERS[typeName];
    return wrapped === undefined ? clone(WELL_KNOWN[typeName]) : structuredClone(IN_TEXT[wrapped]);
  },
  ofEnum: namedOrNumbered,
  enumRule: byNameOrNumber,
  absent: (schema) => schema,
  set: OUTPUT.set,
};

function namesOf(values: readonly DescEnumValue[]): string[] {
  return values.map(({ name }) => name);
}

/** A number may have several names. */
function numbersOf(values: readonly DescEnumValue[]): number[] {
  return [...new Set(values.map(({ number }) => number))];
}

function byNameOrNumber({ only, not }: EnumRule): Schema {
  const both = (values: readonly DescEnumValue[]) => [...namesOf(values), ...numbersOf(values)];
  if (only !== undefined) return { enum: both(only.filter((value) => !not.includes(value))) };
  return not.length === 0 ? {} : { not: { enum: both(not) } };
}

/** An enum of proto3 takes numbers that nobody has named. */
function namedOrNumbered({ open, values }: DescEnum): Schema {
  const number = open ? structuredClone(INT32) : { type: "integer", enum: numbersOf(values) };
  return { anyOf: [{ type: "string", enum: namesOf(values) }, number] };
}

function clone(schema: Schema | undefined): Schema | undefined {
  return schema === undefined ? undefined : structuredClone(schema);
}

/** The same, or null. */
function nullable(schema: Schema): Schema {
  const { type, anyOf } = schema;
  const isOnly = ["$ref", "enum", "const"].some((keyword) => keyword in schema);
  if (isOnly) return { anyOf: [schema, { type: "null" }] };
  if (type !== undefined) return { ...schema, type: [...new Set<JsonValue>([type, "null"].flat())] };
  if (Array.isArray(anyOf)) return { ...schema, anyOf: [...anyOf, { type: "null" }] };
  return Object.keys(schema).length === 0 ? schema : { anyOf: [schema, { type: "null" }] };
}

const INT32: Schema = { type: "integer", format: "int32", minimum: -2147483648, maximum: 2147483647 };
const UINT32: Schema = { type: "integer", format: "uint32", minimum: 0, maximum: 4294967295 };
const INT64: Schema = { type: "string", format: "int64", pattern: "^-?(0|[1-9][0-9]{0,18})$" };
const UINT64: Schema = { type: "string", format: "uint64", pattern: "^(0|[1-9][0-9]{0,19})$" };
const floating = (format: string): Schema => ({
  anyOf: [
    { type: "number", format },
    { type: "string", enum: ["NaN", "Infinity", "-Infinity"] },
  ],
});

const WRITTEN: Readonly<Record<ScalarType, Schema>> = {
  [ScalarType.DOUBLE]: floating("double"),
  [ScalarType.FLOAT]: floating("float"),
  [ScalarType.INT64]: INT64,
  [ScalarType.SINT64]: INT64,
  [ScalarType.SFIXED64]: INT64,
  [ScalarType.UINT64]: UINT64,
  [ScalarType.FIXED64]: UINT64,
  [ScalarType.INT32]: INT32,
  [ScalarType.SINT32]: INT32,
  [ScalarType.SFIXED32]: INT32,
  [ScalarType.UINT32]: UINT32,
  [ScalarType.FIXED32]: UINT32,
  [ScalarType.BOOL]: { type: "boolean" },
  [ScalarType.STRING]: { type: "string" },
  [ScalarType.BYTES]: { type: "string", contentEncoding: "base64" },
};

// A pattern knows no order. These have every number but some just below the largest, and none beyond it.
const ANY_INT32: Schema = { ...INT32, type: ["integer", "string"], pattern: "^-?[0-9]{1,9}$" };
const ANY_UINT32: Schema = { ...UINT32, type: ["integer", "string"], pattern: "^[0-9]{1,9}$" };
/** The numbers are the largest of JavaScript that are in range. */
const ANY_INT64: Schema = {
  type: ["string", "integer"],
  format: "int64",
  pattern: "^-?([0-9]{1,18}|[1-8][0-9]{18}|9[01][0-9]{17}|922337203685477580[0-7])$|^-9223372036854775808$",
  minimum: -(2 ** 63),
  maximum: 2 ** 63 - 1024,
};
const ANY_UINT64: Schema = {
  type: ["string", "integer"],
  format: "uint64",
  pattern: "^([0-9]{1,19}|1[0-7][0-9]{18}|1844674407370955161[0-5])$",
  minimum: 0,
  maximum: 2 ** 64 - 2048,
};
const MAX_FLOAT = 3.4028234663852886e38;
const anyFloating = (bounds: Schema): Schema => ({
  type: ["number", "string"],
  pattern: "^(-?[0-9]{1,15}(\\.[0-9]{1,15})?|NaN|-?Infinity)$",
  ...bounds,
});

const READ: Readonly<Record<ScalarType, Schema>> = {
  ...WRITTEN,
  [ScalarType.DOUBLE]: anyFloating({ format: "double" }),
  [ScalarType.FLOAT]: anyFloating({ format: "float", minimum: -MAX_FLOAT, maximum: MAX_FLOAT }),
  [ScalarType.INT64]: ANY_INT64,
  [ScalarType.SINT64]: ANY_INT64,
  [ScalarType.SFIXED64]: ANY_INT64,
  [ScalarType.UINT64]: ANY_UINT64,
  [ScalarType.FIXED64]: ANY_UINT64,
  [ScalarType.INT32]: ANY_INT32,
  [ScalarType.SINT32]: ANY_INT32,
  [ScalarType.SFIXED32]: ANY_INT32,
  [ScalarType.UINT32]: ANY_UINT32,
  [ScalarType.FIXED32]: ANY_UINT32,
  [ScalarType.BYTES]: {
    type: "string",
    contentEncoding: "base64",
    pattern: "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
  },
};

// Again none beyond the largest; no zeros in front.
const TEXT_INT64: Schema = { ...INT64, pattern: "^-?(0|[1-9][0-9]{0,17}|[1-8][0-9]{18}|9[01][0-9]{17})$" };
const TEXT_UINT64: Schema = { ...UINT64, pattern: "^(0|[1-9][0-9]{0,18}|1[0-7][0-9]{18})$" };

/** Of a length that groups of four can have. */
function unpadded(last: string): string {
  const digit = `[A-Za-z0-9${last}]`;
  return `(${digit}{4})*(${digit}{2,3})?`;
}

const IN_TEXT: Readonly<Record<ScalarType, Schema>> = {
  ...WRITTEN,
  [ScalarType.INT64]: TEXT_INT64,
  [ScalarType.SINT64]: TEXT_INT64,
  [ScalarType.SFIXED64]: TEXT_INT64,
  [ScalarType.UINT64]: TEXT_UINT64,
  [ScalarType.FIXED64]: TEXT_UINT64,
  [ScalarType.FLOAT]: {
    anyOf: [
      { type: "number", format: "float", minimum: -MAX_FLOAT, maximum: MAX_FLOAT },
      { type: "string", enum: ["NaN", "Infinity", "-Infinity"] },
    ],
  },
  // In either alphabet, with its padding or without.
  [ScalarType.BYTES]: {
    type: "string",
    contentEncoding: "base64",
    pattern: `^(${unpadded("+/")}|${unpadded("_-")})={0,2}$`,
  },
};

const WRAPPERS: Readonly<Record<string, ScalarType>> = {
  "google.protobuf.DoubleValue": ScalarType.DOUBLE,
  "google.protobuf.FloatValue": ScalarType.FLOAT,
  "google.protobuf.Int64Value": ScalarType.INT64,
  "google.protobuf.UInt64Value": ScalarType.UINT64,
  "google.protobuf.Int32Value": ScalarType.INT32,
  "google.protobuf.UInt32Value": ScalarType.UINT32,
  "google.protobuf.BoolValue": ScalarType.BOOL,
  "google.protobuf.StringValue": ScalarType.STRING,
  "google.protobuf.BytesValue": ScalarType.BYTES,
};

const WELL_KNOWN: Readonly<Record<string, Schema>> = {
  "google.protobuf.Timestamp": { type: "string", format: "date-time" },
  "google.protobuf.Duration": {
    type: "string",
    pattern: "^-?([0-9]{1,11}|[12][0-9]{11})(\\.[0-9]{1,9})?s$",
    examples: ["1.5s"],
  },
  "google.protobuf.FieldMask": {
    type: "string",
    pattern: "^[^_]*$",
    examples: ["name,address.city"],
  },
  "google.protobuf.Empty": { type: "object", additionalProperties: false },
  "google.protobuf.Struct": { type: "object", additionalProperties: true },
  "google.protobuf.Value": {},
  "google.protobuf.ListValue": { type: "array", items: {} },
  // One that holds nothing has no type either.
  "google.protobuf.Any": {
    type: "object",
    properties: { "@type": { type: "string", minLength: 1 } },
    anyOf: [{ required: ["@type"] }, { maxProperties: 0 }],
    additionalProperties: true,
  },
};
