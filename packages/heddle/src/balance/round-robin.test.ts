import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSeededRandom } from "../runtime/random.ts";
import type { Balancer, Candidate } from "./balancer.ts";
import { candidates, describeBalancer } from "./balancer-contract.ts";
import { createRoundRobin } from "./round-robin.ts";

describeBalancer("round robin", { create: (random) => createRoundRobin({ random }), maxSpread: () => 1 });

describe("round robin", () => {
  it("goes in the order of the set from a random start", () => {
    const balancer = create();
    balancer.update(candidates(4));
    const first = Number(balancer.pick()?.id);
    assert.deepEqual(
      pickIds(balancer, 7),
      [1, 2, 3, 4, 5, 6, 7].map((step) => String((first + step) % 4)),
    );
  });

  it("keeps whose turn it is when the one before it leaves", () => {
    const balancer = create();
    const set = candidates(5);
    balancer.update(set);
    const first = Number(balancer.pick()?.id);
    balancer.update(set.filter(({ id }) => Number(id) !== first));
    assert.equal(balancer.pick()?.id, String((first + 1) % 5));
  });

  it("passes the turn on when the one whose turn it is leaves", () => {
    const balancer = create();
    const set = candidates(5);
    balancer.update(set);
    const first = Number(balancer.pick()?.id);
    balancer.update(set.filter(({ id }) => Number(id) !== (first + 1) % 5));
    assert.equal(balancer.pick()?.id, String((first + 2) % 5));
  });

  it("serves everyone once in each round, those who came during it included", () => {
    const balancer = create();
    balancer.update(candidates(3));
    pickIds(balancer, 2);
    balancer.update(candidates(6));
    assert.deepEqual(new Set(pickIds(balancer, 6)).size, 6);
  });

  it("moves on to the next one past those avoided", () => {
    const balancer = create();
    const set = candidates(3);
    balancer.update(set);
    const first = balancer.pick() as Candidate;
    const next = String((Number(first.id) + 1) % 3);
    assert.equal(balancer.pick([first])?.id, next);
  });
});

function create(): Balancer<Candidate> {
  return createRoundRobin({ random: createSeededRandom(11) });
}

function pickIds(balancer: Balancer<Candidate>, n: number): (string | undefined)[] {
  return Array.from({ length: n }, () => balancer.pick()?.id);
}
