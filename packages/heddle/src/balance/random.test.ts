import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSeededRandom } from "../runtime/random.ts";
import { candidates, describeBalancer } from "./balancer-contract.ts";
import { createRandom } from "./random.ts";

describeBalancer("random", {
  create: (random) => createRandom({ random }),
  /** The range of n binomial counts: 8 standard deviations hold it for any of these n. */
  maxSpread: (picks, n) => 8 * Math.sqrt(picks / n),
});

describe("random", () => {
  it("spreads evenly over those that are not avoided", () => {
    const balancer = createRandom({ random: createSeededRandom(5) });
    const set = candidates(6);
    balancer.update(set);
    const avoid = set.slice(1, 3);
    const counts = new Map<string | undefined, number>();
    for (let i = 0; i < 40_000; i++) {
      const id = balancer.pick(avoid)?.id;
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    assert.deepEqual(new Set(counts.keys()), new Set(["0", "3", "4", "5"]));
    for (const count of counts.values())
      assert.ok(Math.abs(count - 10_000) < 500, `${count} of 10000 expected`);
  });
});
