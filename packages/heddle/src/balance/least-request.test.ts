import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createSeededRandom } from "../runtime/random.ts";
import type { Balancer, Candidate } from "./balancer.ts";
import { candidates, countPicks, describeBalancer } from "./balancer-contract.ts";
import { createLeastRequest } from "./least-request.ts";
import { createRandom } from "./random.ts";

/** Turns in the sets that are scanned, chance in the larger ones. */
const maxSpread = (picks: number, n: number) => (n <= 16 ? 1 : 8 * Math.sqrt(picks / n));

describeBalancer("least request", { create: (random) => createLeastRequest({ random }), maxSpread });
describeBalancer("least request by two choices only", {
  create: (random) => createLeastRequest({ random, fullScanUpTo: 0 }),
  maxSpread: (picks, n) => 8 * Math.sqrt(picks / n),
});

describe("least request, full scan", () => {
  it("picks the least of load over weight, whatever the loads and weights", () => {
    const member = fc.record({ inFlight: fc.nat({ max: 50 }), weight: fc.integer({ min: 1, max: 9 }) });
    fc.assert(
      fc.property(fc.integer(), fc.array(member, { minLength: 1, maxLength: 16 }), (seed, members) => {
        const set = members.map((member, index) => ({ id: String(index), ...member }));
        const balancer = create(seed);
        balancer.update(set);
        const least = Math.min(...set.map(cost));
        assert.equal(cost(balancer.pick() as Candidate), least);
      }),
    );
  });

  it("lets those who tie take turns, though others stand between them", () => {
    const set = candidates(6);
    for (const busy of [1, 2, 4]) (set[busy] as Candidate).inFlight = 3;
    const balancer = create(1);
    balancer.update(set);
    const counts = countPicks(balancer, 300);
    assert.deepEqual(Object.fromEntries(counts), { 0: 100, 3: 100, 5: 100 });
  });

  it("fills instances in proportion to their weights", () => {
    const set = [1, 2, 5].map((weight, index): Candidate => ({ id: String(index), weight, inFlight: 0 }));
    const balancer = create(2);
    balancer.update(set);
    for (let call = 0; call < 800; call++) (balancer.pick() as Candidate).inFlight++;
    assert.deepEqual(
      set.map(({ inFlight }) => Math.round(inFlight / 10)),
      [10, 20, 50],
    );
  });
});

describe("least request, two choices", () => {
  it("keeps the longest queue far below that of random picks", () => {
    for (const seed of [1, 2, 3]) {
      const random = longestQueue(createRandom({ random: createSeededRandom(seed) }));
      const twoChoices = longestQueue(create(seed));
      assert.ok(twoChoices <= 104, `two choices: ${twoChoices} where 100 is the mean`);
      assert.ok(random >= 120, `random: ${random} where 100 is the mean`);
    }
  });

  it("never picks the busiest, since its two choices are distinct", () => {
    const set = candidates(20);
    (set[7] as Candidate).inFlight = 1;
    const balancer = create(4);
    balancer.update(set);
    assert.equal(countPicks(balancer, 20_000).has("7"), false);
  });

  it("fills instances in proportion to their weights", () => {
    const set = Array.from({ length: 40 }, (_, index): Candidate => {
      return { id: String(index), weight: index < 10 ? 5 : 1, inFlight: 0 };
    });
    const balancer = create(5);
    balancer.update(set);
    for (let call = 0; call < 8000; call++) (balancer.pick() as Candidate).inFlight++;
    for (const { weight, inFlight } of set) {
      assert.ok(Math.abs(inFlight / weight - 100) < 15, `weight ${weight}: ${inFlight} in flight`);
    }
  });

  it("leaves a weight of 0 out while another can take the call", () => {
    const set = candidates(20).map((candidate, index) => ({ ...candidate, weight: index === 3 ? 0 : 1 }));
    const balancer = create(6);
    balancer.update(set);
    assert.equal(countPicks(balancer, 5000).has("3"), false);
    assert.equal(balancer.pick(set.filter(({ id }) => id !== "3"))?.id, "3");
  });
});

function create(seed: number): Balancer<Candidate> {
  return createLeastRequest({ random: createSeededRandom(seed) });
}

function cost({ inFlight, weight }: Candidate): number {
  return (inFlight + 1) / weight;
}

/** 10 000 calls that never end on 100 instances: what the fullest one carries. */
function longestQueue(balancer: Balancer<Candidate>): number {
  const set = candidates(100);
  balancer.update(set);
  for (let call = 0; call < 10_000; call++) (balancer.pick() as Candidate).inFlight++;
  return Math.max(...set.map(({ inFlight }) => inFlight));
}
