/**
 * Material for the tests of the codecs: random message types and random messages of them, all from one
 * seed, so that a failing seed is the whole report. Types cover proto2, proto3 and all editions, features of
 * fields and of whole files: presence, required, packed and expanded lists, maps, oneofs, groups, closed enums,
 * enums that do not begin with zero, defaults, jstype, UTF-8 validation, recursion, odd names, and the well-known
 * types that protobuf-es treats in its own way.
 */
import {
  createFileRegistry,
  create,
  type DescField,
  type DescMessage,
  type DescOneof,
  ScalarType,
} from "@bufbuild/protobuf";
import {
  Edition,
  FeatureSet_EnumType as EnumType,
  FeatureSet_FieldPresence as Presence,
  FeatureSet_MessageEncoding as MessageEncoding,
  FeatureSet_RepeatedFieldEncoding as ListEncoding,
  FeatureSet_Utf8Validation as Utf8,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FieldOptions_JSType as JsType,
  FileDescriptorSetSchema,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
  isWrapperDesc,
} from "@bufbuild/protobuf/wkt";

/** A pseudo-random source (mulberry32). */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A whole number in [0, below). */
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }
}

type Syntax = "proto2" | "proto3" | "editions";

const scalars = [
  Type.DOUBLE,
  Type.FLOAT,
  Type.INT64,
  Type.UINT64,
  Type.INT32,
  Type.FIXED64,
  Type.FIXED32,
  Type.BOOL,
  Type.STRING,
  Type.BYTES,
  Type.UINT32,
  Type.SFIXED32,
  Type.SFIXED64,
  Type.SINT32,
  Type.SINT64,
];
const mapKeys = scalars.filter((type) => type !== Type.DOUBLE && type !== Type.FLOAT && type !== Type.BYTES);
const longs: readonly Type[] = [Type.INT64, Type.UINT64, Type.SINT64, Type.FIXED64, Type.SFIXED64];
const wellKnown = [
  ".google.protobuf.Struct",
  ".google.protobuf.Value",
  ".google.protobuf.ListValue",
  ".google.protobuf.Timestamp",
  ".google.protobuf.StringValue",
  ".google.protobuf.BytesValue",
  ".google.protobuf.Int64Value",
  ".google.protobuf.UInt32Value",
  ".google.protobuf.DoubleValue",
  ".google.protobuf.BoolValue",
];
const messageCount = 4;

/** The newest edition that protobuf-es knows is among those of its registry. */
const editions = [Edition.EDITION_2023, Edition.EDITION_2024, Edition.EDITION_2026];

/** What an object has already and what JavaScript keeps for itself. (`has_own_property` protobuf-es cannot encode.) */
const oddNames = ["constructor", "to_string", "value_of", "__proto__", "then", "case", "default"];

/** A few message types that refer to each other. */
export function randomTypes(dice: Dice): DescMessage[] {
  const syntax = dice.pick<Syntax>(["proto2", "proto3", "editions", "editions"]);
  const edition = dice.pick(editions);
  const imports = [
    file_google_protobuf_struct,
    file_google_protobuf_timestamp,
    file_google_protobuf_wrappers,
  ];
  const registry = createFileRegistry(
    create(FileDescriptorSetSchema, {
      file: [
        ...imports.map((file) => file.proto),
        {
          name: "random.proto",
          package: "random",
          syntax: syntax === "proto2" ? "" : syntax,
          ...(syntax === "editions" ? { edition, options: { features: fileFeatures(dice) } } : {}),
          dependency: imports.map((file) => file.proto.name),
          messageType: Array.from({ length: messageCount }, (_, i) => randomType(dice, syntax, `M${i}`)),
          enumType: [
            enumType("Mood", [0, 1, 2, -7, 1 << 20], false),
            enumType("Strict", [0, 3, 200], syntax === "editions"),
            ...(syntax === "proto3" ? [] : [enumType("Late", [3, 0, 200], syntax === "editions")]),
          ],
        },
      ],
    }),
  );
  return Array.from({ length: messageCount }, (_, i) => registry.getMessage(`random.M${i}`) as DescMessage);
}

