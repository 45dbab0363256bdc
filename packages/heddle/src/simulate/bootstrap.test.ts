import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSeededRandom } from "../runtime/random.ts";
import { bootstrapMean, pairedDifference } from "./bootstrap.ts";
import { drawNormal } from "./distributions.ts";

describe("bootstrap", () => {
  it("has the true mean between its bounds about 19 times of 20", () => {
    const random = createSeededRandom(1);
    let caught = 0;
    for (let i = 0; i < 400; i++) {
      const { low, high } = bootstrapMean(
        Array.from({ length: 20 }, () => 10 + drawNormal(random)),
        400,
      );
      if (low <= 10 && 10 <= high) caught++;
    }
    assert.ok(caught > 350 && caught < 396, `caught ${caught} of 400`);
  });

  it("sees a small difference between pairs that vary much more together", () => {
    const random = createSeededRandom(2);
    const one = Array.from({ length: 20 }, () => 1000 + 300 * drawNormal(random));
    const other = one.map((value) => value - 5 + drawNormal(random));
    const { mean, low, high } = pairedDifference(one, other);
    assert.ok(low > 3 && high < 7 && low <= mean && mean <= high);
  });

  it("is the value itself where all are equal, and refuses what has no mean or no partner", () => {
    assert.deepEqual(bootstrapMean([5, 5, 5]), { mean: 5, low: 5, high: 5 });
    assert.throws(() => bootstrapMean([]), RangeError);
    assert.throws(() => pairedDifference([1], [1, 2]), RangeError);
  });
});
