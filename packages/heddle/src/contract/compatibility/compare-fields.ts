/** A field before and after: its name, type, cardinality, oneof and default. */
import type { DescEnum, DescExtension, DescField } from "@bufbuild/protobuf";
import {
  FeatureSet_FieldPresence as Presence,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FieldOptions_JSType as JsType,
} from "@bufbuild/protobuf/wkt";
import type { RuleName } from "./contract-break.ts";
import type { Report } from "./report.ts";

type Field = DescField | DescExtension;

export function compareField(name: string, before: Field, after: Field, report: Report): void {
  const parent = before.kind === "field" ? before.parent.typeName : "";
  const isSeenByRest = before.kind === "field" && report.rest.types.has(parent);
  const add = (what: string, rules: readonly RuleName[]) => {
    const breaksJson = rules.some((rule) => JSON_RULES.has(rule));
    report.add({
      name,
      what,
      rules,
      touched: { kind: "field", field: name },
      alsoBreaks: isSeenByRest && breaksJson ? ["rest"] : [],
      within: parent === "" ? after.name : `${parent}.${after.name}`,
    });
  };
  const renames: RuleName[] = [];
  if (before.name !== after.name) renames.push("FIELD_SAME_NAME");
  if (before.jsonName !== after.jsonName) renames.push("FIELD_SAME_JSON_NAME");
  add(
    before.name === after.name
      ? `field ${name} is ${after.jsonName ?? ""} in JSON, and was ${before.jsonName ?? ""}`
      : `field ${name} was renamed to ${after.name}`,
    renames,
  );
  add(
    `field ${name} changed its type from ${typeText(before)} to ${typeText(after)}`,
    typeRules(before, after),
  );
  const [was, is] = [cardinalityOf(before), cardinalityOf(after)];
  add(`field ${name} was ${was} and is ${is}`, cardinalityRules(was, is));
  const [oneofWas, oneofIs] = [oneofOf(before), oneofOf(after)];
  add(
    `field ${name} was ${oneofWas === undefined ? "in no oneof" : `in oneof ${oneofWas}`} and is ${oneofIs === undefined ? "in none" : `in ${oneofIs}`}`,
    oneofWas === oneofIs ? [] : ["FIELD_SAME_ONEOF"],
  );
  const isAlike = before.proto.type === after.proto.type && before.proto.label === after.proto.label;
  if (isAlike && defaultOf(before) !== defaultOf(after))
    add(`the default of field ${name} changed from ${defaultOf(before)} to ${defaultOf(after)}`, [
      "FIELD_SAME_DEFAULT",
    ]);
  if (jsTypeOf(before) !== jsTypeOf(after))
    add(`field ${name} changed its type in TypeScript: jstype is another`, ["FIELD_SAME_JSTYPE"]);
  if (isString(before) && isString(after) && before.utf8Validation !== after.utf8Validation)
    add(`field ${name} ${after.utf8Validation ? "checks" : "no longer checks"} that it is UTF-8`, [
      "FIELD_SAME_UTF8_VALIDATION",
    ]);
}

const JSON_RULES: ReadonlySet<RuleName> = new Set<RuleName>([
  "FIELD_SAME_NAME",
  "FIELD_SAME_JSON_NAME",
  "FIELD_SAME_ONEOF",
  "FIELD_SAME_DEFAULT",
  "FIELD_WIRE_JSON_COMPATIBLE_TYPE",
  "FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY",
]);

// Types.

function typeRules(before: Field, after: Field): readonly RuleName[] {
  const [was, is] = [kindOf(before), kindOf(after)];
  if (was !== is) {
    const rules: RuleName[] = ["FIELD_SAME_TYPE"];
    if (!sameGroup(WIRE_GROUPS, was, is) && !(was === Type.STRING && is === Type.BYTES))
      rules.push("FIELD_WIRE_COMPATIBLE_TYPE");
    if (!sameGroup(JSON_GROUPS, was, is)) rules.push("FIELD_WIRE_JSON_COMPATIBLE_TYPE");
    return rules;
  }
  if (before.proto.typeName === after.proto.typeName) return entryRules(before, after);
  // The entry of a map has the name of its field, and is not the type of it.
  if (before.fieldKind === "map" && after.fieldKind === "map") return entryRules(before, after);
  const isSameEnum =
    before.enum !== undefined && after.enum !== undefined && isRenamed(before.enum, after.enum);
  if (isSameEnum) return ["FIELD_SAME_TYPE"];
  return ["FIELD_SAME_TYPE", "FIELD_WIRE_COMPATIBLE_TYPE", "FIELD_WIRE_JSON_COMPATIBLE_TYPE"];
}

