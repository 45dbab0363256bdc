/**
 * Values of fields as texts, as they stand in a path and in a query: those of ProtoJSON without its quotes. A field
 * whose JSON is an object or an array has no text.
 * Source: https://protobuf.dev/programming-guides/json/
 */
import {
  create,
  createRegistry,
  type DescEnum,
  type DescField,
  type DescMessage,
  fromJson,
  type Message,
  type MessageInitShape,
  ScalarType,
  toJson,
} from "@bufbuild/protobuf";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";
import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";
import { nearest } from "../../call/nearest.ts";
import { oneLine } from "../../call/one-line.ts";
import { localFormOf } from "../codec/field-form.ts";
import { toStrictForms } from "../codec/strict-forms.ts";

export interface FieldText {
  /** The value as the message keeps it: of a repeated field, one item. Throws an error that says what was expected. */
  read(text: string): unknown;
  /** Throws when the value is none of the field. */
  write(value: unknown): string;
}

/** Undefined for maps, and for messages other than those with a text of their own. */
export function fieldTextOf(field: DescField): FieldText | undefined {
  let text = texts.get(field);
  if (text === undefined) {
    text = createFieldText(field) ?? null;
    texts.set(field, text);
  }
  return text ?? undefined;
}

const texts = new WeakMap<DescField, FieldText | null>();

function createFieldText(field: DescField): FieldText | undefined {
  if (field.fieldKind === "map") return undefined;
  if (field.scalar !== undefined) {
    const asString = "longAsString" in field && field.longAsString;
    return scalarText(field.scalar, asString);
  }
  if (field.enum !== undefined) return enumText(field.enum);
  if (field.message === undefined) return undefined;
  return messageText(field.message, localFormOf(field) === "unwrapped");
}

function scalarText(type: ScalarType, longAsString: boolean): FieldText | undefined {
  switch (type) {
    case ScalarType.STRING:
      return { read: readString, write: (value) => value as string };
    case ScalarType.BOOL:
      return { read: readBool, write: String };
    case ScalarType.BYTES:
      return { read: readBytes, write: (value) => base64Encode(value as Uint8Array, "url") };
    case ScalarType.DOUBLE:
      return { read: readDouble, write: writeNumber };
    case ScalarType.FLOAT:
      return { read: readFloat, write: writeNumber };
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return { read: (text) => Number(readInteger(text, -(2n ** 31n), 2n ** 31n - 1n)), write: String };
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return { read: (text) => Number(readInteger(text, 0n, 2n ** 32n - 1n)), write: String };
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return longText(-(2n ** 63n), 2n ** 63n - 1n, longAsString);
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return longText(0n, 2n ** 64n - 1n, longAsString);
    default:
      return undefined;
  }
}

function longText(min: bigint, max: bigint, asString: boolean): FieldText {
  return {
    read(text) {
      const value = readInteger(text, min, max);
      return asString ? String(value) : value;
    },
    write: String,
  };
}

function readString(text: string): string {
  if (!text.isWellFormed()) throw new Error("it is not UTF-8");
  return text;
}

function readBool(text: string): boolean {
  if (text === "true") return true;
  if (text === "false") return false;
  throw unexpected(text, "true or false");
}

function readInteger(text: string, min: bigint, max: bigint): bigint {
  // No number of ours has more digits, and a long text costs more than it is worth.
  if (INTEGER.test(text) && text.length <= 20) {
    const value = BigInt(text);
    if (value >= min && value <= max) return value;
  }
  throw unexpected(text, `a whole number from ${min} to ${max}`);
}

function readDouble(text: string): number {
  if (text === "NaN" || text === "Infinity" || text === "-Infinity") return Number(text);
  const value = JSON_NUMBER.test(text) ? Number(text) : Number.NaN;
  if (!Number.isFinite(value)) throw unexpected(text, "a number");
  return value;
}

function readFloat(text: string): number {
  const value = readDouble(text);
  if (Number.isFinite(value) && !Number.isFinite(Math.fround(value)))
    throw unexpected(text, "a number that fits 32 bits");
  return value;
}

function writeNumber(value: unknown): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

/** Either alphabet, with its padding or without. */
function readBytes(text: string): Uint8Array<ArrayBuffer> {
  if (!BASE64.test(text) || text.replace(/=+$/, "").length % 4 === 1) throw unexpected(text, "base64");
  return base64Decode(text);
}

/** By name or by number; a number that the contract does not know passes where the enum is open. */
function enumText(desc: DescEnum): FieldText {
  const numbers = new Map(desc.values.map(({ name, number }) => [name, number]));
  return {
    read(text) {
      const named = numbers.get(text);
      if (named !== undefined) return named;
      if (/^-?\d/.test(text)) {
        const number = Number(readInteger(text, -(2n ** 31n), 2n ** 31n - 1n));
        if (desc.open || desc.value[number] !== undefined) return number;
      }
      const meant = text.length > SHOWN_LENGTH ? undefined : nearest(text, numbers.keys());
      const known = meant === undefined ? `a name or a number of ${desc.typeName}` : `${meant}, perhaps`;
      throw unexpected(text, known);
    },
    write: (value) => desc.value[value as number]?.name ?? String(value),
  };
}

/** The messages whose JSON is a string, a number or a boolean. */
function messageText(desc: DescMessage, unwrapped: boolean): FieldText | undefined {
  if (isWrapperDesc(desc)) {
    const inner = fieldTextOf(desc.fields[0] as DescField);
    if (inner === undefined || unwrapped) return inner;
    return {
      read: (text) => create(desc, { value: inner.read(text) } as MessageInitShape<DescMessage>),
      write: (message) => inner.write((message as { value: unknown }).value),
    };
  }
  const example = STRING_FORMS.get(desc.typeName);
  if (example === undefined) return undefined;
  return {
    read(text) {
      try {
        return fromJson(desc, toStrictForms(desc, text, NO_TYPES) as string);
      } catch {
        throw unexpected(text, example);
      }
    },
    write: (message) => toJson(desc, message as Message) as string,
  };
}

function unexpected(text: string, expected: string): Error {
  const shown = text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
  return new Error(`"${oneLine(shown).toWellFormed()}" should be ${expected}`);
}

const SHOWN_LENGTH = 100;

/** None of these messages holds an `Any`. */
const NO_TYPES = createRegistry();

const STRING_FORMS: ReadonlyMap<string, string> = new Map([
  ["google.protobuf.Timestamp", "a time such as 2006-01-02T15:04:05Z"],
  ["google.protobuf.Duration", "a duration such as 1.5s"],
  ["google.protobuf.FieldMask", "paths of fields such as name,owner.firstName"],
]);

const INTEGER = /^-?(0|[1-9]\d*)$/;
const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const BASE64 = /^([A-Za-z0-9+/]*|[A-Za-z0-9_-]*)={0,2}$/;
