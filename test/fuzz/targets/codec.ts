/**
 * Compiled codecs beside protobuf-es, over random message types and broken bytes of them: the same message, or both
 * refuse; and what was decoded is encoded to the same bytes.
 */
import assert from "node:assert/strict";
import { fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { type Codec, codecOf } from "../../../packages/heddle/src/contract/codec/codec.ts";
import {
  Dice as TypeDice,
  randomInit,
  randomTypes,
} from "../../../packages/heddle/src/contract/codec/random-messages.test.ts";
import { concat, mutateBytes, mutatePieces } from "../mutate.ts";
import type { Dice } from "../dice.ts";
import type { FuzzTarget } from "../target.ts";

/** Different sets of types. */
const typeSets = 64;

/** The first byte names a set of types, the second a type of it. */
const CONTROL_BYTES = 2;

/** Comparing what two codecs made of a message takes longer than making it. */
const LONGEST_BYTES = 200_000;

/** Compiled before the first input, so that what they weigh is not taken for growth. */
const codecs: readonly (readonly Codec[])[] = Array.from({ length: typeSets }, (_, set) =>
  randomTypes(new TypeDice(set)).map((desc) => codecOf(desc)),
);

export const target: FuzzTarget = {
  limitMs: 3000,

  generate(dice) {
    const [set, which] = [dice.below(typeSets), dice.below(4)];
    const codec = codecAt(set, which);
    const pieces = mutatePieces(dice, [...fieldsOf(dice, codec)]);
    return concat(Uint8Array.of(set, which), ...pieces).subarray(0, LONGEST_BYTES);
  },

  check(input) {
    if (input.length < CONTROL_BYTES) return;
    const codec = codecAt(input[0] as number, input[1] as number);
    const bytes = input.subarray(CONTROL_BYTES);
    const ours = attempt(() => codec.decode(bytes));
    if (ours instanceof Error && BOMB.test(ours.message)) return;
    const theirs = attempt(() => fromBinary(codec.desc, bytes));
    if (ours instanceof Error || theirs instanceof Error) {
      assert.equal(ours instanceof Error, theirs instanceof Error, "both refuse it, or none");
      return;
    }
    assert.deepStrictEqual(ours, theirs);
    const [out, expected] = [attempt(() => codec.encode(ours)), attempt(() => toBinary(codec.desc, theirs))];
    if (expected instanceof Error || out instanceof Error) {
      assert.ok(out instanceof Error && expected instanceof Error, "a required field is missing");
      return;
    }
    if (Buffer.compare(out, expected) === 0) return;
    // A signalling NaN may become a quiet one whenever the engine moves it: the only bits that may differ.
    assert.equal(out.length, expected.length);
    assert.deepStrictEqual(fromBinary(codec.desc, out), fromBinary(codec.desc, expected));
    assert.ok(holdsNaN(expected), "the same bytes");
  },
};

function codecAt(set: number, which: number): Codec {
  const types = codecs[set % typeSets] as readonly Codec[];
  return types[which % types.length] as Codec;
}

/** A few messages of the type, one after the other: together they are one message, by protobuf's rules. */
function* fieldsOf(dice: Dice, codec: Codec): Generator<Uint8Array> {
  for (let parts = dice.below(4); parts > 0; parts--) {
    const source = new TypeDice(dice.below(2 ** 31));
    const bytes = attempt(() => codec.encode(randomInit(source, codec.desc) as Message));
    if (!(bytes instanceof Uint8Array)) continue;
    yield bytes.length > 4000 ? bytes.subarray(0, 4000) : bytes;
    if (dice.chance(40)) yield mutateBytes(dice, bytes);
    if (dice.chance(30)) yield nested(dice, bytes);
  }
}

/** The bytes as a field of some number, over and over: deep nesting, and groups that never end. */
function nested(dice: Dice, bytes: Uint8Array): Uint8Array {
  let inner = bytes.subarray(0, 30);
  const number = 1 + dice.below(15);
  const group = dice.chance(40);
  for (let depth = dice.pick([1, 5, 99, 101, 300]); depth > 0; depth--) {
    inner = group
      ? concat(Uint8Array.of((number << 3) | 3), inner, Uint8Array.of((number << 3) | 4))
      : concat(Uint8Array.of((number << 3) | 2, (inner.length & 127) | 128, inner.length >>> 7), inner);
  }
  return inner;
}

/** What it throws is its result, too. */
function attempt<T>(run: () => T): T | Error {
  try {
    return run();
  } catch (error) {
    assert.ok(error instanceof Error);
    return error;
  }
}

/** The one thing that protobuf-es takes, for hours, and we do not; see struct-guard.ts. */
const BOMB = /^field \d+ is there more than 64 times$|^it is not encoded as a /;

/** Whether a number somewhere in these bytes could be NaN: all bits of its exponent are set. */
function holdsNaN(bytes: Uint8Array): boolean {
  return bytes.some(
    (byte, at) => (byte & 0x7f) === 0x7f && (at > 0 ? (bytes[at - 1] as number) >= 0x80 : false),
  );
}
