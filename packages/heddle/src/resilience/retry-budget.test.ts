import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { RetryBudget } from "./retry-budget.ts";

describe("RetryBudget", () => {
  it("starts with its floor over the TTL", () => {
    assert.equal(new RetryBudget().available(0), 30);
    assert.equal(new RetryBudget({ minPerSecond: 0 }).available(0), 0);
    assert.equal(new RetryBudget({ minPerSecond: 2, ttlMs: 1000 }).available(0), 2);
  });

  it("earns a retry with every ten requests", () => {
    const budget = new RetryBudget({ minPerSecond: 0 });
    for (let request = 0; request < 9; request++) budget.deposit(0);
    assert.equal(budget.tryWithdraw(0), false);
    budget.deposit(0);
    assert.equal(budget.tryWithdraw(0), true);
    assert.equal(budget.tryWithdraw(0), false);
  });

  it("does not lose a retry to binary fractions", () => {
    const budget = new RetryBudget({ ratio: 0.29, minPerSecond: 0 });
    for (let request = 0; request < 100; request++) budget.deposit(0);
    assert.equal(budget.available(0), 29);
  });

  it("forgets a deposit after the TTL, and gives the floor back after it", () => {
    const budget = new RetryBudget({ minPerSecond: 0.1 });
    for (let request = 0; request < 10; request++) budget.deposit(0);
    assert.equal(budget.available(9999), 2);
    assert.equal(budget.tryWithdraw(9999), true);
    assert.equal(budget.tryWithdraw(9999), true);
    assert.equal(budget.tryWithdraw(9999), false);
    assert.equal(budget.available(19_998), 0);
    assert.equal(budget.available(21_000), 1);
    assert.equal(budget.available(1e12), 1);
  });

  it("stays at the ratio under steady load when every call fails", () => {
    const budget = new RetryBudget();
    let retries = 0;
    for (let call = 0; call < 1_000_000; call++) {
      const nowMs = call / 10;
      budget.deposit(nowMs);
      if (budget.tryWithdraw(nowMs)) retries++;
    }
    assert.ok(
      retries > 98_000 && retries <= 100_000 + 330,
      `${retries} retries for a million requests in 100 s`,
    );
  });

  it("survives a clock that steps back", () => {
    const budget = new RetryBudget({ minPerSecond: 0 });
    for (let request = 0; request < 10; request++) budget.deposit(50_000);
    assert.equal(budget.tryWithdraw(10_000), true);
    assert.equal(budget.tryWithdraw(50_000), false);
  });

  it("refuses settings that make no sense", () => {
    for (const options of [{ ratio: -1 }, { ratio: Number.NaN }, { minPerSecond: -1 }, { ttlMs: 0 }]) {
      assert.throws(() => new RetryBudget(options), RangeError);
    }
  });

  it("never spends more than ratio × requests + floor × time, over any window", () => {
    const event = fc.record({
      gapMs: fc.oneof(fc.nat({ max: 30 }), fc.nat({ max: 700 })),
      requests: fc.nat({ max: 12 }),
      retries: fc.nat({ max: 6 }),
    });
    const options = fc.record({
      ratio: fc.constantFrom(0, 0.1, 0.2, 0.5, 1, 2),
      minPerSecond: fc.constantFrom(0, 1, 3, 10),
      ttlMs: fc.constantFrom(1000, 2000),
    });
    fc.assert(
      fc.property(
        options,
        fc.nat({ max: 5000 }),
        fc.array(event, { maxLength: 120 }),
        (each, startMs, events) => {
          const budget = new RetryBudget(each);
          const log: { ms: number; requests: number; retries: number }[] = [];
          let ms = startMs;
          for (const { gapMs, requests, retries } of events) {
            ms += gapMs;
            for (let i = 0; i < requests; i++) budget.deposit(ms);
            let granted = 0;
            for (let i = 0; i < retries; i++) {
              const available = budget.available(ms);
              assert.equal(budget.tryWithdraw(ms), available >= 1);
              if (available >= 1) granted++;
            }
            log.push({ ms, requests, retries: granted });
          }
          assertBounded(log, each);
        },
      ),
      { numRuns: 300 },
    );
  });
});

/** For each window (fromMs, untilMs]: floors of every TTL begun in it, and deposits still alive at its start. */
function assertBounded(
  log: readonly { ms: number; requests: number; retries: number }[],
  { ratio, minPerSecond, ttlMs }: { ratio: number; minPerSecond: number; ttlMs: number },
): void {
  const floor = (minPerSecond * ttlMs) / 1000;
  for (const [first, { ms: fromMs }] of log.entries()) {
    let requests = 0;
    for (const each of log.slice(0, first)) if (each.ms > fromMs - 1.1 * ttlMs) requests += each.requests;
    let retries = 0;
    for (const { ms: untilMs, ...each } of log.slice(first)) {
      requests += each.requests;
      retries += each.retries;
      const begunTtls = Math.floor((untilMs - fromMs) / ttlMs) + 1;
      const allowed = ratio * requests + floor * begunTtls;
      assert.ok(
        retries <= allowed + 1e-6,
        `${retries} retries from ${fromMs} to ${untilMs} ms, ${allowed} allowed`,
      );
    }
  }
}