/** What holds for a whole file unless a field says otherwise. */
function fileFeatures(dice: Dice): object {
  return {
    ...(dice.chance(30) ? { fieldPresence: dice.pick([Presence.IMPLICIT, Presence.EXPLICIT]) } : {}),
    ...(dice.chance(30) ? { enumType: dice.pick([EnumType.OPEN, EnumType.CLOSED]) } : {}),
    ...(dice.chance(30)
      ? { repeatedFieldEncoding: dice.pick([ListEncoding.PACKED, ListEncoding.EXPANDED]) }
      : {}),
    ...(dice.chance(30) ? { utf8Validation: dice.pick([Utf8.NONE, Utf8.VERIFY]) } : {}),
    ...(dice.chance(30) ? { messageEncoding: MessageEncoding.DELIMITED } : {}),
  };
}

function enumType(name: string, numbers: number[], closed: boolean) {
  return {
    name,
    value: numbers.map((number, i) => ({ name: `${name.toUpperCase()}_${i}`, number })),
    ...(closed ? { options: { features: { enumType: EnumType.CLOSED } } } : {}),
  };
}

function randomType(dice: Dice, syntax: Syntax, name: string) {
  const fields: object[] = [];
  const nested: object[] = [];
  const oneofs = [{ name: "one" }, { name: "other" }].slice(0, dice.below(3));
  const used = new Set<number>();
  const names = new Set<string>();
  const optional: object[] = [];
  for (let i = dice.below(9); i >= 0; i--) {
    let number = dice.pick([1 + dice.below(15), 1 + dice.below(40), 1 + dice.below(3000), 536_870_911]);
    while (used.has(number)) number = 1 + dice.below(18_000);
    used.add(number);
    const free = oddNames.filter((odd) => !names.has(odd));
    const field = dice.chance(6) && free.length > 0 ? dice.pick(free) : `f_${number}`;
    names.add(field);
    const kind = dice.below(10);
    if (kind === 0) {
      const entry = `F${number}Entry`;
      const key = { name: "key", number: 1, label: Label.OPTIONAL, type: dice.pick(mapKeys) };
      const value = { name: "value", number: 2, label: Label.OPTIONAL, ...randomValueType(dice, syntax) };
      nested.push({ name: entry, field: [key, value], options: { mapEntry: true } });
      const typeName = `.random.${name}.${entry}`;
      fields.push({ name: field, number, label: Label.REPEATED, type: Type.MESSAGE, typeName });
      continue;
    }
    const valueType = randomValueType(dice, syntax);
    const options: Record<string, unknown> = {};
    const features: Record<string, unknown> = {};
    const isMessage = valueType.type === Type.MESSAGE;
    if (longs.includes(valueType.type) && dice.chance(30)) options["jstype"] = JsType.JS_STRING;
    if (syntax === "proto2" && isMessage && dice.chance(25)) valueType.type = Type.GROUP;
    if (syntax === "editions" && isMessage && dice.chance(25))
      features["messageEncoding"] = MessageEncoding.DELIMITED;
    if (syntax === "editions" && valueType.type === Type.STRING && dice.chance(40))
      features["utf8Validation"] = Utf8.NONE;
    const isList = kind < 4;
    const inOneof = !isList && oneofs.length > 0 && dice.chance(40);
    const base: Record<string, unknown> = {
      name: field,
      number,
      label: Label.OPTIONAL,
      ...valueType,
      options,
    };
    if (isList) {
      base["label"] = Label.REPEATED;
      const packable = !isMessage && valueType.type !== Type.STRING && valueType.type !== Type.BYTES;
      if (packable && syntax !== "editions" && dice.chance(50)) options["packed"] = dice.chance(50);
      if (packable && syntax === "editions" && dice.chance(50))
        features["repeatedFieldEncoding"] = ListEncoding.EXPANDED;
    } else if (inOneof) {
      base["oneofIndex"] = dice.below(oneofs.length);
    } else {
      if (syntax === "proto2") {
        if (!isMessage && dice.chance(15)) base["label"] = Label.REQUIRED;
        if (!isMessage && dice.chance(40)) base["defaultValue"] = defaultOf(dice, valueType);
      }
      if (syntax === "editions" && !isMessage && dice.chance(40)) {
        features["fieldPresence"] = dice.pick([
          Presence.IMPLICIT,
          Presence.LEGACY_REQUIRED,
          Presence.EXPLICIT,
        ]);
        if (features["fieldPresence"] === Presence.EXPLICIT)
          base["defaultValue"] = defaultOf(dice, valueType);
      }
      if (syntax === "proto3" && dice.chance(25)) optional.push(base);
    }
    if (Object.keys(features).length > 0) options["features"] = features;
    fields.push(base);
  }
  // A oneof must have a field; the synthetic ones of proto3's `optional` stand behind the real ones.
  const filled = oneofs.filter((_, i) =>
    fields.some((field) => (field as { oneofIndex?: number }).oneofIndex === i),
  );
  for (const field of fields as { oneofIndex?: number }[]) {
    const oneof = oneofs[field.oneofIndex ?? -1];
    if (oneof) field.oneofIndex = filled.indexOf(oneof);
  }
  const oneofDecl = [...filled];
  for (const field of optional as { name: string; oneofIndex: number; proto3Optional: boolean }[]) {
    field.proto3Optional = true;
    field.oneofIndex = oneofDecl.push({ name: `_${field.name}` }) - 1;
  }
  return { name, field: fields, nestedType: nested, oneofDecl };
}

