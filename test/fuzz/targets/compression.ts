/**
 * Decompression of what strangers send, in all formats: the message as it was, or an error; never more than the
 * limit, and never longer than expanding an honest message of that size takes.
 */
import assert from "node:assert/strict";
import { acceptedEncodings, encodingNamed } from "../../../packages/heddle/src/wire/compression.ts";
import { concat, mutateBytes } from "../mutate.ts";
import type { FuzzTarget } from "../target.ts";

/** The first byte names the format. */
const CONTROL_BYTES = 1;
const maxBytes = 256 * 1024;

export const target: FuzzTarget = {
  generate(dice) {
    const which = dice.below(acceptedEncodings.length);
    const original = dice.chance(50)
      ? dice.bytes(dice.below(3000))
      : new Uint8Array(dice.pick([0, 1, 1000, maxBytes - 1, maxBytes, maxBytes + 1, 20 * maxBytes])).fill(
          dice.below(256),
        );
    const compressed = encodingAt(which).compress(original);
    const members = dice.chance(20) ? concat(compressed, compressed) : compressed;
    return concat(Uint8Array.of(which), dice.chance(70) ? mutateBytes(dice, members) : members);
  },

  check(input) {
    if (input.length < CONTROL_BYTES) return;
    const encoding = encodingAt(input[0] as number);
    let expanded: Uint8Array;
    try {
      expanded = encoding.decompress(input.subarray(CONTROL_BYTES), maxBytes);
    } catch (error) {
      assert.ok(error instanceof Error);
      return;
    }
    assert.ok(expanded.length <= maxBytes, `${expanded.length} bytes, ${maxBytes} allowed`);
    const again = encoding.decompress(encoding.compress(expanded), maxBytes);
    assert.equal(Buffer.compare(again, expanded), 0);
  },
};

function encodingAt(which: number) {
  const encoding = encodingNamed(acceptedEncodings[which % acceptedEncodings.length] as string);
  assert.ok(encoding !== undefined);
  return encoding;
}
