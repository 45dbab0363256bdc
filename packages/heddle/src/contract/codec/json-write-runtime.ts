/** What the generated JSON writers call. */
import { giveUp } from "./give-up.ts";

/** Longer texts are looked through by a regular expression, which takes longer to start and less for each sign. */
const SHORT = 42;

/** A text between quotes, as `JSON.stringify` writes it. */
export function jsonText(text: string): string {
  const { length } = text;
  if (length > SHORT) return NEEDS_ESCAPE.test(text) ? JSON.stringify(text) : `"${text}"`;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code === QUOTE || code === BACKSLASH || (code >= 0xd800 && code <= 0xdfff))
      return JSON.stringify(text);
  }
  return `"${text}"`;
}

/** 64 bits are a text in JSON. */
export function jsonLong(value: unknown): string {
  if (typeof value === "bigint") return `"${value}"`;
  if (typeof value === "string") return jsonText(value);
  if (typeof value === "number" && Number.isInteger(value)) return `"${value}"`;
  throw giveUp;
}

export function jsonDouble(value: unknown): string {
  if (typeof value !== "number") throw giveUp;
  if (Number.isFinite(value)) return String(value);
  return `"${value}"`;
}

/** The object that a field of the type `google.protobuf.Struct` keeps. */
export function jsonStruct(value: unknown): string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw giveUp;
  let text = "{";
  let comma = "";
  for (const key of Object.keys(value)) {
    text += `${comma}${jsonText(key)}:${jsonValue((value as Record<string, unknown>)[key])}`;
    comma = ",";
  }
  return `${text}}`;
}

function jsonValue(value: unknown): string {
  switch (typeof value) {
    case "string":
      return jsonText(value);
    case "number":
      if (Number.isFinite(value)) return String(value);
      throw giveUp;
    case "boolean":
      return value ? "true" : "false";
    case "object":
      if (value === null) return "null";
      return Array.isArray(value) ? `[${Array.from(value, jsonValue).join(",")}]` : jsonStruct(value);
    default:
      throw giveUp;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
// oxlint-disable-next-line no-control-regex -- these are the ones that JSON escapes
const NEEDS_ESCAPE = /[\u0000-\u001f"\\\ud800-\udfff]/;