/** Of maps: keys and values. */
function entryRules(before: Field, after: Field): readonly RuleName[] {
  if (before.fieldKind !== "map" || after.fieldKind !== "map") return [];
  const rules = new Set<RuleName>();
  const add = (was: Type, is: Type, isOther: boolean) => {
    if (was === is && !isOther) return;
    rules.add("FIELD_SAME_TYPE");
    if (isOther || (!sameGroup(WIRE_GROUPS, was, is) && !(was === Type.STRING && is === Type.BYTES)))
      rules.add("FIELD_WIRE_COMPATIBLE_TYPE");
    if (isOther || !sameGroup(JSON_GROUPS, was, is)) rules.add("FIELD_WIRE_JSON_COMPATIBLE_TYPE");
  };
  // ScalarType has the numbers of the descriptor's types.
  add(before.mapKey as number as Type, after.mapKey as number as Type, false);
  const [was, is] = [valueKindOf(before), valueKindOf(after)];
  const name = (field: typeof before) => field.message?.typeName ?? field.enum?.typeName;
  add(was, is, was === is && name(before) !== name(after));
  return [...rules];
}

function valueKindOf(field: Field & { fieldKind: "map" }): Type {
  if (field.mapKind === "message") return Type.MESSAGE;
  return field.mapKind === "enum" ? Type.ENUM : (field.scalar as number as Type);
}

/** In another package under the same name, and nothing of it is missing. */
function isRenamed(before: DescEnum, after: DescEnum): boolean {
  return (
    before.name === after.name &&
    before.values.every(({ name, number }) =>
      after.values.some((value) => value.name === name && value.number === number),
    )
  );
}

function kindOf(field: Field): Type {
  if (field.proto.type !== Type.MESSAGE && field.proto.type !== Type.GROUP) return field.proto.type;
  const isDelimited = "delimitedEncoding" in field && field.delimitedEncoding;
  return isDelimited ? Type.GROUP : Type.MESSAGE;
}

/** Types that are the same on the wire. What is in none has a form of its own. */
const WIRE_GROUPS: readonly ReadonlySet<Type>[] = [
  new Set([Type.INT32, Type.INT64, Type.UINT32, Type.UINT64, Type.BOOL]),
  new Set([Type.SINT32, Type.SINT64]),
  new Set([Type.FIXED32, Type.SFIXED32]),
  new Set([Type.FIXED64, Type.SFIXED64]),
];

/** Of these, those that are the same in JSON too, where 64 bits are a text. */
const JSON_GROUPS: readonly ReadonlySet<Type>[] = [
  new Set([Type.INT32, Type.UINT32]),
  new Set([Type.INT64, Type.UINT64]),
  new Set([Type.FIXED32, Type.SFIXED32]),
  new Set([Type.FIXED64, Type.SFIXED64]),
];

function sameGroup(groups: readonly ReadonlySet<Type>[], a: Type, b: Type): boolean {
  return groups.some((group) => group.has(a) && group.has(b));
}

function typeText(field: Field): string {
  if (field.fieldKind === "map") {
    const key = Type[field.mapKey]?.toLowerCase() ?? "";
    const value =
      field.message?.typeName ?? field.enum?.typeName ?? Type[field.scalar as number]?.toLowerCase();
    return `map<${key}, ${value ?? ""}>`;
  }
  return field.message?.typeName ?? field.enum?.typeName ?? (Type[field.proto.type] ?? "").toLowerCase();
}

// Cardinality.

type Cardinality = "optional without presence" | "optional with presence" | "required" | "repeated" | "a map";

function cardinalityOf(field: Field): Cardinality {
  if (field.fieldKind === "map") return "a map";
  if (field.proto.label === Label.REPEATED) return "repeated";
  if (field.presence === Presence.LEGACY_REQUIRED) return "required";
  return field.presence === Presence.IMPLICIT ? "optional without presence" : "optional with presence";
}

function cardinalityRules(was: Cardinality, is: Cardinality): readonly RuleName[] {
  if (was === is) return [];
  const rules: RuleName[] = ["FIELD_SAME_CARDINALITY"];
  if (WIRE_CARDINALITY[was] !== WIRE_CARDINALITY[is]) rules.push("FIELD_WIRE_COMPATIBLE_CARDINALITY");
  if (WIRE_CARDINALITY[was] !== WIRE_CARDINALITY[is] || was === "a map" || is === "a map")
    rules.push("FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY");
  return rules;
}

/** A map is a list of entries on the wire. */
const WIRE_CARDINALITY: Readonly<Record<Cardinality, number>> = {
  "optional without presence": 0,
  "optional with presence": 0,
  required: 1,
  repeated: 2,
  "a map": 2,
};

// The rest.

/** That of `optional` in proto3 is none. */
function oneofOf(field: Field): string | undefined {
  return field.kind === "field" ? field.oneof?.name : undefined;
}

function defaultOf(field: Field): string {
  const { defaultValue, type, label } = field.proto;
  if (label === Label.REPEATED || type === Type.MESSAGE || type === Type.GROUP) return "";
  if (field.enum !== undefined) {
    const [first] = field.enum.values;
    const given = defaultValue === "" ? first : field.enum.values.find(({ name }) => name === defaultValue);
    return String(given?.number ?? 0);
  }
  if (defaultValue !== "") return defaultValue;
  if (type === Type.STRING || type === Type.BYTES) return "";
  return type === Type.BOOL ? "false" : "0";
}

function jsTypeOf({ proto }: Field): JsType {
  return proto.options?.jstype ?? JsType.JS_NORMAL;
}

function isString(field: Field): field is Field & { readonly utf8Validation: boolean } {
  return field.proto.type === Type.STRING && "utf8Validation" in field;
}
