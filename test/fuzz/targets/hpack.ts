/**
 * HPACK in both directions, over a whole connection of blocks.
 *
 * A decoder with its cache of blocks and one without must agree on every block, be it a list or a refusal, whatever
 * the table has been made to do meanwhile. What the encoder writes under changing table sizes the decoder must read
 * back, field by field.
 */
import assert from "node:assert/strict";
import { ByteWriter } from "../../../packages/heddle/src/wire/byte-writer.ts";
import { HpackDecoder } from "../../../packages/heddle/src/wire/hpack/decoder.ts";
import { type FieldMode, HpackEncoder } from "../../../packages/heddle/src/wire/hpack/encoder.ts";
import { HpackError } from "../../../packages/heddle/src/wire/hpack/hpack-error.ts";
import { Dice } from "../dice.ts";
import { concat, mutateBytes, mutatePieces } from "../mutate.ts";
import type { FuzzTarget } from "../target.ts";

const maxHeaderListBytes = 2048;

/** Blocks behind two bytes of length each. */
export const target: FuzzTarget = {
  generate(dice) {
    const encoder = new HpackEncoder();
    const blocks = Array.from({ length: 1 + dice.below(20) }, () => {
      const out = new ByteWriter();
      if (dice.chance(30)) encoder.setPeerTableBytes(dice.pick([0, 40, 100, 4096, 10_000]));
      encoder.begin(out);
      encoder.fields(out, fields(dice), mode(dice));
      return out.view().slice();
    });
    const pieces = mutatePieces(dice, blocks).map((block) =>
      dice.chance(10) ? mutateBytes(dice, block) : block,
    );
    return concat(...pieces.flatMap((block) => [Uint8Array.of(block.length >>> 8, block.length), block]));
  },

  check(input) {
    const blocks = [...split(input)];
    decodeAll(blocks);
    roundTrip(new Dice(input.length + (input[0] ?? 0) * 7919));
  },
};

function decodeAll(blocks: readonly Uint8Array[]): void {
  const caching = new HpackDecoder({ maxHeaderListBytes });
  const plain = new HpackDecoder({ maxHeaderListBytes, maxCachedBlocks: 0 });
  for (const block of blocks) {
    const expected = outcome(plain, block);
    assert.deepEqual(outcome(caching, block), expected);
    if (expected === "compression") return;
    // The same again: what the cache holds now must be what a fresh reading gives.
    const again = outcome(plain, block);
    assert.deepEqual(outcome(caching, block), again);
    if (again === "compression") return;
  }
}

/** The list, or the reason why there is none. */
function outcome(decoder: HpackDecoder, block: Uint8Array): readonly string[] | string {
  try {
    const { fields: list, listBytes } = decoder.decode(block, 0, block.length);
    assert.ok(listBytes <= maxHeaderListBytes, `a list of ${listBytes} bytes`);
    return list;
  } catch (error) {
    if (error instanceof HpackError) return error.reason;
    throw error;
  }
}

function roundTrip(dice: Dice): void {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder({ maxHeaderListBytes: 1 << 20 });
  for (let blocks = 5; blocks > 0; blocks--) {
    if (dice.chance(30)) encoder.setPeerTableBytes(dice.pick([0, 33, 100, 4096]));
    const out = new ByteWriter();
    const given = fields(dice);
    encoder.begin(out);
    for (let i = 0; i < given.length; i += 2)
      encoder.field(out, given[i] as string, given[i + 1] as string, mode(dice));
    assert.deepEqual(decoder.decode(out.bytes, 0, out.length).fields, given);
  }
}

function fields(dice: Dice): string[] {
  return Array.from({ length: dice.below(8) }, () => [
    dice.pick([
      ":status",
      ":path",
      "content-type",
      "grpc-timeout",
      "x-a",
      "x-b",
      "cookie",
      `x-${dice.below(50)}`,
    ]),
    dice.pick([
      "200",
      "/",
      "application/grpc",
      "",
      `${dice.below(30)}m`,
      "é\u00ff\u0000",
      "v".repeat(dice.edge() % 1500),
    ]),
  ]).flat();
}

function mode(dice: Dice): FieldMode {
  return dice.pick(["index", "index", "plain", "never"]);
}

function* split(input: Uint8Array): Generator<Uint8Array, void, undefined> {
  for (let at = 0; at + 2 <= input.length; ) {
    const length = ((input[at] as number) << 8) | (input[at + 1] as number);
    yield input.subarray(at + 2, at + 2 + length);
    at += 2 + length;
  }
}
