import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createSeededRandom, type Random } from "../runtime/random.ts";
import { backoffMs, callBackoff, connectionBackoff } from "./backoff.ts";

const always = (share: number): Random => ({ next: () => share, below: () => 0 });
const highest = always(1 - 2 ** -32);

describe("backoffMs", () => {
  it("grows to its ceiling and stays there, for attempts without end", () => {
    const waits = [0, 1, 2, 5, 6, 100, 1e6].map((attempt) =>
      Math.round(backoffMs(attempt, callBackoff, highest)),
    );
    assert.deepEqual(waits, [25, 50, 100, 800, 1000, 1000, 1000]);
  });

  it("with full jitter is uniform from 0", () => {
    assert.equal(backoffMs(3, callBackoff, always(0)), 0);
    const random = createSeededRandom(1);
    let sum = 0;
    for (let i = 0; i < 10_000; i++) sum += backoffMs(2, callBackoff, random);
    assert.ok(Math.abs(sum / 10_000 - 50) < 2);
  });

  it("with a band is centred on the ceiling: gRPC's 1 s × 1.6 up to 120 s, ± 20 %", () => {
    const grpc = { baseMs: 1000, factor: 1.6, maxMs: 120_000, jitter: 0.2 };
    const middle = [0, 1, 2, 10, 11].map((attempt) => backoffMs(attempt, grpc, always(0.5)));
    assert.deepEqual(middle.map(Math.round), [1000, 1600, 2560, 109_951, 120_000]);
    assert.equal(Math.round(backoffMs(0, grpc, always(0))), 800);
    assert.equal(Math.round(backoffMs(0, grpc, highest)), 1200);
  });

  it("never leaves its band", () => {
    const options = fc.record({
      baseMs: fc.integer({ min: 1, max: 5000 }),
      factor: fc.double({ min: 1, max: 4, noNaN: true }),
      maxMs: fc.integer({ min: 1, max: 200_000 }),
      jitter: fc.oneof(fc.constant("full" as const), fc.double({ min: 0, max: 1, noNaN: true })),
    });
    fc.assert(
      fc.property(options, fc.nat({ max: 2000 }), fc.integer(), (each, attempt, seed) => {
        const ms = backoffMs(attempt, each, createSeededRandom(seed));
        const ceilingMs = Math.min(each.maxMs, each.baseMs * each.factor ** attempt);
        const share = each.jitter === "full" ? 0 : each.jitter;
        const lowestMs = each.jitter === "full" ? 0 : ceilingMs * (1 - share);
        assert.ok(ms >= lowestMs - 1e-6 && ms <= ceilingMs * (1 + share) + 1e-6);
      }),
    );
  });

  it("keeps connections of a mesh between 80 ms and 6 s", () => {
    assert.equal(Math.round(backoffMs(0, connectionBackoff, always(0))), 80);
    assert.equal(Math.round(backoffMs(50, connectionBackoff, highest)), 6000);
  });
});
