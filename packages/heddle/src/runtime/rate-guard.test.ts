import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { RateGuard } from "./rate-guard.ts";

describe("RateGuard", () => {
  it("lets a burst up to the limit pass, and earns it back evenly", () => {
    const guard = new RateGuard({ limit: 100, perMs: 1000 });
    for (let i = 0; i < 100; i++) assert.equal(guard.hit(0), false);
    assert.equal(guard.hit(0), true);
    assert.equal(guard.hit(9), true);
    assert.equal(guard.hit(10), false);
    assert.equal(guard.hit(10), true);
    assert.equal(guard.hit(1e9, 100), false);
    assert.equal(guard.hit(1e9), true);
  });

  it("never trips below the rate, and earns nothing from a clock that steps back", () => {
    const steady = new RateGuard({ limit: 10, perMs: 1000 });
    for (let ms = 0; ms < 100_000; ms += 100) assert.equal(steady.hit(ms), false);
    const guard = new RateGuard({ limit: 1, perMs: 1000 });
    assert.equal(guard.hit(5000), false);
    assert.equal(guard.hit(0), true);
    assert.equal(guard.hit(5500), true);
    assert.equal(guard.hit(6000), false);
  });

  it("passes at most limit × (1 + t / perMs) over any stretch of t ms", () => {
    const hits = fc.array(fc.tuple(fc.nat({ max: 400 }), fc.integer({ min: 1, max: 5 })), { maxLength: 80 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), hits, (limit, steps) => {
        const guard = new RateGuard({ limit, perMs: 1000 });
        const passed: { ms: number; n: number }[] = [];
        let ms = 0;
        for (const [gapMs, n] of steps) {
          ms += gapMs;
          if (!guard.hit(ms, n)) passed.push({ ms, n });
        }
        for (const [from, first] of passed.entries()) {
          let sum = 0;
          for (const { ms: untilMs, n } of passed.slice(from)) {
            sum += n;
            assert.ok(sum <= limit * (1 + (untilMs - first.ms) / 1000) + 1e-6);
          }
        }
      }),
    );
  });

  it("with a limit of 0 lets nothing pass", () => {
    assert.equal(new RateGuard({ limit: 0, perMs: 1000 }).hit(1), true);
    assert.throws(() => new RateGuard({ limit: 1, perMs: 0 }), RangeError);
    assert.throws(() => new RateGuard({ limit: -1, perMs: 1 }), RangeError);
  });
});
