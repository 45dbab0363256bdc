/**
 * Messages as JSON Schema 2020-12, in the form that ProtoJSON gives them: names in camel case, 64-bit integers and bytes as
 * texts, enums by name, the well-known types in forms of their own. Each message and enum is one component, by its full name.
 * Source: https://protobuf.dev/programming-guides/json/
 *
 * ProtoJSON takes more than it gives: null for what is absent, numbers as texts and the reverse, enums by number. So what is
 * sent has components of its own (`shop.v1.Order.Input`), or the document would refuse what the server takes. Both refuse
 * what it refuses: fields that are not known, two fields of one oneof.
 */
import { type DescEnum, type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import type { Comments } from "./comments.ts";
import { isOneofRequired, keywordsOf, type Schema } from "./rule-keywords.ts";
import type { JsonForms } from "./json-forms.ts";

export class Schemas {
  /** By name, in the order in which they were needed. */
  readonly components = new Map<string, Schema>();
  readonly #comments: Comments;
  readonly #forms: JsonForms;

  constructor(comments: Comments, forms: JsonForms) {
    this.#comments = comments;
    this.#forms = forms;
  }

  /** A reference to the component of a message, or the form of a well-known type. */
  ofMessage(desc: DescMessage): Schema {
    const known = this.#forms.wellKnown(desc);
    if (known !== undefined) return known;
    return this.#component(desc.typeName, () => this.#object(desc, () => true));
  }

  /** A message without some of its fields, which stand elsewhere; in place, for it has no name. */
  ofMessageWithout(desc: DescMessage, left: ReadonlySet<DescField>): Schema {
    if (left.size === 0 || this.#forms.wellKnown(desc) !== undefined) return this.ofMessage(desc);
    return this.#object(desc, (field) => !left.has(field));
  }

  /** A message with `_links` beside its fields: a component of its own. */
  ofLinked(desc: DescMessage): Schema {
    return this.#component(`${desc.typeName}.Linked`, () => {
      const { properties, ...rest } = this.#object(desc, () => true);
      return { ...rest, properties: { ...(properties as Schema), _links: reference("Links") } };
    });
  }

  /** As it stands in an `Any`, with the name of its type beside its fields; in place. */
  ofAny(desc: DescMessage): Schema {
    const known = this.#forms.wellKnown(desc);
    const whole: Schema =
      known === undefined ? this.#object(desc, () => true) : { properties: { value: known } };
    const { properties, required = [], ...rest } = whole;
    return {
      type: "object",
      ...rest,
      properties: { "@type": { const: `type.googleapis.com/${desc.typeName}` }, ...(properties as Schema) },
      required: ["@type", ...(required as string[])],
    };
  }

  /** With its comment, rules and deprecation. */
  ofField(field: DescField): Schema {
    const { own, inner, keys, required } = keywordsOf(field, this.#forms.enumRule);
    const plain = this.#plain(field, inner, keys);
    const description = this.#comments.of(`${field.parent.typeName}.${field.name}`);
    return {
      ...(required ? merged(plain, own) : this.#forms.absent(merged(plain, own))),
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
    return this.#forms.scalar(field.scalar as ScalarType);
  }

  #ofEnum(desc: DescEnum): Schema {
    if (desc.typeName === "google.protobuf.NullValue") return { type: "null" };
    return this.#component(desc.typeName, () => {
      const values = desc.values.map(({ name }) => {
        const text = this.#comments.of(`${desc.typeName}.${name}`);
        return text === undefined ? "" : `- \`${name}\`: ${text.replaceAll("\n", " ")}`;
      });
      const description = [this.#comments.of(desc.typeName) ?? "", values.filter(Boolean).join("\n")];
      return {
        ...described(description.filter(Boolean).join("\n\n")),
        ...this.#forms.ofEnum(desc),
        ...(desc.deprecated ? { deprecated: true } : {}),
      };
    });
  }

  #object(desc: DescMessage, isIn: (field: DescField) => boolean): Schema {
    const fields = desc.fields.filter(isIn);
    const required = fields.filter((field) => keywordsOf(field).required).map(({ jsonName }) => jsonName);
    const choices = desc.oneofs.flatMap((oneof) =>
      choiceOf(oneof.fields.filter(isIn).map(this.#forms.set), isOneofRequired(oneof)),
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

  #component(typeName: string, create: () => Schema): Schema {
    const name = `${typeName}${this.#forms.suffix}`;
    if (!this.components.has(name)) {
      // Its place is taken before it is made: it may contain itself.
      this.components.set(name, {});
      this.components.set(name, create());
    }
    return reference(name);
  }
}

export function reference(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

/** At most one of them is so, or exactly one. */
function choiceOf(each: readonly Schema[], isRequired: boolean): Schema[] {
  if (isRequired && each.length > 0) return [{ oneOf: [...each] }];
  return each.length < 2 ? [] : [{ oneOf: [...each, { not: { anyOf: [...each] } }] }];
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

/** A rule's bound takes the place of the type's own, and makes a number of what may be a text: texts have no order. */
function withKeywords(schema: Schema, keywords: Schema): Schema {
  const isNumber = BOUNDS.some((bound) => bound in keywords) && Array.isArray(schema["type"]);
  const { minimum, maximum, pattern, ...rest } = schema;
  return {
    ...rest,
    ...(isNumber ? { type: (schema["type"] as string[]).filter((type) => type !== "string") } : {}),
    ...(minimum === undefined || "exclusiveMinimum" in keywords ? {} : { minimum }),
    ...(maximum === undefined || "exclusiveMaximum" in keywords ? {} : { maximum }),
    ...(pattern === undefined || isNumber ? {} : { pattern }),
    ...keywords,
  };
}

const BOUNDS = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];

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
