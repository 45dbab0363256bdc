/** A target that breaks on two octets in a row, for the test of the fuzzer itself. */
import type { FuzzTarget } from "../target.ts";

export const target: FuzzTarget = {
  generate: (dice) => dice.bytes(200),
  check(input) {
    const at = input.indexOf(7);
    if (at >= 0 && (input[at + 1] ?? 0) > 200) throw new Error("seven and a large one");
  },
};
