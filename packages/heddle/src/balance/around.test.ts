import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createSeededRandom } from "../runtime/random.ts";
import type { Candidate } from "./balancer.ts";
import { candidates, countPicks, describeBalancer, reportOf } from "./balancer-contract.ts";
import { createLeastRequest } from "./least-request.ts";
import { createLocalityPriority, levelShares } from "./locality-priority.ts";
import { createPanicThreshold } from "./panic-threshold.ts";
import { createPrequal } from "./prequal.ts";
import { createRoundRobin } from "./round-robin.ts";
import { createSlowStart } from "./slow-start.ts";
import { createSubset, subsetOf } from "./subset.ts";
import { createUtilizationWeighted } from "./utilization-weighted.ts";
import { createWeightedRoundRobin } from "./weighted-round-robin.ts";

const twoChoices = (picks: number, n: number) => (n <= 16 ? 1 : 8 * Math.sqrt(picks / n));
describeBalancer("a subset", {
  create: (random) => createSubset({ random, inner: createLeastRequest({ random }) }),
  maxSpread: twoChoices,
});
describeBalancer("a panic threshold", {
  create: (random) => createPanicThreshold({ isHealthy: () => true, inner: createRoundRobin({ random }) }),
  maxSpread: () => 1,
});
describeBalancer("slow start", {
  create: (random) => createSlowStart({ createInner: () => createUtilizationWeighted({ random }) }),
  maxSpread: () => 1,
});
describeBalancer("slow start around Prequal", {
  create: (random) => createSlowStart({ createInner: () => createPrequal({ random }) }),
  maxSpread: (picks, n) => 8 * Math.sqrt(picks / n),
});
describeBalancer("localities by priority", {
  create: (random) =>
    createLocalityPriority({ random, levelOf: () => 0, createInner: () => createPrequal({ random }) }),
  maxSpread: (picks, n) => 8 * Math.sqrt(picks / n),
});

describe("a subset", () => {
  it("is the same for the same client, of its size, and changes by one at most", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 101, max: 300 }), fc.nat(100), (seed, n, gone) => {
        const before = ids(subsetOf(candidates(n), 20, seed));
        assert.equal(before.size, 20);
        assert.deepEqual(ids(subsetOf(candidates(n).reverse(), 20, seed)), before);
        const after = ids(
          subsetOf(
            candidates(n).filter(({ id }) => id !== String(gone)),
            20,
            seed,
          ),
        );
        assert.ok([...before].filter((id) => !after.has(id)).length <= 1);
      }),
    );
  });

  it("loads all alike over many clients, and leaves small sets whole", () => {
    const used = new Map<string, number>();
    for (let client = 0; client < 2000; client++) {
      for (const id of ids(subsetOf(candidates(200), 20, client * 7919)))
        used.set(id, (used.get(id) ?? 0) + 1);
    }
    assert.equal(used.size, 200);
    for (const count of used.values()) assert.ok(Math.abs(count - 200) < 70, `${count} of 200`);
    const balancer = createSubset<Candidate>({ inner: createRoundRobin({}), size: 20 });
    balancer.update(candidates(100));
    assert.equal(countPicks(balancer, 100).size, 100);
    balancer.update(candidates(101));
    assert.equal(countPicks(balancer, 100).size, 20);
  });
});

describe("a panic threshold", () => {
  it("leaves out the unhealthy until they are the most", () => {
    const pickedOf = (healthy: number) => {
      const balancer = createPanicThreshold<Candidate>({
        inner: createRoundRobin({}),
        isHealthy: ({ id }) => Number(id) < healthy,
      });
      balancer.update(candidates(10));
      return countPicks(balancer, 100).size;
    };
    assert.deepEqual([10, 7, 5, 4, 0].map(pickedOf), [10, 7, 5, 10, 10]);
  });
});

