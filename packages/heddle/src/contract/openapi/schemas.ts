/**
 * Messages as JSON Schema 2020-12, in the form that ProtoJSON gives them: names in camel case, 64-bit integers and bytes as
 * texts, enums by name, the well-known types in forms of their own. Each message and enum is one component, by its full name.
 * Source: https://protobuf.dev/programming-guides/json/
 *
 * What a server of ours refuses, the schema refuses: fields that are not known, two fields of one oneof. What it takes as
 * well, a number for a 64-bit integer or the contract's own name of a field, is left out: a client needs one way.
 */
import { type DescEnum, type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import type { Comments } from "./comments.ts";
import { isOneofRequired, keywordsOf, type Schema } from "./rule-keywords.ts";
import { wellKnownSchema } from "./well-known-schemas.ts";

export class Schemas {
  /** By name, in the order in which they were needed. */
  readonly components = new Map<string, Schema>();
  readonly #comments: Comments;

  constructor(comments: Comments) {
    this.#comments = comments;
  }

  /** A reference to the component of a message, or the form of a well-known type. */
  ofMessage(desc: DescMessage): Schema {
    const known = wellKnownSchema(desc);
    if (known !== undefined) return known;
    this.#component(desc.typeName, () => this.#object(desc, () => true));
    return reference(desc.typeName);
  }

  /** A message without some of its fields, which stand elsewhere; in place, for it has no name. */
  ofMessageWithout(desc: DescMessage, left: ReadonlySet<DescField>): Schema {
    if (left.size === 0 || wellKnownSchema(desc) !== undefined) return this.ofMessage(desc);
    return this.#object(desc, (field) => !left.has(field));
  }

  /** With its comment, rules and deprecation. */
  ofField(field: DescField): Schema {
    const { own, inner, keys } = keywordsOf(field);
    const description = this.#comments.of(`${field.parent.typeName}.${field.name}`);
    return {
      ...merged(this.#plain(field, inner, keys), own),
      ...(description === undefined ? {} : { description }),
      ...(field.deprecated ? { deprecated: true } : {}),
    };
  }

  #plain(field: DescField, inner: Schema, keys: Schema): Schema {
    switch (field.fieldKind) {
      case "list":
        return { type: "array", items: merged(this.#value(field.listKind, field), inner) };
      case "map": {
        const names = { ...KEYS[field.mapKey], ...keys };
        return {
          type: "object",
          ...(Object.keys(names).length === 0 ? {} : { propertyNames: names }),
          additionalProperties: merged(this.#value(field.mapKind, field), inner),
        };
      }
      default:
        return this.#value(field.fieldKind, field);
    }
  }

  #value(kind: "scalar" | "enum" | "message", field: DescField): Schema {
    if (kind === "enum") return this.#ofEnum(field.enum as DescEnum);
    if (kind === "message") return this.ofMessage(field.message as DescMessage);
    return structuredClone(SCALARS[field.scalar as ScalarType]);
  }

  #ofEnum(desc: DescEnum): Schema {
    if (desc.typeName === "google.protobuf.NullValue") return { type: "null" };
    this.#component(desc.typeName, () => {
      const values = desc.values.map(({ name }) => {
        const text = this.#comments.of(`${desc.typeName}.${name}`);
        return text === undefined ? "" : `- \`${name}\`: ${text.replaceAll("\n", " ")}`;
      });
      const description = [this.#comments.of(desc.typeName) ?? "", values.filter(Boolean).join("\n")];
      return {
        type: "string",
        ...described(description.filter(Boolean).join("\n\n")),
        enum: desc.values.map(({ name }) => name),
        ...(desc.deprecated ? { deprecated: true } : {}),
      };
    });
    return reference(desc.typeName);
  }

  #object(desc: DescMessage, isIn: (field: DescField) => boolean): Schema {
    const fields = desc.fields.filter(isIn);
    const required = fields.filter((field) => keywordsOf(field).required).map(({ jsonName }) => jsonName);
    const choices = desc.oneofs.flatMap((oneof) =>
      choiceOf(oneof.fields.filter(isIn), isOneofRequired(oneof)),
    );
    return {
      type: "object",
      ...described(this.#comments.of(desc.typeName)),
      properties: Object.fromEntries(fields.map((field) => [field.jsonName, this.ofField(field)])),
      ...(required.length === 0 ? {} : { required }),
      ...(choices.length === 0 ? {} : { allOf: choices }),
      additionalProperties: false,
      ...(desc.deprecated ? { deprecated: true } : {}),
    };
  }

  #component(name: string, create: () => Schema): void {
    if (this.components.has(name)) return;
    // Its place is taken before it is made: it may contain itself.
    this.components.set(name, {});
    this.components.set(name, create());
  }
}

