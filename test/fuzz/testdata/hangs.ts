/** A target that never ends on one input in a hundred, for the test of the fuzzer itself. */
import type { FuzzTarget } from "../target.ts";

export const target: FuzzTarget = {
  generate: (dice) => Uint8Array.of(dice.below(100)),
  check(input) {
    while (input[0] === 42);
  },
};
