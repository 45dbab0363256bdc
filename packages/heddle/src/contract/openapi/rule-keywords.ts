/**
 * What the rules of a field (`buf.validate`) say in JSON Schema, as far as that has words for it: bounds, lengths, patterns,
 * formats, examples. What it cannot say is still checked by the server.
 */
import {
  type DescEnum,
  type DescEnumValue,
  type DescField,
  type DescOneof,
  getOption,
  hasOption,
  type JsonValue,
} from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence as Presence } from "@bufbuild/protobuf/wkt";
import { base64Encode } from "@bufbuild/protobuf/wire";
import {
  field as fieldRules,
  type FieldRules,
  Ignore,
  oneof as oneofRules,
} from "../../gen/buf/validate/validate_pb.ts";

/** Mutable, for it is put together. */
export type Schema = { [keyword: string]: JsonValue };

export interface FieldKeywords {
  readonly own: Schema;
  /** Of the items of a list, or the values of a map. */
  readonly inner: Schema;
  /** Of the keys of a map. */
  readonly keys: Schema;
  /** Whether the field has to be there. */
  readonly required: boolean;
}

/** Which values of an enum a rule leaves. Undefined `only`: every one, also those that nobody has named. */
export interface EnumRule {
  readonly only: readonly DescEnumValue[] | undefined;
  readonly not: readonly DescEnumValue[];
}

/** Says such a rule in the form that values have at that place. Default: names, as in answers. */
export type SayEnumRule = (rule: EnumRule, desc: DescEnum) => Schema;

export function keywordsOf(field: DescField, sayEnumRule: SayEnumRule = enumRuleByName): FieldKeywords {
  if (!hasOption(field, fieldRules)) return NONE;
  const rules = getOption(field, fieldRules);
  if (rules.ignore === Ignore.ALWAYS) return NONE;
  const { type } = rules;
  const required = rules.required || (mustHoldAtZero(field, rules) && breaksAtZero(rules));
  if (type.case === "repeated") {
    const { minItems, maxItems, unique, items } = type.value;
    const own = some({ minItems: at(minItems), maxItems: at(maxItems), uniqueItems: unique || undefined });
    return { own, inner: keywords(items, field, sayEnumRule), keys: {}, required };
  }
  if (type.case === "map") {
    const { minPairs, maxPairs, keys, values } = type.value;
    const own = some({ minProperties: at(minPairs), maxProperties: at(maxPairs) });
    const inner = keywords(values, field, sayEnumRule);
    return { own, inner, keys: keywords(keys, field, sayEnumRule), required };
  }
  return { own: keywords(rules, field, sayEnumRule), inner: {}, keys: {}, required };
}

/** Whether one field of the oneof has to be there. */
export function isOneofRequired(oneof: DescOneof): boolean {
  return hasOption(oneof, oneofRules) && getOption(oneof, oneofRules).required;
}

const NONE: FieldKeywords = { own: {}, inner: {}, keys: {}, required: false };

function enumOf(field: DescField): DescEnum | undefined {
  return field.fieldKind === "message" || field.fieldKind === "scalar" ? undefined : field.enum;
}

/** Names, as in answers; nothing where the enum says the same. */
export function enumRuleByName({ only, not }: EnumRule, desc: DescEnum): Schema {
  const left = (only ?? desc.values).filter((value) => !not.includes(value));
  return left.length === desc.values.length ? {} : { enum: left.map(({ name }) => name) };
}

