import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSeededRandom } from "../runtime/random.ts";
import type { Candidate } from "./balancer.ts";
import { candidates, describeBalancer, reportOf } from "./balancer-contract.ts";
import { createDefault, type DefaultBalancer } from "./default-balancer.ts";
import { createLoadScore } from "./load-score.ts";

const maxSpread = (picks: number, n: number) => (n <= 16 ? 1 : 8 * Math.sqrt(picks / n));
describeBalancer("the default", { create: (random) => createDefault({ random }), maxSpread });
describeBalancer("load score", { create: (random) => createLoadScore({ random }), maxSpread });

describe("load score", () => {
  const create = (n: number) => {
    const balancer = createLoadScore<Candidate>({ random: createSeededRandom(n) });
    const set = candidates(n);
    balancer.update(set, 0);
    for (const candidate of set) balancer.ended(candidate, 0, 20, "ok");
    return { balancer, set };
  };

  it("counts the calls of others that a report tells, while it is recent, and its own since then", () => {
    const { balancer, set } = create(3);
    balancer.reported(set[0] as Candidate, 0, reportOf(6, 20), false);
    balancer.reported(set[1] as Candidate, 0, reportOf(2, 20), false);
    balancer.reported(set[2] as Candidate, 0, reportOf(4, 20), true);
    const picks = Array.from({ length: 6 }, () => {
      const picked = balancer.pick(undefined, 10) as Candidate;
      picked.inFlight++;
      return picked.id;
    });
    assert.deepEqual(picks.sort(), ["1", "1", "1", "1", "2", "2"]);
    for (let i = 0; i < 4; i++) {
      const picked = balancer.pick(undefined, 1001) as Candidate;
      assert.equal(picked.id, "0", "the reports are too old, and nothing of ours is there");
      picked.inFlight += i < 3 ? 0 : 1;
    }
  });

  it("goes by its own calls and what they took as long as one has not reported", () => {
    const { balancer, set } = create(3);
    balancer.reported(set[0] as Candidate, 0, reportOf(0, 1), false);
    balancer.reported(set[1] as Candidate, 0, reportOf(0, 1), false);
    const [fast, slow] = set as [Candidate, Candidate];
    balancer.ended(slow, 1, 500, "ok");
    fast.inFlight = 4;
    assert.equal(balancer.pick(undefined, 2)?.id, "2");
    balancer.reported(set[2] as Candidate, 2, reportOf(0, 50), true);
    assert.equal(balancer.pick(undefined, 3)?.id, "1", "now that all have, by what they say");
  });

  it("takes what does not say how many calls are in flight for no report", () => {
    const { balancer, set } = create(2);
    for (const candidate of set) balancer.reported(candidate, 0, reportOf(-1, -1), false);
    (set[0] as Candidate).inFlight = 1;
    balancer.ended(set[1] as Candidate, 1, 1000, "ok");
    assert.equal(balancer.pick(undefined, 2)?.id, "0");
  });

  it("probes at the pace of calls that are short, within a number of probes a call", () => {
    const { balancer, set } = create(2);
    let probes = 0;
    for (let nowMs = 0; nowMs < 1000; nowMs++) {
      balancer.pick(undefined, nowMs);
      for (const target of balancer.probeTargets(nowMs)) {
        probes++;
        balancer.reported(target, nowMs, reportOf(1, 60), true);
      }
    }
    assert.ok(Math.abs(probes - (2 * 1000) / 20) < 10, `${probes}: every 20 ms each`);
    assert.equal(set.length, 2);
  });

  it("probes those that have not been heard for a while, each on its own", () => {
    const { balancer, set } = create(4);
    assert.equal(balancer.probeTargets(0).length, 4);
    assert.equal(balancer.probeTargets(99).length, 0);
    balancer.reported(set[1] as Candidate, 50, reportOf(0, 5), false);
    assert.deepEqual(
      balancer.probeTargets(100).map(({ id }) => id),
      ["0", "2", "3"],
    );
    assert.deepEqual(
      balancer.probeTargets(150).map(({ id }) => id),
      ["1"],
    );
  });

  it("keeps calls away from one that fails fast", () => {
    const { balancer, set } = create(4);
    let failed = 0;
    for (let nowMs = 0; nowMs < 60_000; nowMs += 5) {
      const picked = balancer.pick(undefined, nowMs) as Candidate;
      const isBroken = picked === set[2];
      if (isBroken) failed++;
      balancer.ended(picked, nowMs, isBroken ? 0.1 : 20, isBroken ? "failed" : "ok");
    }
    assert.ok(failed <= 7, `${failed} of 12000`);
  });
});

describe("the default", () => {
  it("compares all of a small set, and goes by probes in a larger one that reports", () => {
    for (const [n, policy] of [
      [2, "load_score"],
      [8, "load_score"],
      [9, "probed_score"],
      [200, "probed_score"],
    ] as const) {
      const balancer = create(n);
      call(balancer, 0, 2000, () => true);
      assert.equal(balancer.policy, policy);
    }
  });

  it("goes by Peak-EWMA where nobody reports, and asks rarely", () => {
    const balancer = create(50);
    const asked = call(balancer, 0, 30_000, () => false);
    assert.equal(balancer.policy, "load_score");
    assert.ok(asked < 150, `${asked} probes in 30 s`);
    assert.ok(asked > 80, "but still asks, should they have learned it");
    call(balancer, 30_000, 40_000, () => true);
    assert.equal(balancer.policy, "probed_score");
  });

  it("does not starve a tenth or more that do not report", () => {
    const balancer = create(50);
    call(balancer, 0, 10_000, ({ id }) => Number(id) >= 10);
    assert.equal(balancer.policy, "load_score");
    const picked = new Set<string>();
    for (let i = 0; i < 5000; i++) picked.add(balancer.pick(undefined, 10_000)?.id as string);
    assert.ok(picked.size >= 45, "two choices leave out only the very worst");
  });

  it("stays with probes when one of many falls silent", () => {
    const balancer = create(50);
    call(balancer, 0, 10_000, ({ id }) => id !== "7");
    assert.equal(balancer.policy, "probed_score");
  });

  it("notices when a set that reported is replaced by one that does not", () => {
    const balancer = create(50);
    call(balancer, 0, 3000, () => true);
    balancer.update(
      candidates(50).map((candidate) => ({ ...candidate, id: `new ${candidate.id}` })),
      3000,
    );
    assert.equal(balancer.policy, "load_score");
  });
});

function create(n: number): DefaultBalancer<Candidate> {
  const balancer = createDefault<Candidate>({ random: createSeededRandom(n) });
  balancer.update(candidates(n), 0);
  return balancer;
}

/** Calls every 2 ms, with answers to the probes of those who answer. Returns the probes asked for. */
function call(
  balancer: DefaultBalancer<Candidate>,
  fromMs: number,
  toMs: number,
  answers: (of: Candidate) => boolean,
): number {
  let asked = 0;
  for (let nowMs = fromMs; nowMs < toMs; nowMs += 2) {
    const picked = balancer.pick(undefined, nowMs) as Candidate;
    balancer.ended(picked, nowMs, 10, "ok");
    for (const target of balancer.probeTargets(nowMs)) {
      asked++;
      if (answers(target)) balancer.reported(target, nowMs, reportOf(1, 10), true);
    }
  }
  return asked;
}
