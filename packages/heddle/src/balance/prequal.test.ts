import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSeededRandom } from "../runtime/random.ts";
import type { Candidate } from "./balancer.ts";
import { candidates, countPicks, describeBalancer, reportOf } from "./balancer-contract.ts";
import { createPrequal, type PrequalOptions } from "./prequal.ts";

describeBalancer("Prequal", {
  create: (random) => createPrequal({ random }),
  maxSpread: (picks, n) => 8 * Math.sqrt(picks / n),
});

describe("Prequal", () => {
  it("goes by the lowest latency among the cold, and by RIF when all are hot", () => {
    const { balancer, set } = create(10, { hotQuantile: 0.5, removalsPerCall: 0 });
    const answers: [rif: number, latencyMs: number][] = [
      [1, 90],
      [2, 40],
      [9, 5],
      [10, 4],
    ];
    for (const [index, [rif, latencyMs]] of answers.entries()) {
      balancer.reported(set[index] as Candidate, 0, reportOf(rif, latencyMs), true);
    }
    assert.equal(balancer.pick(undefined, 0)?.id, "1", "the hot ones are faster, but hot");
    assert.equal(balancer.pick(set.slice(0, 2), 0)?.id, "2", "of hot ones the one with fewer calls");
  });

  it("counts its own calls on the answers that it uses", () => {
    const picks = (countsOwnCalls: boolean) => {
      const { balancer, set } = create(20, {
        hotQuantile: 0,
        removalsPerCall: 0,
        probesPerCall: 0,
        countsOwnCalls,
      });
      for (const candidate of set.slice(0, 8)) balancer.reported(candidate, 0, reportOf(3, 20), true);
      return countPicks(balancer, 8).size;
    };
    assert.equal(picks(true), 8);
    assert.equal(picks(false), 1, "without it a client floods one");
  });

  it("asks for the probes that are due, of different instances", () => {
    for (const [probesPerCall, n, expected] of [
      [3, 100, 300],
      [0.5, 100, 50],
      [1.41, 100, 141],
      [5, 3, 300],
    ] as const) {
      const { balancer } = create(n, { probesPerCall });
      let asked = 0;
      for (let call = 0; call < 100; call++) {
        balancer.pick(undefined, call);
        const targets = balancer.probeTargets(call);
        assert.equal(new Set(targets).size, targets.length);
        asked += targets.length;
        assert.equal(balancer.probeTargets(call).length, 0, "once a pick");
      }
      assert.ok(Math.abs(asked - expected) <= 1, `${asked} probes at ${probesPerCall} a call`);
    }
  });

  it("probes everyone about as often", () => {
    const { balancer } = create(50, {});
    const asked = new Map<string, number>();
    for (let call = 0; call < 5000; call++) {
      balancer.pick(undefined, call);
      for (const { id } of balancer.probeTargets(call)) asked.set(id, (asked.get(id) ?? 0) + 1);
    }
    assert.equal(asked.size, 50);
    for (const count of asked.values()) assert.ok(Math.abs(count - 300) < 90, `${count} of 300`);
  });

  it("goes by its own calls in flight when there are no answers, or only old ones", () => {
    const { balancer, set } = create(20, {});
    for (const candidate of set.slice(0, 5)) balancer.reported(candidate, 0, reportOf(0, 1), true);
    balancer.pick(undefined, 999);
    assert.equal(balancer.picksWithoutProbes, 0);
    for (const candidate of set) candidate.inFlight = candidate.id === "13" ? 0 : 5;
    const ids = Array.from({ length: 400 }, () => balancer.pick(undefined, 1000)?.id);
    assert.equal(balancer.picksWithoutProbes, 400);
    const share = ids.filter((id) => id === "13").length;
    assert.ok(share > 20 && share < 80, `two choices find the idle one a tenth of the time: ${share} of 400`);
  });

  it("keeps the pool at its size, 16 or half of the set, under a steady stream of answers", () => {
    for (const [n, most] of [
      [100, 16],
      [20, 10],
      [3, 2],
    ] as const) {
      const { balancer } = create(n, {});
      let sizes = 0;
      for (let call = 0; call < 2000; call++) {
        balancer.pick(undefined, call);
        for (const target of balancer.probeTargets(call))
          balancer.reported(target, call, reportOf(2, 10), true);
        assert.ok(balancer.poolSize <= most);
        sizes += balancer.poolSize;
      }
      assert.ok(sizes / 2000 > most * 0.6, `mean size ${sizes / 2000} of ${most}`);
    }
  });

  it("ignores reports that were not asked for, since they come from those it prefers", () => {
    const { balancer, set } = create(20, {});
    for (const candidate of set) balancer.reported(candidate, 0, reportOf(0, 1), false);
    assert.equal(balancer.poolSize, 0);
  });

  it("keeps answers over updates, for those that stay", () => {
    const { balancer, set } = create(20, { removalsPerCall: 0 });
    for (const candidate of set.slice(0, 6)) balancer.reported(candidate, 0, reportOf(1, 10), true);
    const renewed = candidates(20).filter(({ id }) => id !== "3");
    balancer.update(renewed, 1);
    assert.equal(balancer.poolSize, 5);
    assert.ok(renewed.includes(balancer.pick(undefined, 1) as Candidate));
  });

  it("never probes nor prefers a weight of 0", () => {
    const set = candidates(20).map((candidate) => ({ ...candidate, weight: candidate.id === "4" ? 0 : 1 }));
    const balancer = createPrequal<Candidate>({ random: createSeededRandom(9) });
    balancer.update(set, 0);
    for (let call = 0; call < 500; call++) {
      assert.notEqual(balancer.pick(undefined, call)?.id, "4");
      for (const target of balancer.probeTargets(call)) {
        assert.notEqual(target.id, "4");
        balancer.reported(target, call, reportOf(call % 7, 10), true);
      }
    }
  });
});