function keywords(rules: FieldRules | undefined, field: DescField, sayEnumRule: SayEnumRule): Schema {
  if (rules === undefined) return {};
  const { type } = rules;
  switch (type.case) {
    case "string": {
      const { value } = type;
      const { len, minLen, maxLen, pattern, prefix, suffix, contains } = value;
      const parts = [
        usable(pattern),
        prefix === "" ? undefined : `^${literal(prefix)}`,
        contains === "" ? undefined : literal(contains),
        suffix === "" ? undefined : `${literal(suffix)}$`,
      ];
      return some({
        minLength: at(len) ?? at(minLen),
        maxLength: at(len) ?? at(maxLen),
        pattern: parts.find((part) => part !== undefined),
        format: FORMATS[value.wellKnown.case ?? ""],
        const: value.const || undefined,
        enum: list(value.in),
        examples: list(value.example),
      });
    }
    case "bytes":
      return some({ examples: list(type.value.example.map((one) => base64Encode(one))) });
    case "bool":
      return some({
        const: hasConst(type.value) ? type.value.const : undefined,
        examples: list(type.value.example),
      });
    case "enum": {
      const desc = enumOf(field);
      if (desc === undefined) return {};
      const { const: one, definedOnly, example, in: listed, notIn } = type.value;
      const withNumber = (numbers: readonly number[]) =>
        desc.values.filter(({ number }) => numbers.includes(number));
      const numbers = hasConst(type.value) ? [one] : listed;
      const only = numbers.length > 0 ? withNumber(numbers) : definedOnly ? desc.values : undefined;
      return {
        ...sayEnumRule({ only, not: withNumber(notIn) }, desc),
        ...some({ examples: list(withNumber(example).map(({ name }) => name)) }),
      };
    }
    case "int64":
    case "uint64":
    case "sint64":
    case "fixed64":
    case "sfixed64": {
      // They are texts in JSON, which have no order.
      const { value } = type;
      return some({
        const: hasConst(value) ? String(value.const) : undefined,
        enum: list(value.in.map(String)),
        examples: list(value.example.map(String)),
      });
    }
    case "int32":
    case "uint32":
    case "sint32":
    case "fixed32":
    case "sfixed32":
    case "float":
    case "double": {
      const { value } = type;
      const { lessThan, greaterThan } = value;
      return some({
        exclusiveMinimum: greaterThan.case === "gt" ? greaterThan.value : undefined,
        minimum: greaterThan.case === "gte" ? greaterThan.value : undefined,
        exclusiveMaximum: lessThan.case === "lt" ? lessThan.value : undefined,
        maximum: lessThan.case === "lte" ? lessThan.value : undefined,
        const: hasConst(value) ? value.const : undefined,
        enum: list(value.in),
        examples: list(value.example),
      });
    }
    default:
      return {};
  }
}

/** Formats that JSON Schema 2020-12 names, of those that protovalidate has. */
const FORMATS: Readonly<Record<string, string>> = {
  email: "email",
  hostname: "hostname",
  ipv4: "ipv4",
  ipv6: "ipv6",
  uri: "uri",
  uriRef: "uri-reference",
  uuid: "uuid",
};

/** A field of proto2 that is set, be it to its zero value. */
function hasConst(rules: object): boolean {
  return Object.hasOwn(rules, "const");
}

/** Fields that are always there, with their zero value when nobody said anything else, are always checked. */
function mustHoldAtZero(field: DescField, { ignore }: FieldRules): boolean {
  return ignore === Ignore.UNSPECIFIED && field.presence === Presence.IMPLICIT && field.oneof === undefined;
}

function breaksAtZero({ type }: FieldRules): boolean {
  switch (type.case) {
    case "string": {
      const { len, minLen, minBytes, pattern, prefix, suffix, contains, wellKnown } = type.value;
      const needed = `${prefix}${suffix}${contains}`;
      const matchesEmpty = usable(pattern) === undefined || new RegExp(pattern, "u").test("");
      const isForm = wellKnown.case !== undefined && wellKnown.value !== false && wellKnown.case !== "uriRef";
      return len + minLen + minBytes > 0n || needed !== "" || !matchesEmpty || isForm;
    }
    case "repeated":
      return type.value.minItems > 0n;
    case "map":
      return type.value.minPairs > 0n;
    case "enum":
      return type.value.notIn.includes(0);
    case "int32":
    case "uint32":
    case "sint32":
    case "fixed32":
    case "sfixed32":
    case "float":
    case "double":
    case "int64":
    case "uint64":
    case "sint64":
    case "fixed64":
    case "sfixed64": {
      const { greaterThan } = type.value;
      return greaterThan.case === "gt" ? greaterThan.value >= 0 : Number(greaterThan.value ?? 0) > 0;
    }
    default:
      return false;
  }
}

/** RE2 and ECMAScript agree on most; what JavaScript cannot read, a client cannot either. */
function usable(pattern: string): string | undefined {
  if (pattern === "") return undefined;
  try {
    new RegExp(pattern, "u");
    return pattern;
  } catch {
    return undefined;
  }
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

/** A length that is set. */
function at(length: bigint): number | undefined {
  return length === 0n ? undefined : Number(length);
}

function list<T extends JsonValue>(values: readonly T[]): T[] | undefined {
  return values.length === 0 ? undefined : [...values];
}

function some(given: Readonly<Record<string, JsonValue | undefined>>): Schema {
  const schema: Schema = {};
  for (const [keyword, value] of Object.entries(given))
    if (value !== undefined && !(typeof value === "number" && !Number.isFinite(value)))
      schema[keyword] = value;
  return schema;
}
