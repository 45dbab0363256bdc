import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createSeededRandom } from "../runtime/random.ts";
import type { Candidate } from "./balancer.ts";
import { candidates, countPicks, describeBalancer } from "./balancer-contract.ts";
import { createPeakCost, createPeakEwma } from "./peak-ewma.ts";

describeBalancer("peak EWMA", {
  create: (random) => createPeakEwma({ random }),
  maxSpread: (picks, n) => (n <= 16 ? 1 : 8 * Math.sqrt(picks / n)),
});
describeBalancer("peak EWMA by two choices only", {
  create: (random) => createPeakEwma({ random, fullScanUpTo: 0 }),
  maxSpread: (picks, n) => 8 * Math.sqrt(picks / n),
});

describe("peak cost", () => {
  it("jumps up at once and comes down with τ", () => {
    const cost = createPeakCost(10_000);
    cost.ended(0, 100, "ok");
    assert.equal(cost.at(0), 100);
    cost.ended(0, 20, "ok");
    assert.equal(cost.at(0), 100, "an answer at the same moment has no weight");
    cost.ended(10_000, 20, "ok");
    assert.ok(Math.abs(cost.at(10_000) - (100 / Math.E + 20 * (1 - 1 / Math.E))) < 1e-9);
    cost.ended(10_001, 300, "ok");
    assert.equal(cost.at(10_001), 300);
    assert.ok(Math.abs(cost.at(20_001) - 300 / Math.E) < 1e-9, "and decays in silence");
  });

  it("is never below what a lasting latency is, nor above the highest seen", () => {
    const samples = fc.array(
      fc.record({ passedMs: fc.nat(5000), latencyMs: fc.integer({ min: 5, max: 900 }) }),
      {
        minLength: 1,
      },
    );
    fc.assert(
      fc.property(samples, (steps) => {
        const cost = createPeakCost(10_000);
        let nowMs = 0;
        for (const { passedMs, latencyMs } of steps) cost.ended((nowMs += passedMs), latencyMs, "ok");
        assert.ok(cost.at(nowMs) <= Math.max(...steps.map(({ latencyMs }) => latencyMs)) + 1e-9);
        assert.ok(cost.at(nowMs) > 0);
        assert.ok(cost.at(nowMs + 1000) < cost.at(nowMs));
      }),
    );
  });

  it("counts a failure as a slow call, however fast it failed, and an unanswered call as at least its time", () => {
    const cost = createPeakCost(10_000);
    cost.ended(0, 50, "ok");
    cost.ended(1, 0.1, "failed");
    assert.ok(cost.at(1) > 199);
    for (let i = 0; i < 20; i++) cost.ended(1, 0.1, "failed");
    assert.equal(cost.at(1), 30_000);
    const fresh = createPeakCost(10_000);
    fresh.ended(0, 0.1, "failed");
    assert.equal(fresh.at(0), 40);
    fresh.ended(1, 2, "cancelled");
    assert.ok(fresh.at(1) > 39, "a short cancelled call says nothing");
    fresh.ended(1, 700, "cancelled");
    assert.equal(fresh.at(1), 700);
  });
});

describe("peak EWMA", () => {
  it("sends calls in inverse proportion to what they cost", () => {
    const set = candidates(2);
    const balancer = create(1);
    balancer.update(set, 0);
    balancer.ended?.(set[0] as Candidate, 0, 10, "ok");
    balancer.ended?.(set[1] as Candidate, 0, 40, "ok");
    for (let call = 0; call < 50; call++) (balancer.pick(undefined, 0) as Candidate).inFlight++;
    assert.deepEqual(
      set.map(({ inFlight }) => inFlight),
      [40, 10],
    );
  });

  it("takes an unknown one once, then waits for what comes back", () => {
    const set = candidates(3);
    const balancer = create(2);
    balancer.update(set, 0);
    balancer.ended?.(set[0] as Candidate, 0, 10, "ok");
    balancer.ended?.(set[1] as Candidate, 0, 10, "ok");
    const picks = Array.from({ length: 30 }, () => {
      const picked = balancer.pick(undefined, 0) as Candidate;
      picked.inFlight++;
      return picked.id;
    });
    assert.equal(picks[0], "2");
    assert.equal(picks.filter((id) => id === "2").length, 1);
  });

  it("comes back to one that was slow", () => {
    const set = candidates(20);
    const balancer = create(3);
    balancer.update(set, 0);
    for (const candidate of set) balancer.ended?.(candidate, 0, candidate.id === "7" ? 5000 : 10, "ok");
    assert.equal(countPicks(balancer, 1000).has("7"), false);
    for (const candidate of set) if (candidate.id !== "7") balancer.ended?.(candidate, 70_000, 10, "ok");
    const later = Array.from({ length: 1000 }, () => balancer.pick(undefined, 70_000)?.id);
    assert.ok(later.includes("7"));
  });

  it("keeps what it knows over an update and a reconnect", () => {
    const balancer = create(4);
    balancer.update(candidates(2), 0);
    balancer.ended?.(candidates(2)[0] as Candidate, 0, 500, "ok");
    balancer.ended?.(candidates(2)[1] as Candidate, 0, 5, "ok");
    balancer.update(candidates(2), 1);
    assert.deepEqual([...countPicks(balancer, 50).keys()], ["1"]);
  });
});

function create(seed: number) {
  return createPeakEwma<Candidate>({ random: createSeededRandom(seed) });
}
