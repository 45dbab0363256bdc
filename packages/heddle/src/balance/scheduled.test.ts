import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createSeededRandom } from "../runtime/random.ts";
import type { Candidate } from "./balancer.ts";
import { candidates, countPicks, describeBalancer } from "./balancer-contract.ts";
import { createEdfSchedule } from "./edf.ts";
import { createPickFirst } from "./pick-first.ts";
import { createUtilizationWeighted, weightOf } from "./utilization-weighted.ts";
import { createWeightedLeastRequest } from "./weighted-least-request.ts";

describeBalancer("client-side weighted round robin", {
  create: (random) => createUtilizationWeighted({ random }),
  maxSpread: () => 1,
});
describeBalancer("weighted least request", {
  create: (random) => createWeightedLeastRequest({ random }),
  maxSpread: () => 1,
});
describeBalancer("pick first", {
  create: (random) => createPickFirst({ random }),
  maxSpread: () => 0,
  isSticky: true,
});

describe("the EDF schedule", () => {
  it("gives shares by weight to within a turn", () => {
    const weights = fc.array(fc.double({ min: 0.1, max: 50, noNaN: true }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(fc.integer(), weights, (seed, all) => {
        const schedule = createEdfSchedule(createSeededRandom(seed));
        schedule.reset(all.length, (index) => all[index] as number);
        const counts = new Float64Array(all.length);
        for (let i = 0; i < 1000; i++) {
          const index = schedule.pick(undefined);
          counts[index] = (counts[index] as number) + 1;
        }
        const total = all.reduce((sum, weight) => sum + weight);
        const share = 1000 / total;
        for (const [index, weight] of all.entries()) {
          const slack = 1 + (weight * all.length) / total;
          assert.ok(Math.abs((counts[index] as number) - weight * share) <= slack + 1);
        }
      }),
    );
  });
});

describe("client-side weighted round robin", () => {
  const report = (requestsPerSecond: number, utilization: number, errorsPerSecond = 0) => ({
    requestsInFlight: 0,
    latencyMs: -1,
    utilization,
    requestsPerSecond,
    errorsPerSecond,
  });

  it("weighs throughput by utilization and errors as A58 does", () => {
    assert.equal(weightOf(report(100, 0.5), 1), 200);
    assert.equal(weightOf(report(100, 0.5, 50), 1), 100);
    assert.equal(weightOf(report(100, 0.5, 50), 0), 200);
    for (const nothing of [report(0, 0.5), report(100, 0), report(100, -1), report(Number.NaN, 1)]) {
      assert.equal(weightOf(nothing, 1), 0);
    }
  });

  it("goes by weights after the blackout, by the average for those without, and evenly after they expire", () => {
    const set = candidates(4);
    const balancer = createUtilizationWeighted<Candidate>({ random: createSeededRandom(1) });
    balancer.update(set, 0);
    const shares = (nowMs: number) => {
      const counts = new Map(set.map(({ id }) => [id, 0]));
      for (let i = 0; i < 900; i++) {
        const { id } = balancer.pick(undefined, nowMs) as Candidate;
        counts.set(id, (counts.get(id) ?? 0) + 1);
      }
      return [...counts.values()].map((count) => Math.round(count / 10) * 10);
    };
    const feed = (nowMs: number) => {
      balancer.reported(set[0] as Candidate, nowMs, report(100, 1), false);
      balancer.reported(set[1] as Candidate, nowMs, report(100, 0.5), false);
      balancer.reported(set[2] as Candidate, nowMs, report(150, 0.5), false);
    };
    feed(0);
    feed(9000);
    assert.deepEqual(
      shares(9999).map((n) => Math.round(n / 100)),
      [2, 2, 2, 2],
      "blackout",
    );
    feed(11_000);
    // Weights 100, 200, 300, and the average 200 for the silent one.
    const [a, b, c, d] = shares(12_000) as [number, number, number, number];
    assert.ok(
      Math.abs(a - 112) < 10 && Math.abs(b - 225) < 10 && Math.abs(c - 337) < 10 && Math.abs(d - 225) < 10,
    );
    assert.deepEqual(
      shares(200_000).map((n) => Math.round(n / 100)),
      [2, 2, 2, 2],
      "expired",
    );
  });

  it("shares what is left evenly among those that have said nothing, however much others claim", () => {
    const set = candidates(4);
    const balancer = createUtilizationWeighted<Candidate>({ random: createSeededRandom(1), blackoutMs: 0 });
    balancer.update(set, 0);
    for (const liar of set.slice(0, 2)) balancer.reported(liar, 0, report(Number.MAX_VALUE, 1), false);
    balancer.pick(undefined, 2000);
    const counts = [...countPicks(balancer, 400).values()];
    assert.equal(counts.length > 0 && counts.every((count) => count < 400), true, String(counts));
  });

  it("is plain round robin with one weight only", () => {
    const set = candidates(3);
    const balancer = createUtilizationWeighted<Candidate>({ random: createSeededRandom(1), blackoutMs: 0 });
    balancer.update(set, 0);
    balancer.reported(set[0] as Candidate, 0, report(1000, 0.1), false);
    balancer.pick(undefined, 2000);
    for (const count of countPicks(balancer, 300).values()) assert.ok(Math.abs(count - 100) <= 1);
  });
});

describe("weighted least request", () => {
  it("sends a busy one less in proportion, and never nothing", () => {
    const share = (bias: number) => {
      const set = candidates(2);
      (set[0] as Candidate).inFlight = 3;
      const balancer = createWeightedLeastRequest<Candidate>({ random: createSeededRandom(1), bias });
      balancer.update(set);
      return countPicks(balancer, 1000).get("0") ?? 0;
    };
    assert.ok(Math.abs(share(1) - 200) <= 2, String(share(1)));
    assert.ok(Math.abs(share(0) - 500) <= 2);
    assert.ok(Math.abs(share(2) - 59) <= 2);
  });
});

describe("pick first", () => {
  it("stays with one through changes, and goes on when it leaves", () => {
    const balancer = createPickFirst<Candidate>({ random: createSeededRandom(5) });
    balancer.update(candidates(5));
    const { id } = balancer.pick() as Candidate;
    for (let n = 5; n < 40; n++) {
      balancer.update(candidates(n));
      assert.equal(balancer.pick()?.id, id);
    }
    balancer.update(candidates(40).filter((candidate) => candidate.id !== id));
    const next = balancer.pick()?.id;
    assert.notEqual(next, id);
    balancer.update(candidates(40));
    assert.equal(balancer.pick()?.id, next, "the one that came back waits");
  });

  it("spreads clients by weight", () => {
    let heavy = 0;
    for (let seed = 0; seed < 1000; seed++) {
      const balancer = createPickFirst<Candidate>({ random: createSeededRandom(seed) });
      balancer.update([
        { id: "a", weight: 3, inFlight: 0 },
        { id: "b", weight: 1, inFlight: 0 },
      ]);
      if (balancer.pick()?.id === "a") heavy++;
    }
    assert.ok(Math.abs(heavy - 750) < 50, String(heavy));
  });
});
