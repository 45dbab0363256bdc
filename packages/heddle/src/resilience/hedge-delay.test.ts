import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSeededRandom } from "../runtime/random.ts";
import { HedgeDelay } from "./hedge-delay.ts";
import { defaultHedgePolicy } from "./hedge-policy.ts";

describe("HedgeDelay", () => {
  it("says nothing until enough is known, and then the time that 98 % of the calls stay below", () => {
    const delay = new HedgeDelay(defaultHedgePolicy);
    for (let call = 0; call < 99; call++) {
      assert.equal(delay.callStarted(call * 100), undefined);
      delay.record(call % 25 === 0 ? 80 : 10);
    }
    let nowMs = 10_000;
    for (; nowMs < 20_000; nowMs += 10) {
      delay.callStarted(nowMs);
      delay.record(nowMs % 250 === 0 ? 80 : 10);
    }
    const delayMs = delay.callStarted(nowMs);
    assert.ok(delayMs !== undefined && delayMs > 77 && delayMs < 83, `${delayMs}`);
    assert.ok(delay.usualMs > 9.6 && delay.usualMs < 10.4);
  });

  it("is never below a millisecond", () => {
    const delay = new HedgeDelay(defaultHedgePolicy);
    for (let call = 0; call < 1000; call++) {
      delay.callStarted(call * 10);
      delay.record(0.05);
    }
    assert.equal(delay.callStarted(10_000), 1);
  });

  it("hedges its share of the calls, also while everything is slower than the delay", () => {
    const delay = new HedgeDelay(defaultHedgePolicy);
    const random = createSeededRandom(2);
    let hedges = 0;
    let calls = 0;
    for (let nowMs = 0; nowMs < 60_000; nowMs += 2) {
      const delayMs = delay.callStarted(nowMs);
      calls++;
      const latencyMs = (nowMs > 30_000 ? 200 : 10) * (1 + random.next());
      // What a hedge overtakes is recorded with the time it had then.
      const overtaken = delayMs !== undefined && latencyMs > delayMs && delay.tryWithdraw(nowMs + delayMs);
      if (overtaken) hedges++;
      delay.record(overtaken ? delayMs + 5 : latencyMs);
    }
    assert.ok(hedges > 0.01 * calls && hedges <= 0.02 * calls + 1, `${hedges} of ${calls}`);
    const delayMs = delay.callStarted(60_000);
    assert.ok(delayMs !== undefined && delayMs > 200, "it has followed the service");
  });

  it("cuts the tail that single slow instances make, for the 2 % that it costs", () => {
    const random = createSeededRandom(4);
    const normal = () => Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
    /** 10 ms as a rule; one in a hundred is paused to twenty times that. */
    const latency = () => 10 * Math.exp(0.4 * normal()) * (random.next() < 0.01 ? 20 : 1);
    const delay = new HedgeDelay(defaultHedgePolicy);
    const plain: number[] = [];
    const hedged: number[] = [];
    let hedges = 0;
    for (let nowMs = 0; nowMs < 200_000; nowMs++) {
      const firstMs = latency();
      const delayMs = delay.callStarted(nowMs);
      const isHedged = delayMs !== undefined && firstMs > delayMs && delay.tryWithdraw(nowMs + delayMs);
      if (isHedged) hedges++;
      const bestMs = isHedged ? Math.min(firstMs, delayMs + latency()) : firstMs;
      delay.record(bestMs);
      if (nowMs < 30_000) continue;
      plain.push(firstMs);
      hedged.push(bestMs);
    }
    const p999 = (all: number[]) => all.toSorted((a, b) => a - b)[Math.floor(all.length * 0.999)] ?? 0;
    assert.ok(p999(hedged) < p999(plain) / 5, `${p999(hedged)} ms instead of ${p999(plain)} ms`);
    assert.ok(hedges < 0.02 * 200_000);
  });

  it("takes a delay that is given as it is, and then needs to know nothing", () => {
    const delay = new HedgeDelay({
      ...defaultHedgePolicy,
      delayMs: 0,
      maxExtraLoad: Number.POSITIVE_INFINITY,
    });
    assert.equal(delay.callStarted(0), 0);
    assert.equal(delay.tryWithdraw(0), true);
  });

  it("sends hedges at once where every call may have one", () => {
    const delay = new HedgeDelay({ ...defaultHedgePolicy, maxExtraLoad: 2 });
    for (let call = 0; call < 1000; call++) {
      delay.callStarted(call * 10);
      delay.record(50);
    }
    assert.equal(delay.callStarted(10_000), 1);
  });

  it("refuses a share that is none", () => {
    for (const maxExtraLoad of [0, -1, Number.NaN])
      assert.throws(() => new HedgeDelay({ ...defaultHedgePolicy, maxExtraLoad }), RangeError);
  });
});
