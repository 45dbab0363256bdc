/**
 * The same message, written in all the ways that the wire format allows: fields in another order, numbers with
 * idle bytes, packed lists in pieces and unpacked, messages in parts, map entries without key or value, fields
 * nobody knows in between. Compiled codecs and protobuf-es must make the same of it, on random types and on every
 * well-known type.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type DescField, type DescMessage, fromBinary, toBinary } from "@bufbuild/protobuf";
import * as wellKnown from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { codecOf } from "./codec.ts";
import {
  scalarOf,
  wire32,
  wire64,
  wireLength,
  wireStartGroup,
  wireTypeOf,
  wireVarint,
} from "./field-form.ts";
import { Dice, randomInit, randomTypes } from "./random-messages.test.ts";

const seeds = fc.integer({ min: 0, max: 0x7fffffff });

const wellKnownTypes = Object.values(wellKnown).filter(
  (value): value is typeof wellKnown.AnySchema =>
    typeof value === "object" && "kind" in value && value.kind === "message",
);

test("random types: whatever the spelling, the message is the same", () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const dice = new Dice(seed);
      for (const desc of randomTypes(dice)) agree(dice, desc);
    }),
    { numRuns: 80 },
  );
});

test("every well-known type: whatever the spelling, the message is the same", () => {
  assert.ok(wellKnownTypes.length > 60, `${wellKnownTypes.length} types`);
  for (const desc of wellKnownTypes as readonly DescMessage[]) {
    assert.equal(codecOf(desc).kind, "compiled", desc.typeName);
    for (let seed = 0; seed < 6; seed++) agree(new Dice(seed), desc);
  }
});

/** Encodes a random message and decodes it as it is, respelled, and respelled and damaged. */
function agree(dice: Dice, desc: DescMessage): void {
  const init = randomInit(dice, desc, 2);
  const bytes = toBinary(desc, create(desc, init));
  assert.deepStrictEqual(codecOf(desc).encode(init), bytes);
  const spelled = Uint8Array.from(respell(dice, desc, bytes, 0));
  const damaged = spelled.slice(0, dice.below(spelled.length + 1));
  if (damaged.length > 0) damaged[dice.below(damaged.length)] = dice.below(256);
  for (const input of [bytes, spelled, damaged]) {
    const expected = outcome(() => fromBinary(desc, input));
    const mine = outcome(() => codecOf(desc).decode(input));
    assert.deepStrictEqual(mine, expected);
    if (expected.value === undefined) continue;
    const again = outcome(() => codecOf(desc).encode(mine.value as never));
    assert.deepStrictEqual(
      again,
      outcome(() => toBinary(desc, expected.value as never)),
    );
  }
}

function outcome(run: () => unknown): { value?: unknown; error?: string } {
  try {
    return { value: run() };
  } catch (error) {
    return { error: String(error) };
  }
}

/** A field as it came: its content without tag, and without length when it has one. */
interface Part {
  readonly no: number;
  readonly wireType: number;
  readonly content: readonly number[];
}

function respell(dice: Dice, desc: DescMessage, bytes: ArrayLike<number>, depth: number): number[] {
  const byNumber = new Map(desc.fields.map((field) => [field.number, field]));
  const parts = split(bytes).flatMap((part) => {
    const field = byNumber.get(part.no);
    const spelled = field ? respellField(dice, field, part, depth) : [part];
    return dice.chance(15) ? [...spelled, stranger(dice)] : spelled;
  });
  for (let i = 1; i < parts.length; i++) {
    if (dice.chance(20)) [parts[i - 1], parts[i]] = [parts[i] as Part, parts[i - 1] as Part];
  }
  if (dice.chance(10) && parts.length > 0) parts.push(dice.pick(parts));
  return parts.flatMap((part) => write(dice, part));
}

