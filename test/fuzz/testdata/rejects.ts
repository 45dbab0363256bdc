/** A target that lets a rejection go loose, for the test of the fuzzer itself. */
import type { FuzzTarget } from "../target.ts";

export const target: FuzzTarget = {
  generate: (dice) => Uint8Array.of(dice.below(50)),
  check(input) {
    if (input[0] === 42) void Promise.reject(new Error("loose"));
  },
};
