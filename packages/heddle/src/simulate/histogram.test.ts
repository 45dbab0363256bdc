import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createHistogram } from "./histogram.ts";

describe("histogram", () => {
  it("has every quantile to 0.4 %, or 1/256 below 1", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 200 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, q) => {
          const histogram = createHistogram();
          for (const value of values) histogram.add(value);
          const sorted = values.toSorted((a, b) => a - b);
          const exact = sorted[Math.max(0, Math.ceil(q * values.length) - 1)] as number;
          const told = histogram.quantile(q);
          assert.ok(Math.abs(told - exact) <= Math.max(1, exact) / 256 + 1e-9, `${told} for ${exact}`);
        },
      ),
    );
  });

  it("merges as if everything had been added to one", () => {
    const [one, other, both] = [createHistogram(), createHistogram(), createHistogram()];
    for (let i = 0; i < 1000; i++) {
      (i % 3 === 0 ? one : other).add(i);
      both.add(i);
    }
    one.merge(other);
    assert.deepEqual(
      [one.count, one.sum, one.max, one.quantile(0.9)],
      [both.count, both.sum, both.max, both.quantile(0.9)],
    );
  });

  it("has no quantile of nothing, and refuses what is no latency", () => {
    const histogram = createHistogram();
    assert.ok(Number.isNaN(histogram.quantile(0.5)));
    assert.throws(() => histogram.add(-1), RangeError);
    assert.throws(() => histogram.add(Number.NaN), RangeError);
  });
});
