/**
 * The JSON side of the compiled codecs: one function that writes a message as ProtoJSON, one that reads it. As with the
 * binary ones, code is generated when a message is first used, gives up on all that is rare or wrong, and protobuf-es is
 * asked then.
 *
 * Well-known types with a JSON of their own are protobuf-es's within it: they are small, and their rules are many.
 */
import { create, type DescMessage, fromJson, isMessage, type Message, toJson } from "@bufbuild/protobuf";
import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";
import { buildFunction, plainNames } from "./build-function.ts";
import { compiledMessageOf } from "./compile.ts";
import { setEntry } from "./decode-runtime.ts";
import { emitJsonRead } from "./emit-json-read.ts";
import { emitJsonWrite } from "./emit-json-write.ts";
import { hasOwnJson } from "./field-form.ts";
import { giveUp } from "./give-up.ts";
import * as readRuntime from "./json-read-runtime.ts";
import type { JsonReading } from "./json-read-runtime.ts";
import * as writeRuntime from "./json-write-runtime.ts";
import type { JsonWriteOptions } from "./json-write-options.ts";
import { toStrictForms } from "./strict-forms.ts";

export interface CompiledJson {
  /** The JSON of a message, or where it is allowed of the plain object that it can be made of. */
  write(message: unknown, options: JsonWriteOptions, initAllowed: boolean): string;
  /** The message of parsed JSON. */
  read(json: unknown, reading: JsonReading, depth: number): Message;
}

/** Undefined where there is no compiled code. */
export function compiledJsonOf(desc: DescMessage): CompiledJson | undefined {
  return compiledMessageOf(desc).kind === "compiled" ? linkTo(desc) : undefined;
}

const compiled = new WeakMap<DescMessage, CompiledJson>();

function linkTo(desc: DescMessage): CompiledJson {
  let json = compiled.get(desc);
  if (json === undefined) {
    json = isCompilable(desc) ? lazy(desc) : reflective(desc);
    compiled.set(desc, json);
  }
  return json;
}

function isCompilable(desc: DescMessage): boolean {
  if (hasOwnJson(desc) || compiledMessageOf(desc).kind !== "compiled") return false;
  const names = desc.fields.map(({ jsonName }) => jsonName);
  // An object would keep one of two equal names, and put numbers first.
  return new Set(names).size === names.length && !names.some((name) => /^\d+$/.test(name));
}

/** Compiles at the first call, and puts the compiled functions in its own place. */
function lazy(desc: DescMessage): CompiledJson {
  const json: CompiledJson = {
    write(message, options, initAllowed) {
      Object.assign(json, generate(desc));
      return json.write(message, options, initAllowed);
    },
    read(value, reading, depth) {
      Object.assign(json, generate(desc));
      return json.read(value, reading, depth);
    },
  };
  return json;
}

function generate(desc: DescMessage): CompiledJson {
  const hasPrototype = Object.getPrototypeOf(create(desc)) !== Object.prototype;
  const links: DescMessage[] = [];
  const linkOf = (target: DescMessage): string => {
    if (!links.includes(target)) links.push(target);
    return `link${links.indexOf(target)}`;
  };
  const functions = [emitJsonWrite(desc, hasPrototype, linkOf), emitJsonRead(desc, linkOf)];
  const scope: Record<string, unknown> = {
    ...environment,
    make: () => compiledMessageOf(desc).make(),
    fieldOfKey: new Map(
      desc.fields.flatMap(({ name, jsonName }, i) => [[name, i] as const, [jsonName, i] as const]),
    ),
  };
  links.forEach((target, i) => {
    scope[`link${i}`] = linkTo(target);
  });
  desc.fields.forEach((field, i) => {
    if (field.enum === undefined) return;
    scope[`enum${i}`] = readRuntime.enumValuesOf(field.enum);
    const isNull = field.enum.typeName === "google.protobuf.NullValue";
    scope[`names${i}`] = isNull
      ? undefined
      : new Map(
          field.enum.values.map(({ number }) => [number, JSON.stringify(field.enum.value[number]?.jsonName)]),
        );
  });
  return buildFunction(
    `${functions.join("\n")}\nreturn { write: writeJson, read: readJson };`,
    scope,
  ) as CompiledJson;
}

/** The names that generated code may use, besides those of one message. */
const environment = {
  ...plainNames,
  ...writeRuntime,
  ...readRuntime,
  base64Encode,
  base64Decode,
  setEntry,
  fail(): never {
    throw giveUp;
  },
  /** The name of an enum's value; the number of one without a name. Without names all are null. */
  jsonEnum(names: ReadonlyMap<number, string> | undefined, value: unknown): string {
    if (!Number.isInteger(value)) throw giveUp;
    return names === undefined ? "null" : (names.get(value as number) ?? String(value));
  },
  isInteger: Number.isInteger,
  isFinite: Number.isFinite,
  fround: Math.fround,
  is: Object.is,
};

/** protobuf-es behind the same signatures. */
function reflective(desc: DescMessage): CompiledJson {
  return {
    write(message, options, initAllowed) {
      if (typeof message !== "object" || message === null) throw giveUp;
      const isInit = !isMessage(message, desc) && initAllowed;
      return JSON.stringify(
        toJson(
          desc,
          (isInit ? create(desc, message as Record<string, unknown>) : message) as Message,
          options,
        ),
      );
    },
    read(json, reading, depth) {
      const { registry, ignoreUnknownFields } = reading;
      if (depth > readRuntime.MAX_DEPTH || !readRuntime.isExact(json)) throw giveUp;
      readRuntime.countKeys(json, reading, 0);
      toStrictForms(desc, json, registry);
      const recursionLimit = readRuntime.MAX_DEPTH + 1 - depth;
      return fromJson(desc, json as never, { registry, ignoreUnknownFields, recursionLimit });
    },
  };
}