interface ValueType {
  type: Type;
  readonly typeName: string;
}

function randomValueType(dice: Dice, syntax: Syntax): ValueType {
  const roll = dice.below(10);
  if (roll < 6) return { type: dice.pick(scalars), typeName: "" };
  if (roll === 6) {
    const enums = [".random.Mood", ".random.Strict", ...(syntax === "proto3" ? [] : [".random.Late"])];
    return { type: Type.ENUM, typeName: dice.pick(enums) };
  }
  if (roll === 7) return { type: Type.MESSAGE, typeName: dice.pick(wellKnown) };
  return { type: Type.MESSAGE, typeName: `.random.M${dice.below(messageCount)}` };
}

/** As a descriptor spells defaults. */
function defaultOf(dice: Dice, { type, typeName }: ValueType): string {
  switch (type) {
    case Type.ENUM:
      return `${typeName.slice(".random.".length).toUpperCase()}_${dice.below(3)}`;
    case Type.BOOL:
      return dice.pick(["true", "false"]);
    case Type.STRING:
      return dice.pick(["abc", "", `"\\'\`${"$"}{0}\n\u2028`, "é"]);
    case Type.BYTES:
      return dice.pick(["abc", "", "\\001\\377\\n"]);
    case Type.DOUBLE:
    case Type.FLOAT:
      return dice.pick(["7", "-0", "1.5", "inf", "-inf", "nan"]);
    case Type.INT64:
    case Type.SINT64:
    case Type.SFIXED64:
      return dice.pick(["7", "-9223372036854775808"]);
    case Type.UINT64:
    case Type.FIXED64:
      return dice.pick(["7", "18446744073709551615"]);
    default:
      return dice.pick(["0", "7"]);
  }
}

const strings = [
  "",
  "a",
  "ASCII text of thirty-some letters",
  "é",
  "日本語",
  "😀 \u0000",
  "\ud800",
  "__proto__",
  "\ufeffx",
];
const long = [
  "x".repeat(63),
  "y".repeat(64),
  "z".repeat(65),
  "é".repeat(40),
  "é".repeat(64),
  "😀".repeat(90),
  "w".repeat(20_000),
];

/** A plain object that a message of the type can be made of. */
export function randomInit(dice: Dice, desc: DescMessage, depth = 0): Record<string, unknown> {
  const init: Record<string, unknown> = {};
  for (const member of desc.members) {
    const isRequired = member.kind === "field" && member.presence === Presence.LEGACY_REQUIRED;
    if (!isRequired && dice.chance(30)) {
      if (dice.chance(20)) init[member.localName] = dice.pick([undefined, null]);
      continue;
    }
    const value =
      member.kind === "oneof" ? randomOneof(dice, member, depth) : randomField(dice, member, depth);
    if (value !== undefined) init[member.localName] = value;
  }
  return init;
}

