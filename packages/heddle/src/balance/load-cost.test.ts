import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { reportOf } from "./balancer-contract.ts";
import { createLatencyAverage, createLoadCost } from "./load-cost.ts";

describe("load cost", () => {
  it("goes by latency far below the usual RIF, and by RIF far above it", () => {
    const cost = createLoadCost();
    for (let i = 0; i < 50; i++) cost.note(createLatencyAverage(), 0, reportOf(9, 100));
    assert.ok(cost.of(50, 4) < cost.of(60, 0), "a little faster, with room");
    assert.ok(cost.of(100, 9) > cost.of(110, 5), "about as fast: the emptier one");
    assert.ok(cost.of(20, 30) > cost.of(200, 10), "overfull, however fast");
  });

  it("averages over time, not over reports", () => {
    const cost = createLoadCost({ averageMs: 1000 });
    const often = createLatencyAverage();
    const seldom = createLatencyAverage();
    for (const average of [often, seldom])
      for (const nowMs of [0, 10_000]) cost.note(average, nowMs, reportOf(1, 100));
    for (let nowMs = 10_010; nowMs <= 12_000; nowMs += 10) cost.note(often, nowMs, reportOf(1, 200));
    for (let nowMs = 11_000; nowMs <= 12_000; nowMs += 1000) cost.note(seldom, nowMs, reportOf(1, 200));
    assert.ok(Math.abs(often.averageMs - seldom.averageMs) < 0.01);
    assert.ok(Math.abs(often.averageMs - (200 - 100 * Math.exp(-2))) < 0.01);
  });

  it("forgets soon that an instance was slow when it began", () => {
    for (const forgives of [true, false]) {
      const cost = createLoadCost({ forgives });
      const started = createLatencyAverage();
      for (let nowMs = 0; nowMs <= 500; nowMs += 10) cost.note(started, nowMs, reportOf(1, 500));
      for (let nowMs = 510; nowMs <= 1500; nowMs += 10) cost.note(started, nowMs, reportOf(1, 40));
      assert.ok(started.averageMs < 60, `${started.averageMs} ms a second later`);
    }
  });

  it("does not hold it against one for long that it was slow for once", () => {
    const cost = createLoadCost({ forgives: true });
    const slowOnce = createLatencyAverage();
    for (let i = 0; i < 100; i++) cost.note(slowOnce, 1_000 + 100 * i, reportOf(1, 40));
    cost.note(slowOnce, 11_050, reportOf(1, 2_000));
    assert.ok(slowOnce.averageMs < 50, `${slowOnce.averageMs} ms after a pause of two seconds`);
  });

  it("takes one that nobody has called for a while for average, little by little", () => {
    const cost = createLoadCost({ forgives: true });
    for (let i = 0; i < 30; i++) cost.note(createLatencyAverage(), 0, reportOf(1, 40));
    const avoided = createLatencyAverage();
    for (let nowMs = 0; nowMs <= 3_000; nowMs += 100) cost.note(avoided, nowMs, reportOf(0, 400));
    assert.ok(avoided.averageMs > 300, `${avoided.averageMs} ms after three seconds`);
    for (let nowMs = 3_100; nowMs <= 4_000; nowMs += 100) cost.note(avoided, nowMs, reportOf(0, 400));
    assert.ok(avoided.averageMs < 300 && avoided.averageMs > 100, `${avoided.averageMs} ms after another`);
    for (let nowMs = 4_100; nowMs <= 9_000; nowMs += 100) cost.note(avoided, nowMs, reportOf(0, 400));
    assert.ok(avoided.averageMs < 1.1 * cost.typicalMs, `${avoided.averageMs} ms in the end`);
  });

  it("takes what it does not know for average: neither avoided nor flooded", () => {
    const cost = createLoadCost();
    assert.ok(cost.of(0, 0) < cost.of(0, 3), "before anything is known it goes by RIF");
    for (let i = 0; i < 10; i++) cost.note(createLatencyAverage(), 0, reportOf(2, 80));
    assert.equal(cost.of(0, 1), cost.of(80, 1));
    const silent = createLatencyAverage();
    assert.equal(cost.note(silent, 0, reportOf(2, -1)), 0);
  });

  it("does not take one that drowns for what is usual", () => {
    const cost = createLoadCost();
    for (let i = 0; i < 120; i++) cost.note(createLatencyAverage(), 0, reportOf(i % 3 === 0 ? 1000 : 10, 80));
    assert.ok(cost.of(80, 60) > 2 * cost.of(80, 10));
  });
});
