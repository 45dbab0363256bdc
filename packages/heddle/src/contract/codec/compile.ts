/**
 * Turns the descriptor of a message into code: one function that makes an empty message, one that makes it of a
 * plain object, one that encodes, one that decodes. A message is compiled when it is first used, so recursive types need no
 * care and types that never travel cost nothing.
 *
 * Compiled code gives up (throws) on all that is rare or wrong; the codec then asks protobuf-es, which is
 * the one definition of right here. Why code and not closures over fields: a closure a field costs a call,
 * a dynamic property access and a polymorphic site; generated code has none, and writes straight into the
 * output of the connection.
 *
 * Nothing of a descriptor becomes code but numbers and quoted property keys: a descriptor that comes over
 * the wire cannot smuggle in a statement (CVE-2026-41242 was that, in another library).
 */
import {
  create,
  type DescMessage,
  isMessage,
  mergeFromBinary,
  type Message,
  protoInt64,
  toBinary,
} from "@bufbuild/protobuf";
import { buildFunction, mayBuildFunctions, plainNames } from "./build-function.ts";
import type { ByteSink } from "./byte-sink.ts";
import * as createRuntime from "./create-runtime.ts";
import * as decodePacked from "./decode-packed.ts";
import * as decodeRuntime from "./decode-runtime.ts";
import { emitCreate } from "./emit-create.ts";
import { emitDecode, emitMake } from "./emit-decode.ts";
import { emitEncode } from "./emit-encode.ts";
import * as encodePacked from "./encode-packed.ts";
import * as encodeRuntime from "./encode-runtime.ts";
import { giveUp } from "./give-up.ts";
import { fromStruct, toStruct } from "./struct-json.ts";

/** The functions of one message. Those of a reflective one are protobuf-es behind the same signatures. */
export interface CompiledMessage {
  readonly kind: "compiled" | "reflective";
  make(): Message;
  /** As protobuf-es's `create`, for what is not a message of this type already. */
  create(init: unknown): Message;
  /** Appends behind `at`; returns the position after. `sink.length` means nothing meanwhile. */
  write(message: unknown, sink: ByteSink, at: number, initAllowed: boolean): number;
  /** Merges [at, end) into the message; returns where it stopped. */
  read(message: Message, bytes: Uint8Array, at: number, end: number, depth: number, group: number): number;
}

const compiled = new WeakMap<DescMessage, CompiledMessage>();

export function compiledMessageOf(desc: DescMessage): CompiledMessage {
  let message = compiled.get(desc);
  if (message === undefined) {
    message = isCompilable(desc) ? lazy(desc) : reflective(desc);
    compiled.set(desc, message);
  }
  return message;
}

const mayGenerateCode = protoInt64.supported && mayBuildFunctions();

/** A property that every object inherits cannot tell whether a message has it. */
function isCompilable(desc: DescMessage): boolean {
  return mayGenerateCode && desc.members.every((member) => !(member.localName in Object.prototype));
}

/** Compiles at the first call of any of them, and puts the compiled functions in its own place. */
function lazy(desc: DescMessage): CompiledMessage {
  const message = {
    kind: "compiled" as const,
    make(): Message {
      Object.assign(message, generate(desc));
      return message.make();
    },
    create(init: unknown): Message {
      Object.assign(message, generate(desc));
      return message.create(init);
    },
    write(value: unknown, sink: ByteSink, at: number, initAllowed: boolean): number {
      Object.assign(message, generate(desc));
      return message.write(value, sink, at, initAllowed);
    },
    read(value: Message, bytes: Uint8Array, at: number, end: number, depth: number, group: number): number {
      Object.assign(message, generate(desc));
      return message.read(value, bytes, at, end, depth, group);
    },
  };
  return message;
}

type Generated = Pick<CompiledMessage, "make" | "create" | "write" | "read">;

function generate(desc: DescMessage): Generated {
  const sample = create(desc);
  const prototype = Object.getPrototypeOf(sample);
  const hasPrototype = prototype !== Object.prototype;
  const links: DescMessage[] = [];
  const linkOf = (target: DescMessage): string => {
    if (!links.includes(target)) links.push(target);
    return `link${links.indexOf(target)}`;
  };
  const functions = [
    emitMake(desc, sample, hasPrototype),
    emitCreate(desc, linkOf),
    emitEncode(desc, hasPrototype, linkOf),
    emitDecode(desc, linkOf),
  ];
  const scope: Record<string, unknown> = { ...environment, prototype };
  scope["known"] = new Set(desc.fields.map((field) => field.number));
  links.forEach((target, i) => {
    scope[`link${i}`] = compiledMessageOf(target);
  });
  desc.fields.forEach((field, i) => {
    if (field.enum) scope[`enum${i}`] = new Set(field.enum.values.map((value) => value.number));
  });
  return buildFunction(`${functions.join("\n")}\nreturn { make, create, write, read };`, scope) as Generated;
}

/** The names that generated code may use, besides those of one message. */
const environment = {
  ...plainNames,
  ...createRuntime,
  ...encodeRuntime,
  ...encodePacked,
  ...decodeRuntime,
  ...decodePacked,
  toStruct,
  fromStruct,
};

function reflective(desc: DescMessage): CompiledMessage {
  return {
    kind: "reflective",
    make: () => create(desc),
    create: (init) => create(desc, init as Record<string, unknown>),
    write(value, sink, at, initAllowed) {
      if (typeof value !== "object" || value === null || Array.isArray(value)) throw giveUp;
      const message =
        isMessage(value, desc) || !initAllowed ? value : create(desc, value as Record<string, unknown>);
      const bytes = toBinary(desc, message as Message);
      const room = encodeRuntime.grow(sink, at, bytes.length);
      room.set(bytes, at);
      return at + bytes.length;
    },
    read(message, bytes, at, end, depth, group) {
      // A group ends where protobuf-es finds its tag: only a decoder of the whole can tell.
      if (group !== 0 || depth > 100) throw giveUp;
      const part = bytes.subarray(at, end);
      mergeFromBinary(desc, message, part, { recursionLimit: 101 - depth });
      return end;
    },
  };
}
