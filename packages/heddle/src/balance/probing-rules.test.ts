import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSeededRandom, type Random } from "../runtime/random.ts";
import type { Candidate } from "./balancer.ts";
import { candidates, describeBalancer, reportOf } from "./balancer-contract.ts";
import { createC3 } from "./c3.ts";
import { createLinear } from "./linear.ts";
import { createPolledTwoChoices } from "./polled-two-choices.ts";
import type { ProbingBalancer } from "./probing.ts";

const maxSpread = (picks: number, n: number) => 8 * Math.sqrt(picks / n);
describeBalancer("C3", { create: (random) => createC3({ random }), maxSpread });
describeBalancer("linear", { create: (random) => createLinear({ random }), maxSpread });
describeBalancer("polled two choices", { create: (random) => createPolledTwoChoices({ random }), maxSpread });

describe("linear", () => {
  it("weighs a call in flight against milliseconds", () => {
    const choose = (rifShare: number) =>
      chosen(
        (random) => createLinear({ random, rifShare, msPerRif: 10, removalsPerCall: 0 }),
        [
          [1, 60],
          [4, 20],
        ],
      );
    assert.equal(choose(0), "1");
    assert.equal(choose(0.5), "1", "30 + 5 against 10 + 20");
    assert.equal(choose(0.6), "0", "24 + 6 against 8 + 24");
    assert.equal(choose(1), "0");
  });
});

describe("C3", () => {
  const choose = (
    loads: [rif: number, latencyMs: number][],
    feed?: (balancer: ProbingBalancer<Candidate>) => void,
  ) => chosen((random) => createC3({ random, clients: 2, removalsPerCall: 0 }), loads, feed);

  it("keeps away from long queues with their cube", () => {
    const loads: [number, number][] = [
      [1, 80],
      [3, 20],
    ];
    assert.equal(choose(loads), "0", "8 · 80 against 64 · 20");
    loads[0] = [2, 80];
    assert.equal(choose(loads), "1", "27 · 80 against 64 · 20");
  });

  it("counts its own calls for all clients", () => {
    const busy = (balancer: ProbingBalancer<Candidate>, set: Candidate[]) => {
      (set[0] as Candidate).inFlight = 1;
      return balancer;
    };
    const set = candidates(10);
    const balancer = createC3<Candidate>({ random: createSeededRandom(1), clients: 10, removalsPerCall: 0 });
    balancer.update(set, 0);
    busy(balancer, set);
    balancer.reported(set[0] as Candidate, 0, reportOf(0, 20), true);
    balancer.reported(set[1] as Candidate, 0, reportOf(5, 20), true);
    assert.equal(balancer.pick(undefined, 0)?.id, "1");
  });

  it("adds what the way there costs", () => {
    const loads: [number, number][] = [
      [1, 10],
      [1, 10],
    ];
    const far = (balancer: ProbingBalancer<Candidate>) => {
      balancer.ended(candidates(1)[0] as Candidate, 0, 50, "ok");
      balancer.ended(candidates(2)[1] as Candidate, 0, 12, "ok");
    };
    assert.equal(choose(loads, far), "1");
  });
});

describe("polled two choices", () => {
  it("polls each every 500 ms, from another moment on", () => {
    const balancer = createPolledTwoChoices<Candidate>({ random: createSeededRandom(2) });
    balancer.update(candidates(20), 0);
    const polls = new Map<string, number[]>();
    for (let nowMs = 0; nowMs <= 5000; nowMs += 10) {
      for (const { id } of balancer.probeTargets(nowMs)) polls.set(id, [...(polls.get(id) ?? []), nowMs]);
    }
    assert.equal(polls.size, 20);
    for (const times of polls.values()) {
      assert.ok(times.length >= 10 && times.length <= 12);
      for (let i = 2; i < times.length; i++) {
        assert.ok((times[i] as number) - (times[i - 1] as number) >= 500);
      }
    }
    assert.ok(new Set([...polls.values()].map(([, second]) => second)).size > 10);
  });

  it("goes by what was told, until told otherwise", () => {
    const balancer = createPolledTwoChoices<Candidate>({ random: createSeededRandom(3) });
    const set = candidates(2);
    balancer.update(set, 0);
    balancer.reported(set[0] as Candidate, 0, reportOf(1, 10), true);
    balancer.reported(set[1] as Candidate, 0, reportOf(6, 10), true);
    (set[0] as Candidate).inFlight = 50;
    assert.equal(balancer.pick(undefined, 0)?.id, "0");
    balancer.reported(set[0] as Candidate, 0, reportOf(7, 10), true);
    assert.equal(balancer.pick(undefined, 0)?.id, "1");
  });
});

function chosen(
  create: (random: Random) => ProbingBalancer<Candidate>,
  loads: readonly [rif: number, latencyMs: number][],
  feed?: (balancer: ProbingBalancer<Candidate>) => void,
): string | undefined {
  const balancer = create(createSeededRandom(1));
  const set = candidates(10);
  balancer.update(set, 0);
  feed?.(balancer);
  for (const [index, [rif, latencyMs]] of loads.entries()) {
    balancer.reported(set[index] as Candidate, 0, reportOf(rif, latencyMs), true);
  }
  return balancer.pick(undefined, 0)?.id;
}
