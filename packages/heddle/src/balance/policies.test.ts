import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSeededRandom } from "../runtime/random.ts";
import { candidates } from "./balancer-contract.ts";
import {
  type BalancerFactory,
  type BalancerPolicyName,
  balancerPolicyNames,
  createBalancer,
} from "./policies.ts";

const random = createSeededRandom(1);

describe("createBalancer", () => {
  it("makes the policy of that name", () => {
    for (const name of balancerPolicyNames) {
      const balancer = createBalancer(name, { random });
      balancer.update(candidates(2));
      assert.equal(balancer.name, name);
      assert.notEqual(balancer.pick(), undefined);
    }
  });

  it("takes a function as a policy of one's own and hands it the random numbers", () => {
    const own: BalancerFactory = (options) => {
      assert.equal(options.random, random);
      return { name: "own", update() {}, pick: () => undefined };
    };
    assert.equal(createBalancer(own, { random }).name, "own");
  });

  it("names the policies there are when one does not exist", () => {
    const name = "fastest" as BalancerPolicyName;
    assert.throws(
      () => createBalancer(name, { random }),
      /RangeError: .*"fastest".*default, pick_first, round_robin, random/,
    );
  });
});