describe("slow start", () => {
  const create = (aggression = 1) => {
    const random = createSeededRandom(1);
    const balancer = createSlowStart<Candidate>({
      createInner: () => createWeightedRoundRobin({ random }),
      windowMs: 10_000,
      aggression,
    });
    balancer.update(candidates(3), 0);
    balancer.update(candidates(4), 1000);
    /** The newcomer's calls among 1000, relative to one of the others. */
    return (ageMs: number) => {
      const counts = new Map<string, number>();
      for (let i = 0; i < 1000; i++) {
        const { id } = balancer.pick(undefined, 1000 + ageMs) as Candidate;
        counts.set(id, (counts.get(id) ?? 0) + 1);
      }
      return (counts.get("3") ?? 0) / (counts.get("0") as number);
    };
  };

  it("gives a newcomer a tenth, then more and more, then its share", () => {
    const share = create();
    for (const [ageMs, expected] of [
      [0, 0.1],
      [500, 0.1],
      [3000, 0.3],
      [5000, 0.5],
      [10_000, 1],
      [60_000, 1],
    ] as const) {
      assert.ok(Math.abs(share(ageMs) - expected) < 0.02, `after ${ageMs} ms`);
    }
  });

  it("is faster at first with more aggression", () => {
    const share = create(2);
    assert.ok(Math.abs(share(2500) - 0.5) < 0.02);
  });

  it("tells the policy inside of ends and reports, and asks for its probes", () => {
    const random = createSeededRandom(2);
    const balancer = createSlowStart<Candidate>({
      createInner: () => createPrequal({ random, hotQuantile: 1, removalsPerCall: 0 }),
    });
    const set = candidates(10);
    balancer.update(set, 0);
    for (const candidate of set.slice(0, 3)) {
      balancer.reported(candidate, 0, reportOf(1, candidate.id === "1" ? 5 : 50), true);
    }
    assert.equal(balancer.pick(undefined, 0), set[1]);
    const targets = balancer.probeTargets(0);
    assert.equal(targets.length, 3);
    assert.ok(targets.every((target) => set.includes(target)));
  });
});

describe("localities by priority", () => {
  it("spills over as Envoy's table has it", () => {
    const rounded = (...healthy: number[]) => levelShares(healthy).map((share) => Math.round(share * 100));
    assert.deepEqual(rounded(1, 1), [100, 0]);
    assert.deepEqual(rounded(0.72, 1), [100, 0]);
    assert.deepEqual(rounded(0.71, 1), [99, 1]);
    assert.deepEqual(rounded(0.5, 1), [70, 30]);
    assert.deepEqual(rounded(0.25, 1), [35, 65]);
    assert.deepEqual(rounded(0, 1), [0, 100]);
    assert.deepEqual(rounded(0.25, 0.25), [50, 50]);
    assert.deepEqual(rounded(0, 0, 0), [100, 0, 0]);
  });

  it("has shares that add up to all", () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.array(share, { minLength: 1, maxLength: 5 }), (healthy) => {
        const sum = levelShares(healthy).reduce((a, b) => a + b);
        assert.ok(Math.abs(sum - 1) < 1e-9);
      }),
    );
  });

  const create = (isHealthy: (candidate: Candidate) => boolean) => {
    const random = createSeededRandom(3);
    const balancer = createLocalityPriority<Candidate>({
      random,
      createInner: () => createRoundRobin({ random }),
      levelOf: ({ id }) => (Number(id) < 4 ? 0 : 1),
      isHealthy,
    });
    balancer.update(candidates(8), 0);
    return balancer;
  };

  it("keeps calls in the first zone while it is healthy, and sends on what was tried there", () => {
    const balancer = create(() => true);
    assert.deepEqual([...countPicks(balancer, 100).keys()].sort(), ["0", "1", "2", "3"]);
    assert.ok(Number(balancer.pick(candidates(4))?.id) >= 4);
  });

  it("sends the spill to the second zone", () => {
    const balancer = create(({ id }) => id !== "0" && id !== "1");
    const counts = countPicks(balancer, 10_000);
    assert.equal(counts.has("0"), false);
    const stayed = (counts.get("2") ?? 0) + (counts.get("3") ?? 0);
    assert.ok(Math.abs(stayed - 7000) < 200, `${stayed} of 7000`);
  });

  it("uses all when nobody is healthy", () => {
    assert.equal(
      countPicks(
        create(() => false),
        100,
      ).size,
      4,
    );
  });

  it("forgets a zone that is gone", () => {
    const balancer = create(() => true);
    balancer.update(candidates(8).slice(4), 1);
    assert.deepEqual([...countPicks(balancer, 100).keys()].sort(), ["4", "5", "6", "7"]);
  });
});

function ids(set: readonly Candidate[]): Set<string> {
  return new Set(set.map(({ id }) => id));
}
