import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createSeededRandom } from "../runtime/random.ts";
import { chooseByHotCold, createRifWindow, isBetterByHotCold } from "./hot-cold.ts";
import { createHotQuantile, noteReportedLatency } from "./hot-quantile.ts";

const load = fc.record({ rif: fc.nat(20), latencyMs: fc.integer({ min: -1, max: 50 }) });

describe("hot and cold", () => {
  it("is an order: never both ways, and transitive", () => {
    fc.assert(
      fc.property(load, load, load, fc.integer({ min: -1, max: 21 }), (a, b, c, threshold) => {
        const isBetter = (x: typeof a, y: typeof a) => isBetterByHotCold(x, y, threshold);
        assert.ok(!(isBetter(a, b) && isBetter(b, a)));
        if (isBetter(a, b) && isBetter(b, c)) assert.ok(isBetter(a, c));
      }),
    );
  });

  it("chooses a cold one of least latency when there is one, else the least RIF", () => {
    fc.assert(
      fc.property(
        fc.array(load, { minLength: 1 }),
        fc.integer({ min: -1, max: 21 }),
        (answers, threshold) => {
          const chosen = answers[chooseByHotCold(answers, threshold)] as (typeof answers)[0];
          const cold = answers.filter(({ rif }) => rif <= threshold);
          if (cold.length > 0) {
            assert.equal(chosen.latencyMs, Math.min(...cold.map(({ latencyMs }) => latencyMs)));
            assert.ok(chosen.rif <= threshold);
          } else assert.equal(chosen.rif, Math.min(...answers.map(({ rif }) => rif)));
        },
      ),
    );
    assert.equal(chooseByHotCold([], 3), -1);
  });
});

describe("the RIF window", () => {
  it("has the quantile of the last answers", () => {
    const rifs = fc.array(fc.nat(500), { minLength: 1, maxLength: 100 });
    fc.assert(
      fc.property(rifs, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (values, quantile) => {
        const window = createRifWindow(32);
        for (const rif of values) window.add(rif);
        const last = values.slice(-32).sort((a, b) => a - b);
        assert.equal(window.threshold(quantile), last[Math.ceil(quantile * last.length) - 1]);
      }),
    );
  });

  it("makes all hot at 0 and all cold at 1", () => {
    const window = createRifWindow();
    window.add(0);
    assert.equal(window.threshold(0), -1);
    assert.equal(window.threshold(1), Number.POSITIVE_INFINITY);
    assert.equal(createRifWindow().threshold(0.5), 0);
  });
});

describe("the adaptive quantile", () => {
  const judgeOften = (means: number[]) => {
    const quantile = createHotQuantile(createSeededRandom(1));
    for (let i = 0; i < 40; i++) quantile.judge(means.map((meanMs) => ({ meanMs })));
    return quantile.value;
  };

  it("is high for two kinds of machines, low for alike ones of which some are disturbed", () => {
    const half = Array.from({ length: 20 }, (_, i) => (i < 10 ? 40 : 80));
    const few = Array.from({ length: 20 }, (_, i) => (i < 2 ? 400 : 80 + i));
    assert.equal(judgeOften(half).toFixed(2), "0.90");
    assert.equal(judgeOften(few).toFixed(2), "0.60");
  });

  it("stays at 0.84 until there is something to judge, and within its bounds", () => {
    assert.equal(judgeOften([10, 90, 0, 0, 0, 0]), 0.84);
    const means = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }));
    fc.assert(
      fc.property(means, (values) => {
        const value = judgeOften(values);
        assert.ok(value >= 0.6 && value <= 0.9);
      }),
    );
  });

  it("looks once a second, and not all clients at once", () => {
    const quantile = createHotQuantile(createSeededRandom(3));
    let looks = 0;
    for (let nowMs = 0; nowMs < 10_000; nowMs += 10) if (quantile.isDue(nowMs)) looks++;
    assert.equal(looks, 10);
  });

  it("averages what an instance reports, leaving out what is unknown", () => {
    const mean = { meanMs: 0 };
    noteReportedLatency(mean, -1);
    assert.equal(mean.meanMs, 0);
    noteReportedLatency(mean, 100);
    noteReportedLatency(mean, 200);
    assert.equal(mean.meanMs, 110);
  });
});