describe("Prequal keeps away from those that fail", () => {
  it("sends a failing instance less and less, and comes back when it has recovered", () => {
    const { balancer, set } = create(20, {});
    let failing = true;
    const hits: number[] = [];
    for (let nowMs = 0; nowMs < 120_000; nowMs += 5) {
      if (nowMs === 60_000) failing = false;
      const picked = balancer.pick(undefined, nowMs) as Candidate;
      const isBroken = picked === set[0];
      if (isBroken) hits.push(nowMs);
      for (const target of balancer.probeTargets(nowMs)) {
        // The broken one is idle and looks fast.
        balancer.reported(
          target,
          nowMs,
          target === set[0] && failing ? reportOf(0, 0.1) : reportOf(2, 20),
          true,
        );
      }
      balancer.ended(picked, nowMs, isBroken ? 0.1 : 20, isBroken && failing ? "failed" : "ok");
    }
    const failed = hits.filter((atMs) => atMs < 60_000).length;
    assert.ok(failed <= 7, `${failed} failed calls of 12000 in a minute`);
    assert.ok(hits.filter((atMs) => atMs > 100_000).length > 50, "its share again");
  });

  it("believes an instance that says that most of its calls fail", () => {
    const { balancer, set } = create(20, { removalsPerCall: 0 });
    for (const candidate of set.slice(0, 5)) {
      const errorsPerSecond = candidate.id === "2" ? 9 : 0;
      balancer.reported(
        candidate,
        0,
        { ...reportOf(candidate.id === "2" ? 0 : 4, 10), errorsPerSecond },
        true,
      );
    }
    for (let call = 0; call < 20; call++) assert.notEqual(balancer.pick(undefined, 0)?.id, "2");
  });

  it("keeps no more than half of the set out", () => {
    const { balancer, set } = create(10, {});
    for (let round = 0; round < 10; round++) {
      for (const candidate of set) balancer.ended(candidate, 0, 1, "failed");
    }
    const picked = new Set(Array.from({ length: 500 }, () => balancer.pick(undefined, 1)?.id));
    assert.equal(picked.size >= 5, true);
  });
});

function create(n: number, options: PrequalOptions) {
  const balancer = createPrequal<Candidate>({ random: createSeededRandom(n), ...options });
  const set = candidates(n);
  balancer.update(set, 0);
  return { balancer, set };
}