function randomOneof(dice: Dice, oneof: DescOneof, depth: number): unknown {
  if (dice.chance(20)) return { case: undefined };
  const field = dice.pick(oneof.fields);
  const value = randomSingle(dice, field, depth);
  return value === undefined ? undefined : { case: field.localName, value };
}

function randomField(dice: Dice, field: DescField, depth: number): unknown {
  if (field.fieldKind === "list") {
    const list = Array.from({ length: dice.pick([0, 1, 2, 5, 150]) }, (_, i) =>
      i > 4 && field.listKind === "message" ? undefined : randomSingle(dice, field, depth),
    );
    return list.filter((value) => value !== undefined);
  }
  if (field.fieldKind === "map") {
    const map: Record<string, unknown> = {};
    for (let i = dice.below(4); i > 0; i--) {
      const value = randomSingle(dice, field, depth);
      const key = randomScalar(dice, field.mapKey, false);
      if (value !== undefined && key !== "__proto__") map[String(key)] = value;
    }
    return map;
  }
  return randomSingle(dice, field, depth);
}

function randomSingle(dice: Dice, field: DescField, depth: number): unknown {
  if (field.message) {
    if (depth > 3) return undefined;
    if (
      field.message.typeName === "google.protobuf.Struct" &&
      field.parent.typeName !== "google.protobuf.Value"
    ) {
      return randomJson(dice, 0);
    }
    if (field.fieldKind === "message" && !field.oneof && isWrapperDesc(field.message)) {
      return randomScalar(dice, field.message.fields[0]?.scalar as ScalarType, false);
    }
    const init = randomInit(dice, field.message, depth + 1);
    return dice.chance(50) ? init : create(field.message, init);
  }
  if (field.enum) return dice.chance(90) ? dice.pick(field.enum.values).number : dice.below(1000) - 500;
  return randomScalar(
    dice,
    field.scalar as ScalarType,
    "longAsString" in field && field.longAsString === true,
  );
}

function randomJson(dice: Dice, depth: number): Record<string, unknown> {
  const json: Record<string, unknown> = {};
  for (let i = dice.below(4); i > 0; i--) {
    const key = dice.pick(["a", "b", "7", "long key", "é"]);
    const roll = dice.below(depth > 2 ? 4 : 6);
    json[key] = [null, 1.5, dice.pick(strings), true, [1, "x", null, [false]], {}][roll];
    if (roll === 5) json[key] = randomJson(dice, depth + 1);
  }
  return json;
}

function randomScalar(dice: Dice, type: ScalarType, longAsString: boolean): unknown {
  switch (type) {
    case ScalarType.BOOL:
      return dice.chance(50);
    case ScalarType.STRING:
      return dice.chance(85) ? dice.pick(strings) : dice.pick(long);
    case ScalarType.BYTES:
      return new Uint8Array(dice.pick([0, 1, 5, 127, 128, 300])).fill(dice.below(256));
    case ScalarType.DOUBLE:
      return dice.pick([0, -0, 1, -1.5, 1e300, Number.NaN, Number.POSITIVE_INFINITY, 5e-324, 4_294_967_296]);
    case ScalarType.FLOAT:
      return dice.pick([0, -0, 1, -1.5, 3.4e38, Number.NaN, Number.NEGATIVE_INFINITY, 1e-45, 0.1]);
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return dice.pick([0, 1, 127, 128, 300, 65_536, 2 ** 31, 2 ** 32 - 1, dice.below(2 ** 32)]);
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return dice.pick([0, -0, 1, -1, 127, 128, -129, 2 ** 31 - 1, -(2 ** 31), dice.below(2 ** 31)]);
    default: {
      const isUnsigned = type === ScalarType.UINT64 || type === ScalarType.FIXED64;
      const bits = (BigInt(dice.below(2 ** 32)) << 32n) | BigInt(dice.below(2 ** 32));
      const shifted = bits >> BigInt(dice.below(64));
      const edge = dice.pick([
        0n,
        1n,
        127n,
        128n,
        1n << 28n,
        1n << 32n,
        1n << 35n,
        (1n << 63n) - 1n,
        -1n,
        shifted,
      ]);
      const value = isUnsigned ? BigInt.asUintN(64, edge) : BigInt.asIntN(64, edge);
      return longAsString ? String(value) : value;
    }
  }
}
