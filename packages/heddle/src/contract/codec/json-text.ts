/**
 * Messages as JSON texts and back: what the JSON of calls and REST are made of. Compiled code does it where it can;
 * otherwise protobuf-es has the last word, be it a result or an error.
 * Source: https://protobuf.dev/programming-guides/json/
 */
import {
  create,
  type DescField,
  type DescMessage,
  fromJson,
  fromJsonString,
  isMessage,
  type JsonValue,
  type Message,
  type MessageInitShape,
  type Registry,
  toJsonString,
} from "@bufbuild/protobuf";
import { compiledJsonOf } from "./compile-json.ts";
import { countWrittenKeys } from "./json-keys.ts";
import type { JsonReading } from "./json-read-runtime.ts";
import type { JsonWriteOptions } from "./json-write-options.ts";
import { hasLargeInteger, parseExactJson, toStrictForms } from "./strict-forms.ts";
import { parseStrictJson } from "./strict-json.ts";

/**
 * The JSON of a message, or of the plain object that it can be made of. Throws what protobuf-es's `create` and
 * `toJsonString` throw.
 */
export function writeJsonText(
  desc: DescMessage,
  message: Message | MessageInitShape<DescMessage>,
  options: JsonWriteOptions,
): string {
  const compiled = compiledJsonOf(desc);
  if (compiled !== undefined) {
    try {
      // A message of another type is no plain object: protobuf-es refuses it.
      return compiled.write(message, options, typeof message.$typeName !== "string");
    } catch {
      // protobuf-es below decides what it is.
    }
  }
  return toJsonString(desc, isMessage(message) ? message : create(desc, message), options);
}

/** As protobuf-es reads it, with fields passed over that nobody knows. Throws what `fromJsonString` throws. */
export function readJsonText(desc: DescMessage, text: string, registry: Registry): Message {
  return (
    readCompiled(desc, text, undefined, registry, true) ??
    fromJsonString(desc, text, { registry, ignoreUnknownFields: true })
  );
}

/**
 * The same for who wants nothing ignored: what is not known, a key that is there twice, a number that is not in range
 * before it is rounded, and any spelling that only protobuf-es takes are errors that name the place. With `field` the text
 * is the value of that field alone.
 */
export function readStrictJsonText(
  desc: DescMessage,
  text: string,
  registry: Registry,
  field?: DescField,
): Message {
  const message = readCompiled(desc, text, field, registry, false);
  if (message !== undefined) return message;
  // Refuses a repeated key, whatever the numbers are.
  const plain = parseStrictJson(text);
  const exact = hasLargeInteger(text) ? parseExactJson(text) : plain;
  return fromJson(desc, toStrictForms(desc, wrap(exact, field), registry) as JsonValue, { registry });
}

/** Undefined when the compiled code gives up, or there is none. */
function readCompiled(
  desc: DescMessage,
  text: string,
  field: DescField | undefined,
  registry: Registry,
  ignoreUnknownFields: boolean,
): Message | undefined {
  const compiled = compiledJsonOf(desc);
  if (compiled === undefined) return undefined;
  const reading: JsonReading = { registry, ignoreUnknownFields, keys: field === undefined ? 0 : -1 };
  try {
    const message = compiled.read(wrap(JSON.parse(text), field), reading, 1);
    return reading.keys === countWrittenKeys(text) ? message : undefined;
  } catch {
    return undefined;
  }
}

/** A key that is computed becomes a property, whatever it is called. */
function wrap(json: unknown, field: DescField | undefined): unknown {
  return field === undefined ? json : { [field.jsonName]: json };
}
