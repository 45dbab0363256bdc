import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { indexOfPlace, lowerEdge, placeOf, ZERO_THRESHOLD } from "./exponential.ts";
import { classicBuckets, Histogram } from "./histogram.ts";
import type { HistogramValue } from "./snapshot.ts";

const bounds = [0.005, 0.01, 0.1, 1, 10];
const aValue = fc.double({ min: 2 ** -19, max: 2 ** 40, noNaN: true });

function histogramOf(values: readonly number[]): HistogramValue {
  const histogram = new Histogram([], classicBuckets(bounds));
  for (const value of values) histogram.record(value);
  return histogram.read();
}

/** The upper edge of the exponential bucket in which the value of a rank lies. */
function quantile({ exponential }: HistogramValue, rank: number): number {
  assert.ok(exponential);
  let left = rank - exponential.zeroCount;
  for (const [i, count] of exponential.counts.entries()) {
    left -= count;
    if (left <= 0) return 2 ** ((exponential.offset + i + 1) / 8);
  }
  return Number.NaN;
}

describe("exponential buckets", () => {
  it("hold what is above their lower edge and at most their upper one", () => {
    fc.assert(
      fc.property(fc.double({ min: 2 ** -19.9, max: 2 ** 50, noNaN: true }), (value) => {
        const place = placeOf(value);
        assert.ok(value > lowerEdge(place), `${value} in ${place}`);
        assert.ok(value <= lowerEdge(place + 1), `${value} in ${place}`);
      }),
      { numRuns: 5000 },
    );
  });

  it("hold a power of two in the bucket that it ends", () => {
    for (let exponent = -19; exponent <= 50; exponent++)
      assert.equal(indexOfPlace(placeOf(2 ** exponent)), exponent * 8 - 1);
  });

  it("hold an edge in the bucket below, and what is next to it in the one above", () => {
    for (let index = -100; index < 100; index++) {
      const edge = lowerEdge(index + 160);
      assert.equal(indexOfPlace(placeOf(edge)), index - 1);
      assert.equal(indexOfPlace(placeOf(edge * (1 + 2 ** -52))), index);
    }
  });

  it("hold the largest numbers in the last", () => {
    assert.equal(placeOf(Number.MAX_VALUE), placeOf(2 ** 50));
    assert.equal(placeOf(Number.POSITIVE_INFINITY), placeOf(2 ** 50));
  });
});

describe("a histogram", () => {
  it("counts every value once, in both kinds of buckets, exactly", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(aValue, fc.double({ noNaN: true, min: -5, max: 20 }))), (values) => {
        const { count, sum, bucketCounts, exponential } = histogramOf(values);
        assert.equal(count, values.length);
        assert.equal(
          sum,
          values.reduce((total, value) => total + value, 0),
        );
        const expected = bounds.map((bound, i) => {
          const least = i === 0 ? Number.NEGATIVE_INFINITY : (bounds[i - 1] as number);
          return values.filter((value) => value > least && value <= bound).length;
        });
        expected.push(values.filter((value) => value > 10).length);
        assert.deepEqual([...bucketCounts], expected);
        assert.ok(exponential);
        const inExponential = exponential.counts.reduce((total, each) => total + each, exponential.zeroCount);
        assert.equal(inExponential, values.length);
        assert.equal(exponential.zeroCount, values.filter((value) => value <= ZERO_THRESHOLD).length);
      }),
    );
  });

  it("is right about any quantile to nine per cent", () => {
    fc.assert(
      fc.property(
        fc.array(aValue, { minLength: 1 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (values, share) => {
          const rank = Math.max(1, Math.ceil(share * values.length));
          const real = values.toSorted((a, b) => a - b)[rank - 1] as number;
          const found = quantile(histogramOf(values), rank);
          assert.ok(
            found >= real * (1 - 1e-12) && found <= real * 2 ** (1 / 8) * (1 + 1e-12),
            `${found} for ${real}`,
          );
        },
      ),
    );
  });

  it("is added to another by adding counts", () => {
    fc.assert(
      fc.property(fc.array(aValue), fc.array(aValue), (some, others) => {
        const counts = new Map<number, number>();
        for (const { exponential } of [histogramOf(some), histogramOf(others)]) {
          assert.ok(exponential);
          for (const [i, count] of exponential.counts.entries()) {
            const index = exponential.offset + i;
            counts.set(index, (counts.get(index) ?? 0) + count);
          }
        }
        const together = histogramOf([...some, ...others]).exponential;
        assert.ok(together);
        for (const [i, count] of together.counts.entries())
          assert.equal(counts.get(together.offset + i) ?? 0, count);
      }),
    );
  });

  it("leaves out what is no number", () => {
    const { count, sum } = histogramOf([Number.NaN, 1]);
    assert.deepEqual({ count, sum }, { count: 1, sum: 1 });
  });

  it("gives a snapshot that stays as it is", () => {
    const histogram = new Histogram([], classicBuckets(bounds));
    histogram.record(1);
    const before = histogram.read();
    histogram.record(1);
    assert.equal(before.count, 1);
    assert.equal(before.bucketCounts[3], 1);
    assert.equal(histogram.read().count, 2);
  });

  it("keeps an example a bucket, at most one a second, of traces that are kept", () => {
    const histogram = new Histogram([], classicBuckets(bounds));
    let asked = 0;
    const traced = (traceId: string) => ({
      exemplarTrace: () => {
        asked++;
        return { traceId };
      },
    });
    histogram.recordFor(0.5, 0, { exemplarTrace: () => undefined });
    assert.equal(histogram.read().exemplars, undefined);
    histogram.recordFor(0.5, 1500, traced("a"));
    histogram.recordFor(0.6, 1600, traced("b"));
    histogram.recordFor(5, 1700, traced("c"));
    histogram.recordFor(0.7, 2600, traced("d"));
    assert.equal(asked, 3);
    assert.deepEqual(
      histogram.read().exemplars?.map((each) => each && `${each.traceId} ${each.value}`),
      [undefined, undefined, undefined, "d 0.7", "c 5", undefined],
    );
  });
});
