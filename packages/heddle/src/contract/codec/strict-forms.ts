/**
 * JSON from strangers, before protobuf-es reads it: what protobuf-es would take although ProtoJSON does not have it is
 * refused with the name of the field. It reads a duration up to its `s` and no further, `"0x10"` and `" 7 "` as numbers,
 * and 64 bits from a number that has been rounded already. Only for what the compiled readers do not take.
 */
import { type DescField, type DescMessage, type Registry, ScalarType } from "@bufbuild/protobuf";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";
import { hasOwnJson, isLong } from "./field-form.ts";
import { INTEGER, MOST_DIGITS } from "./json-read-runtime.ts";

/** Whether a text may hold an integer that a number of JavaScript would round. */
export function hasLargeInteger(text: string): boolean {
  return LARGE_INTEGER.test(text);
}

/** As `JSON.parse`, with such integers as bigints. */
export function parseExactJson(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) => {
    if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
    const source = context?.source ?? "";
    return source.length <= MOST_DIGITS && INTEGER.test(source) ? BigInt(source) : value;
  });
}

/** Throws for a form that is none of ProtoJSON's. Bigints are left where 64 bits are expected, and numbers elsewhere. */
export function toStrictForms(desc: DescMessage, json: unknown, registry: Registry): unknown {
  return ofMessage(desc, json, { registry, place: desc.typeName, depth: 0 });
}

/** protobuf-es goes no deeper, and says so. */
const MAX_DEPTH = 102;

interface Place {
  readonly registry: Registry;
  /** For the error. */
  readonly place: string;
  readonly depth: number;
}

function ofMessage(desc: DescMessage, json: unknown, at: Place): unknown {
  if (json === null || at.depth > MAX_DEPTH) return json;
  if (isWrapperDesc(desc)) return ofScalar((desc.fields[0] as DescField).scalar as ScalarType, json, at);
  switch (desc.typeName) {
    case "google.protobuf.Duration":
      if (typeof json === "string" && !DURATION.test(json))
        throw invalid(at, json, "a duration such as 1.5s");
      return json;
    case "google.protobuf.Any":
      return ofAny(json, at);
    case "google.protobuf.Struct":
    case "google.protobuf.Value":
    case "google.protobuf.ListValue":
      refuseInfinite(json, at);
      return toNumbers(json);
    case "google.protobuf.Timestamp":
      if (typeof json === "string" && !isRealTime(json)) throw invalid(at, json, "a time that there is");
      return toNumbers(json);
    case "google.protobuf.FieldMask":
      return toNumbers(json);
    default:
      return isObject(json) ? mapped(json, (key, value) => ofKey(desc, key, value, at)) : toNumbers(json);
  }
}

function ofKey(desc: DescMessage, key: string, json: unknown, { registry, depth }: Place): unknown {
  const field = fieldsOf(desc).get(key);
  if (field === undefined || json === null) return toNumbers(json);
  const at: Place = { registry, place: `${desc.typeName}.${field.name}`, depth: depth + 1 };
  if (field.fieldKind === "list") {
    if (!Array.isArray(json)) return toNumbers(json);
    return json.map((item, i) => ofValue(field, item, { ...at, place: `${at.place}, list item #${i + 1}` }));
  }
  if (field.fieldKind === "map")
    return isObject(json)
      ? mapped(json, (key, value) => ofValue(field, value, { ...at, place: `${at.place}[${shown(key)}]` }))
      : toNumbers(json);
  return ofValue(field, json, at);
}

const fieldsByKey = new WeakMap<DescMessage, ReadonlyMap<string, DescField>>();

/** By both of their names. */
function fieldsOf(desc: DescMessage): ReadonlyMap<string, DescField> {
  let fields = fieldsByKey.get(desc);
  if (fields === undefined) {
    fields = new Map(
      desc.fields.flatMap((field) => [[field.name, field] as const, [field.jsonName, field] as const]),
    );
    fieldsByKey.set(desc, fields);
  }
  return fields;
}

function ofValue(field: DescField, json: unknown, at: Place): unknown {
  if (field.message !== undefined) return ofMessage(field.message, json, at);
  return field.scalar === undefined ? toNumbers(json) : ofScalar(field.scalar, json, at);
}

function ofScalar(type: ScalarType, json: unknown, at: Place): unknown {
  switch (type) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
    case ScalarType.BOOL:
      return toNumbers(json);
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      if (typeof json === "string" && !FLOATING.test(json)) throw invalid(at, json, "a number");
      return toNumbers(json);
    default:
      if (typeof json === "string" && (json.length > MOST_DIGITS || !DIGITS.test(json)))
        throw invalid(at, json, "a whole number");
      return isLong(type) ? json : toNumbers(json);
  }
}

function ofAny(json: unknown, at: Place): unknown {
  if (!isObject(json)) return toNumbers(json);
  const url = json["@type"];
  if (typeof url !== "string") {
    if (Object.keys(json).length === 0) return json;
    throw new Error(`cannot decode ${at.place} from JSON: an Any says in "@type" what it holds`);
  }
  const desc = at.registry.getMessage(url.slice(url.lastIndexOf("/") + 1));
  if (desc === undefined)
    throw new Error(`cannot decode ${at.place} from JSON: nobody here knows the type ${shown(url)}`);
  const inside: Place = { ...at, place: desc.typeName, depth: at.depth + 1 };
  const isWhole = Object.keys(json).every((key) => key === "@type" || key === "value");
  return mapped(json, (key, value) => {
    if (key === "@type") return value;
    // Types with a JSON of their own stand in `value`.
    if (key === "value" && isWhole && hasOwnJson(desc)) return ofMessage(desc, value, inside);
    return ofKey(desc, key, value, inside);
  });
}

/** Of the 30th of February protobuf-es makes the 2nd of March, of 24 o'clock the next day. */
function isRealTime(text: string): boolean {
  const [, year = 0, month = 0, day = 0, hour = 0] = (DATE.exec(text) ?? []).map(Number);
  if (month === 0) return true; // What has another form is not read at all.
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = month === 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;
  return day <= days && hour <= 23;
}

/** Of a number that is out of range JSON.parse makes one that JSON cannot write. */
function refuseInfinite(json: unknown, at: Place): void {
  if (json === Number.POSITIVE_INFINITY || json === Number.NEGATIVE_INFINITY)
    throw invalid(at, String(json), "a number in range");
  if (Array.isArray(json)) for (const item of json) refuseInfinite(item, at);
  else if (isObject(json)) for (const value of Object.values(json)) refuseInfinite(value, at);
}

/** The same value without bigints. */
function toNumbers(json: unknown, depth = 0): unknown {
  if (typeof json === "bigint") return Number(json);
  if (depth > MAX_DEPTH) return json;
  if (Array.isArray(json)) return json.map((item) => toNumbers(item, depth + 1));
  return isObject(json) ? mapped(json, (_key, value) => toNumbers(value, depth + 1)) : json;
}

function mapped(
  json: Readonly<Record<string, unknown>>,
  change: (key: string, value: unknown) => unknown,
): Record<string, unknown> {
  // `fromEntries` makes properties, whatever they are called.
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, change(key, value)]));
}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

function invalid({ place }: Place, json: string, expected: string): Error {
  return new Error(`cannot decode ${place} from JSON: ${shown(json)} should be ${expected}`);
}

function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

const DIGITS = /^-?[0-9]+$/;
const LARGE_INTEGER = /[0-9]{16}/;
const FLOATING = /^(?:-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|NaN|-?Infinity)$/;
const DURATION = /^-?[0-9]{1,12}(?:\.[0-9]{1,9})?s$/;
const DATE = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2})/;
