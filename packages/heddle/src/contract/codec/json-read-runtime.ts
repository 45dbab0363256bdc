/** What the generated JSON readers call. */
import { type DescEnum, type Registry, ScalarType } from "@bufbuild/protobuf";
import { giveUp } from "./give-up.ts";

/** One text on its way into a message. */
export interface JsonReading {
  /** Knows the types that an `Any` may hold. */
  readonly registry: Registry;
  /** Fields that are not known are passed over. */
  readonly ignoreUnknownFields: boolean;
  /** Keys of objects so far: fewer than the text has, and one is there twice. */
  keys: number;
}

/** As protobuf-es has it. */
export const MAX_DEPTH = 100;

/** 64 bits, as a number or as a text in its plainest form. What is not exact in a number gives up. */
export function readLong(json: unknown, min: bigint, max: bigint): bigint {
  if (typeof json === "number") {
    if (!Number.isSafeInteger(json)) throw giveUp;
  } else if (typeof json !== "string" || json.length > MOST_DIGITS || !INTEGER.test(json)) throw giveUp;
  const value = BigInt(json);
  if (value < min || value > max) throw giveUp;
  return value;
}

export const INT64_MIN = -(2n ** 63n);
export const INT64_MAX = 2n ** 63n - 1n;
export const UINT64_MAX = 2n ** 64n - 1n;

/** The number of a value of an enum. */
export function readEnum(values: EnumValues, json: unknown): number {
  if (typeof json === "string") {
    const number = values.numbers.get(json);
    if (number !== undefined) return number;
  } else if (typeof json === "number" && (json | 0) === json && (values.open || values.known.has(json)))
    return json;
  throw giveUp;
}

export interface EnumValues {
  readonly open: boolean;
  readonly numbers: ReadonlyMap<string, number>;
  readonly known: ReadonlySet<number>;
}

/** Names as JSON has them, and those of the contract, which win. */
export function enumValuesOf({ open, values }: DescEnum): EnumValues {
  const numbers = new Map(values.map((value) => [value.jsonName, value.number]));
  for (const { name, number } of values) numbers.set(name, number);
  return { open, numbers, known: new Set(values.map(({ number }) => number)) };
}

/** The object that a field of the type `google.protobuf.Struct` keeps: the same that was parsed. */
export function readStruct(json: unknown, reading: JsonReading, depth: number): unknown {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw giveUp;
  countKeys(json, reading, depth);
  return json;
}

/**
 * Counts the keys of what is read by others. `depth` is that of `json`, of which each value within is one deeper. Gives up at
 * a number that was out of range when it was parsed.
 */
export function countKeys(json: unknown, reading: JsonReading, depth: number): void {
  if (typeof json !== "object" || json === null) {
    if (json === Number.POSITIVE_INFINITY || json === Number.NEGATIVE_INFINITY) throw giveUp;
    return;
  }
  if (depth > MAX_DEPTH) throw giveUp;
  if (Array.isArray(json)) {
    for (const item of json) if (typeof item !== "string") countKeys(item, reading, depth + 1);
    if (depth === MAX_DEPTH && json.length > 0) throw giveUp;
    return;
  }
  const keys = Object.keys(json);
  reading.keys += keys.length;
  if (depth === MAX_DEPTH && keys.length > 0) throw giveUp;
  for (const key of keys) {
    const value = (json as Record<string, unknown>)[key];
    if (typeof value !== "string") countKeys(value, reading, depth + 1);
  }
}

/** No number in it may have been rounded when it was parsed. */
export function isExact(json: unknown, depth = 0): boolean {
  if (typeof json === "number") return !Number.isInteger(json) || Number.isSafeInteger(json);
  if (typeof json !== "object" || json === null) return true;
  return depth <= MAX_DEPTH && Object.values(json).every((inner) => isExact(inner, depth + 1));
}

/** Passes over a field that nobody knows, if that is wanted. */
export function skipField(key: string, json: unknown, reading: JsonReading): void {
  // In brackets stands the name of an extension.
  if (!reading.ignoreUnknownFields || key.startsWith("[")) throw giveUp;
  countKeys(json, reading, 0);
}

/** The key of a map as its message keeps it. Keys in an odd form give up, for two of them may be the same. */
export function readKey(type: ScalarType, key: string): string {
  switch (type) {
    case ScalarType.STRING:
      if (key.isWellFormed()) return key;
      throw giveUp;
    case ScalarType.BOOL:
      if (key === "true" || key === "false") return key;
      throw giveUp;
    default: {
      if (key.length > MOST_DIGITS || key === "-0" || !INTEGER.test(key)) throw giveUp;
      const value = BigInt(key);
      const [min, max] = boundsOf(type);
      if (value < min || value > max) throw giveUp;
      return key;
    }
  }
}

function boundsOf(type: ScalarType): readonly [bigint, bigint] {
  switch (type) {
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return [0n, 0xffff_ffffn];
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return [0n, UINT64_MAX];
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return [INT64_MIN, INT64_MAX];
    default:
      return [-0x8000_0000n, 0x7fff_ffffn];
  }
}

/** As JSON writes one. */
export const INTEGER = /^-?(?:0|[1-9][0-9]*)$/;
/** Of 64 bits with a sign. */
export const MOST_DIGITS = 20;
