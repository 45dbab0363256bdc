/**
 * The codecs, each used as its users do: a message to a fresh array of bytes, bytes to a fresh message.
 * Heddle and protobuf-es are given the same messages; protobufjs those that it makes of the same bytes.
 */
import { fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import type { Fixture } from "./fixtures.ts";

export interface Contestant {
  encode(index: number): Uint8Array;
  decode(index: number): unknown;
}

/** Prepares a few messages of a fixture, and their bytes as protobuf-es writes them. */
type Prepare = (fixture: Fixture, messages: readonly Message[], bytes: readonly Uint8Array[]) => Contestant;

const loaders: Record<string, () => Promise<Prepare>> = {
  heddle: loadHeddle,
  "protobuf-es": () => Promise.resolve(prepareProtobufEs),
  protobufjs: loadProtobufjs,
};

export const contestantNames = Object.keys(loaders);

export async function loadContestant(name: string): Promise<Prepare> {
  const load = loaders[name];
  if (!load) throw new Error(`there is no codec "${name}"`);
  return load();
}

async function loadHeddle(): Promise<Prepare> {
  const { codecOf } = await import("heddle/codec");
  return ({ schema }, messages, bytes) => {
    const codec = codecOf(schema);
    return {
      encode: (index) => codec.encode(messages[index] as Message),
      decode: (index) => codec.decode(bytes[index] as Uint8Array),
    };
  };
}

function prepareProtobufEs(
  { schema }: Fixture,
  messages: readonly Message[],
  bytes: readonly Uint8Array[],
): Contestant {
  return {
    encode: (index) => toBinary(schema, messages[index] as Message),
    decode: (index) => fromBinary(schema, bytes[index] as Uint8Array),
  };
}

/** What the static code has of every message type. */
interface StaticType {
  encode(message: object): { finish(): Uint8Array };
  decode(bytes: Uint8Array): object;
}

async function loadProtobufjs(): Promise<Prepare> {
  const { bench } = await import("../gen/protobufjs/static.js");
  const types = bench.v1 as unknown as Record<string, StaticType>;
  return ({ schema }, _, bytes) => {
    const type = types[schema.name];
    if (!type) throw new Error(`protobufjs has no ${schema.typeName}`);
    const messages = bytes.map((some) => type.decode(some));
    return {
      encode: (index) => type.encode(messages[index] as object).finish(),
      decode: (index) => type.decode(bytes[index] as Uint8Array),
    };
  };
}
