import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createSeededRandom } from "../runtime/random.ts";
import { LatencyQuantile } from "./latency-quantile.ts";

describe("LatencyQuantile", () => {
  it("is at most one bucket, a 32nd, away from the exact quantile", () => {
    const latency = fc.oneof(
      fc.double({ min: 0.001, max: 10, noNaN: true }),
      fc.double({ min: 10, max: 100_000, noNaN: true }),
    );
    fc.assert(
      fc.property(
        fc.array(latency, { minLength: 1, maxLength: 400 }),
        fc.constantFrom(0.5, 0.9, 0.98, 0.999),
        (all, quantile) => {
          const machine = new LatencyQuantile();
          for (const latencyMs of all) machine.record(latencyMs);
          const sorted = all.toSorted((a, b) => b - a);
          const exact = sorted[Math.floor(all.length * (1 - quantile))] ?? sorted.at(-1) ?? 0;
          const at = machine.at(quantile);
          assert.ok(Math.abs(at - exact) <= exact / 32 + 0.001 + 1e-9, `${at} for ${exact}`);
        },
      ),
    );
  });

  it("leaves the share that it was asked for above it", () => {
    const random = createSeededRandom(5);
    const machine = new LatencyQuantile();
    const all = Array.from({ length: 50_000 }, () => -20 * Math.log(1 - random.next()));
    for (const latencyMs of all) machine.record(latencyMs);
    const at = machine.at(0.98);
    const above = all.filter((latencyMs) => latencyMs > at).length / all.length;
    assert.ok(above > 0.019 && above < 0.021, `${above}`);
  });

  it("follows a service that changes, as the past fades", () => {
    const machine = new LatencyQuantile();
    for (let i = 0; i < 1000; i++) machine.record(5);
    for (let round = 0; round < 10; round++) {
      machine.fade(0.8);
      for (let i = 0; i < 100; i++) machine.record(50);
    }
    assert.ok(machine.at(0.5) > 48 && machine.at(0.5) < 52);
    for (let round = 0; round < 200; round++) machine.fade(0.8);
    assert.equal(machine.count, 0);
    assert.equal(machine.at(0.5), 0, "nothing is known any more");
  });

  it("takes what is no latency for none, and what is endless for the longest", () => {
    const machine = new LatencyQuantile();
    for (const latencyMs of [Number.NaN, -5, 0]) machine.record(latencyMs);
    assert.ok(machine.at(0.5) <= 0.001);
    const long = new LatencyQuantile();
    for (const latencyMs of [1e12, Number.POSITIVE_INFINITY]) long.record(latencyMs);
    assert.ok(long.at(0.5) > 2_000_000 && long.at(0.5) < 2_200_000);
  });
});