function respellField(dice: Dice, field: DescField, part: Part, depth: number): Part[] {
  const { no, wireType, content } = part;
  if (field.fieldKind === "map") return [{ ...part, content: respellEntry(dice, content) }];
  if (field.message && (wireType === wireLength || wireType === wireStartGroup) && depth < 3) {
    const inner = respell(dice, field.message, content, depth + 1);
    if (field.fieldKind === "list" || !dice.chance(30)) return [{ no, wireType, content: inner }];
    // A message in two parts is merged.
    const inside = split(inner);
    const cut = dice.below(inside.length + 1);
    return [inside.slice(0, cut), inside.slice(cut)].map((some) => ({
      no,
      wireType,
      content: some.flatMap((one) => write(dice, one)),
    }));
  }
  if (field.fieldKind !== "list" || field.message) return [part];
  const single = wireTypeOf(scalarOf(field));
  if (single === wireLength) return [part];
  const items = wireType === wireLength ? splitPacked(content, single) : [content];
  const spelled: Part[] = [];
  for (let i = 0; i < items.length; ) {
    const count = dice.chance(30) ? 1 : 1 + dice.below(40);
    const some = items.slice(i, i + count);
    if (some.length === 1 && dice.chance(70)) spelled.push({ no, wireType: single, content: some[0] ?? [] });
    else {
      const packed = some.flatMap((item) => (single === wireVarint ? stretch(dice, item, 10) : item));
      spelled.push({ no, wireType: wireLength, content: packed });
    }
    i += count;
  }
  return spelled;
}

function respellEntry(dice: Dice, content: readonly number[]): number[] {
  let parts = split(content);
  if (dice.chance(15)) parts = parts.filter(({ no }) => no !== 1);
  if (dice.chance(15)) parts = parts.filter(({ no }) => no !== 2);
  if (dice.chance(20)) parts.reverse();
  if (dice.chance(10) && parts.length > 0) parts.push(dice.pick(parts));
  if (dice.chance(10)) parts.push(stranger(dice));
  return parts.flatMap((part) => write(dice, part));
}

/** A field that no type has. */
function stranger(dice: Dice): Part {
  const no = 400_000 + dice.below(3);
  return dice.pick<Part>([
    { no, wireType: wireVarint, content: [0x85, 1] },
    { no, wireType: wire32, content: [1, 2, 3, 4] },
    { no, wireType: wire64, content: [1, 2, 3, 4, 5, 6, 7, 8] },
    { no, wireType: wireLength, content: [8, 1] },
    { no, wireType: wireLength, content: [] },
    { no, wireType: wireStartGroup, content: [8, 1, 0x13, 0x0a, 1, 0x41, 0x14] },
  ]);
}

function write(dice: Dice, { no, wireType, content }: Part): number[] {
  const tag = stretch(dice, varint(no * 8 + wireType), 5);
  if (wireType === wireVarint) return [...tag, ...stretch(dice, content, 10)];
  if (wireType === wireLength) return [...tag, ...stretch(dice, varint(content.length), 5), ...content];
  if (wireType === wireStartGroup) return [...tag, ...content, ...varint(no * 8 + 4)];
  return [...tag, ...content];
}

/** The same number in more bytes, `most` at the most. */
function stretch(dice: Dice, bytes: readonly number[], most: number): number[] {
  if (!dice.chance(8) || bytes.length >= most) return [...bytes];
  const idle = 1 + dice.below(most - bytes.length);
  const last = (bytes.at(-1) ?? 0) | 0x80;
  return [...bytes.slice(0, -1), last, ...Array.from({ length: idle - 1 }, () => 0x80), 0];
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return [...bytes, rest];
}

function splitPacked(content: readonly number[], wireType: number): number[][] {
  const items: number[][] = [];
  const size = wireType === wire32 ? 4 : 8;
  for (let at = 0; at < content.length; ) {
    const end =
      wireType === wireVarint ? content.findIndex((byte, i) => i >= at && byte < 128) + 1 : at + size;
    items.push(content.slice(at, end));
    at = end;
  }
  return items;
}

/** The fields of a valid message. */
function split(bytes: ArrayLike<number>): Part[] {
  const parts: Part[] = [];
  const all = Array.from(bytes);
  let at = 0;
  const readVarint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = all[at++] as number;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  const skip = (wireType: number): void => {
    if (wireType === wireVarint) while ((all[at++] as number) > 127);
    else if (wireType === wire64) at += 8;
    else if (wireType === wire32) at += 4;
    else if (wireType === wireLength) {
      const size = readVarint();
      at += size;
    } else {
      for (let inner = readVarint(); inner % 8 !== 4; inner = readVarint()) skip(inner % 8);
    }
  };
  while (at < all.length) {
    const tag = readVarint();
    const [no, wireType] = [Math.floor(tag / 8), tag % 8];
    let start = at;
    skip(wireType);
    let end = at;
    if (wireType === wireLength) {
      at = start;
      readVarint();
      start = at;
      at = end;
    } else if (wireType === wireStartGroup) end -= varint(no * 8 + 4).length;
    parts.push({ no, wireType, content: all.slice(start, end) });
  }
  return parts;
}
