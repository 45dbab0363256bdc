import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSeededRandom, systemRandom } from "./random.ts";

const draws = (seed: number, n: number) => {
  const random = createSeededRandom(seed);
  return Array.from({ length: n }, () => random.next());
};

describe("createSeededRandom", () => {
  it("repeats itself for a seed and differs for a neighbouring one", () => {
    assert.deepEqual(draws(7, 50), draws(7, 50));
    const [a, b] = [new Set(draws(7, 50)), draws(8, 50)];
    assert.ok(b.every((value) => !a.has(value)));
  });
});

for (const [name, random] of [
  ["seeded", createSeededRandom(3)],
  ["system", systemRandom],
] as const) {
  describe(`${name} random`, () => {
    it("is uniform over [0, 1)", () => {
      const buckets = Array.from({ length: 10 }, () => 0);
      for (let i = 0; i < 100_000; i++) {
        const value = random.next();
        assert.ok(value >= 0 && value < 1);
        const bucket = Math.floor(value * 10);
        buckets[bucket] = (buckets[bucket] as number) + 1;
      }
      for (const count of buckets) assert.ok(Math.abs(count - 10_000) < 700, `${count} of 10000 expected`);
    });

    it("gives every integer below n, and no other", () => {
      for (const n of [1, 2, 7]) {
        const seen = new Set(Array.from({ length: 500 }, () => random.below(n)));
        assert.deepEqual(
          [...seen].toSorted((a, b) => a - b),
          Array.from({ length: n }, (_, value) => value),
        );
      }
    });
  });
}
