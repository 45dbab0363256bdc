import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createSeededRandom } from "../runtime/random.ts";
import type { Candidate } from "./balancer.ts";
import { candidates, countPicks, describeBalancer } from "./balancer-contract.ts";
import { createWeightedRoundRobin } from "./weighted-round-robin.ts";

/** Scores that start up to half a weight apart may put one pick more between two candidates. */
describeBalancer("weighted round robin", {
  create: (random) => createWeightedRoundRobin({ random }),
  maxSpread: () => 2,
  scansAll: true,
});

describe("weighted round robin", () => {
  it("makes nginx's sequence for weights 5, 1, 1", () => {
    const balancer = createWeightedRoundRobin();
    balancer.update([weighted("a", 5), weighted("b", 1), weighted("c", 1)]);
    const sequence = Array.from({ length: 14 }, () => balancer.pick()?.id).join(" ");
    assert.equal(sequence, "a a b a c a a a a b a c a a");
  });

  it("gives exact shares in every cycle, for any whole weights", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 12 }), (weights) => {
        const balancer = createWeightedRoundRobin();
        balancer.update(weights.map((weight, index) => weighted(String(index), weight)));
        const cycle = weights.reduce((sum, weight) => sum + weight);
        for (let round = 0; round < 3; round++) {
          const counts = countPicks(balancer, cycle);
          for (const [index, weight] of weights.entries()) assert.equal(counts.get(String(index)), weight);
        }
      }),
    );
  });

  it("keeps shares within two picks from a random start, for any weights", () => {
    const weight = fc.double({ min: 0.1, max: 50, noNaN: true });
    fc.assert(
      fc.property(fc.integer(), fc.array(weight, { minLength: 1, maxLength: 8 }), (seed, weights) => {
        const balancer = createWeightedRoundRobin({ random: createSeededRandom(seed) });
        balancer.update(weights.map((weight, index) => weighted(String(index), weight)));
        const counts = countPicks(balancer, 1000);
        const total = weights.reduce((sum, weight) => sum + weight);
        for (const [index, weight] of weights.entries()) {
          const expected = (1000 * weight) / total;
          const slack = 2 + weights.length / 2;
          assert.ok(Math.abs((counts.get(String(index)) ?? 0) - expected) <= slack);
        }
      }),
    );
  });

  it("continues the sequence across an update that changes nothing, and one that scales all weights", () => {
    const sequence = (change: (round: number) => number) => {
      const balancer = createWeightedRoundRobin();
      const ids: (string | undefined)[] = [];
      for (let round = 0; round < 14; round++) {
        const scale = change(round);
        balancer.update([weighted("a", 5 * scale), weighted("b", scale), weighted("c", scale)]);
        ids.push(balancer.pick()?.id);
      }
      return ids.join(" ");
    };
    assert.equal(
      sequence(() => 1),
      "a a b a c a a a a b a c a a",
    );
    assert.equal(
      sequence((round) => (round % 2 === 0 ? 1 : 1024)),
      "a a b a c a a a a b a c a a",
    );
  });

  it("neither rushes nor starves anyone after a weight of 1000 has become 1", () => {
    const balancer = createWeightedRoundRobin();
    balancer.update([weighted("a", 1000), weighted("b", 1)]);
    countPicks(balancer, 500);
    balancer.update([weighted("a", 1), weighted("b", 1)]);
    const counts = countPicks(balancer, 20);
    assert.ok(Math.abs((counts.get("a") ?? 0) - 10) <= 1, `a got ${counts.get("a")} of 20`);
  });

  it("does not let a newcomer take more than its share", () => {
    const balancer = createWeightedRoundRobin();
    balancer.update(candidates(4));
    countPicks(balancer, 4001);
    balancer.update(candidates(5));
    const counts = countPicks(balancer, 50);
    for (const count of counts.values()) assert.ok(Math.abs(count - 10) <= 1, `${count} of 50`);
  });

  it("gives instances that restart all the time their share, and no more", () => {
    for (const picksBetween of [1, 7, 25, 50, 333]) {
      const balancer = createWeightedRoundRobin();
      let stable = 0;
      for (let round = 0, picks = 0; picks < 20_000; round++) {
        const restarted = candidates(50).map((candidate) => ({
          ...candidate,
          id: `${candidate.id} of ${round}`,
        }));
        balancer.update([...candidates(50), ...restarted]);
        for (let i = 0; i < picksBetween; i++, picks++) if (!balancer.pick()?.id.includes("of")) stable++;
      }
      assert.ok(
        Math.abs(stable - 10_000) < 1000,
        `${stable} of 20000 with a change every ${picksBetween} picks`,
      );
    }
  });

  it("leaves a weight of 0 out while another can take the call", () => {
    const balancer = createWeightedRoundRobin();
    const [heavy, none] = [weighted("a", 3), weighted("b", 0)];
    balancer.update([none, heavy]);
    assert.deepEqual([...countPicks(balancer, 100).keys()], ["a"]);
    assert.equal(balancer.pick([heavy]), none);
  });

  it("leaves out one whose weight has become 0, whatever it had saved up", () => {
    const balancer = createWeightedRoundRobin();
    balancer.update([weighted("b", 3), weighted("a", 4), weighted("c", 4)]);
    assert.deepEqual([balancer.pick()?.id, balancer.pick()?.id], ["a", "c"]);
    balancer.update([weighted("b", 0), weighted("a", 4), weighted("c", 4)]);
    assert.equal(countPicks(balancer, 100).has("b"), false);
  });
});

function weighted(id: string, weight: number): Candidate {
  return { id, weight, inFlight: 0 };
}