export function reference(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

/** At most one of the fields, or exactly one. */
function choiceOf(fields: readonly DescField[], isRequired: boolean): Schema[] {
  const each = fields.map(({ jsonName }) => ({ required: [jsonName] }));
  if (isRequired && each.length > 0) return [{ oneOf: each }];
  return each.length < 2 ? [] : [{ oneOf: [...each, { not: { anyOf: each } }] }];
}

function described(description: string | undefined): Schema {
  return description === undefined || description === "" ? {} : { description };
}

/** Keywords beside those that are there. What stands in an alternative belongs to it: bounds to the number, not its names. */
function merged(schema: Schema, keywords: Schema): Schema {
  if (Object.keys(keywords).length === 0) return schema;
  const [first, ...others] = Array.isArray(schema["anyOf"]) ? (schema["anyOf"] as Schema[]) : [];
  if (first === undefined) return withKeywords(schema, keywords);
  const { examples, ...bounds } = keywords;
  const isBound = Object.keys(bounds).length > 0;
  return {
    ...schema,
    // With bounds, infinite values and those that are no number are out of them.
    anyOf: isBound ? [withKeywords(first, bounds)] : [first, ...others],
    ...(examples === undefined ? {} : { examples }),
  };
}

/** A rule's bound takes the place of the type's own. */
function withKeywords(schema: Schema, keywords: Schema): Schema {
  const { minimum, maximum, ...rest } = schema;
  return {
    ...rest,
    ...(minimum === undefined || "exclusiveMinimum" in keywords ? {} : { minimum }),
    ...(maximum === undefined || "exclusiveMaximum" in keywords ? {} : { maximum }),
    ...keywords,
  };
}

const int32: Schema = { type: "integer", format: "int32", minimum: -2147483648, maximum: 2147483647 };
const uint32: Schema = { type: "integer", format: "uint32", minimum: 0, maximum: 4294967295 };
const int64: Schema = { type: "string", format: "int64", pattern: "^-?(0|[1-9][0-9]{0,18})$" };
const uint64: Schema = { type: "string", format: "uint64", pattern: "^(0|[1-9][0-9]{0,19})$" };
const floating = (format: string): Schema => ({
  anyOf: [
    { type: "number", format },
    { type: "string", enum: ["NaN", "Infinity", "-Infinity"] },
  ],
});

const SCALARS: Readonly<Record<ScalarType, Schema>> = {
  [ScalarType.DOUBLE]: floating("double"),
  [ScalarType.FLOAT]: floating("float"),
  [ScalarType.INT64]: int64,
  [ScalarType.SINT64]: int64,
  [ScalarType.SFIXED64]: int64,
  [ScalarType.UINT64]: uint64,
  [ScalarType.FIXED64]: uint64,
  [ScalarType.INT32]: int32,
  [ScalarType.SINT32]: int32,
  [ScalarType.SFIXED32]: int32,
  [ScalarType.UINT32]: uint32,
  [ScalarType.FIXED32]: uint32,
  [ScalarType.BOOL]: { type: "boolean" },
  [ScalarType.STRING]: { type: "string" },
  [ScalarType.BYTES]: { type: "string", contentEncoding: "base64" },
};

/** Keys are texts in JSON, whatever they are in the contract. */
const KEYS: Readonly<Partial<Record<ScalarType, Schema>>> = {
  [ScalarType.BOOL]: { enum: ["true", "false"] },
  ...Object.fromEntries(
    [
      ScalarType.INT32,
      ScalarType.SINT32,
      ScalarType.SFIXED32,
      ScalarType.INT64,
      ScalarType.SINT64,
      ScalarType.SFIXED64,
    ].map((type) => [type, { pattern: "^-?[0-9]+$" }]),
  ),
  ...Object.fromEntries(
    [ScalarType.UINT32, ScalarType.FIXED32, ScalarType.UINT64, ScalarType.FIXED64].map((type) => [
      type,
      { pattern: "^[0-9]+$" },
    ]),
  ),
};
