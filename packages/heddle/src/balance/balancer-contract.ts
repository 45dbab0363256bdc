/**
 * What every balancer must do, as tests: built-in policies run it, and a policy of your own should too. A test
 * helper: only `*.test.ts` files import it.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { systemClock } from "../runtime/clock.ts";
import { createSeededRandom, type Random } from "../runtime/random.ts";
import type { Balancer, Candidate, LoadReport } from "./balancer.ts";

export interface BalancerContract {
  create(random: Random): Balancer<Candidate>;
  /**
   * How far apart the most and the least picked of `n` equal, idle candidates may be after `picks` picks.
   * 1 for policies that take turns; a multiple of the standard deviation for random ones.
   */
  maxSpread(picks: number, n: number): number;
  /** It stays with one instance, by intention: the tests of spreading do not apply. Default false. */
  isSticky?: boolean;
  /** A pick looks at the whole set, by intention: it may take longer at 1 000 than a microsecond. Default false. */
  scansAll?: boolean;
}

export function describeBalancer(name: string, contract: BalancerContract): void {
  const createSeeded = (seed = 1) => contract.create(createSeededRandom(seed));
  const spreading = { skip: contract.isSticky === true };

  describe(`${name} keeps the balancer contract`, () => {
    it("has a name", () => {
      assert.notEqual(createSeeded().name, "");
    });

    it("picks nothing from an empty set, before and after it had members", () => {
      const balancer = createSeeded();
      assert.equal(balancer.pick(), undefined);
      balancer.update([]);
      assert.equal(balancer.pick(), undefined);
      balancer.update(candidates(3));
      assert.notEqual(balancer.pick(), undefined);
      balancer.update([]);
      assert.equal(balancer.pick(), undefined);
      assert.equal(balancer.pick(candidates(1)), undefined);
    });

    it("always picks the only one", () => {
      const balancer = createSeeded();
      const [only] = candidates(1);
      balancer.update([only as Candidate]);
      for (let i = 0; i < 10; i++) assert.equal(balancer.pick(), only);
    });

    it("picks the one that is left when the others are avoided, and nothing when all are", () => {
      for (const n of [2, 3, 16, 17, 40]) {
        const balancer = createSeeded(n);
        const set = candidates(n);
        balancer.update(set);
        for (const left of set) {
          assert.equal(balancer.pick(set.filter((candidate) => candidate !== left)), left);
        }
        assert.equal(balancer.pick(set), undefined);
        assert.notEqual(
          balancer.pick(),
          undefined,
          "being avoided by one call is not remembered for the next",
        );
      }
    });

    it("avoids by id, since an instance may have reconnected since it was tried", () => {
      const balancer = createSeeded();
      balancer.update(candidates(2));
      const [triedBefore] = candidates(1);
      for (let i = 0; i < 20; i++) assert.equal(balancer.pick([triedBefore as Candidate])?.id, "1");
    });

    it("returns the object of the last update", () => {
      const balancer = createSeeded();
      balancer.update(candidates(5));
      const renewed = candidates(5);
      balancer.update(renewed);
      for (let i = 0; i < 50; i++) assert.ok(renewed.includes(balancer.pick() as Candidate));
    });

    it("does not keep the array it was given", () => {
      const balancer = createSeeded();
      const set = candidates(3);
      balancer.update(set);
      set.length = 0;
      assert.notEqual(balancer.pick(), undefined);
    });

    it("still picks when no weight is usable", spreading, () => {
      for (const weight of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
        for (const n of [2, 30]) {
          const balancer = createSeeded();
          balancer.update(candidates(n, weight));
          const seen = new Set(Array.from({ length: 60 * n }, () => balancer.pick()?.id));
          assert.equal(seen.size, n, `weight ${weight}, ${n} candidates`);
        }
      }
    });

    it("spreads equal load fairly over equal candidates", spreading, () => {
      for (const [n, seed] of [
        [2, 3],
        [3, 4],
        [7, 5],
        [16, 6],
        [50, 7],
      ] as const) {
        const balancer = createSeeded(seed);
        balancer.update(candidates(n));
        const picks = 500 * n + 1;
        const counts = countPicks(balancer, picks);
        const spread = Math.max(...counts.values()) - Math.min(...counts.values());
        assert.equal(counts.size, n);
        assert.ok(spread <= contract.maxSpread(picks, n), `spread of ${spread} over ${n} candidates`);
      }
    });

    it("stays fair while updates arrive that change nothing", spreading, () => {
      const balancer = createSeeded();
      const counts = new Map<string, number>();
      for (let round = 0; round < 1000; round++) {
        const set = candidates(5);
        balancer.update(round % 2 === 0 ? set : set.reverse());
        const id = balancer.pick()?.id ?? "none";
        counts.set(id, (counts.get(id) ?? 0) + 1);
      }
      assert.equal(counts.size, 5);
      for (const count of counts.values()) assert.ok(count > 120 && count < 280, `one got ${count} of 1000`);
    });

    it("starts in different places with different randomness", spreading, () => {
      const first = new Set<string | undefined>();
      for (let seed = 0; seed < 200; seed++) {
        const balancer = createSeeded(seed);
        balancer.update(candidates(8));
        first.add(balancer.pick()?.id);
      }
      assert.equal(first.size, 8);
    });

    it("makes the same picks with the same seed", () => {
      const run = () => {
        const balancer = createSeeded(42);
        balancer.update(candidates(20));
        return Array.from({ length: 200 }, () => balancer.pick()?.id);
      };
      assert.deepEqual(run(), run());
    });

    it("picks a member that is not avoided whenever there is one, through any sequence of updates", () => {
      fc.assert(
        fc.property(fc.integer(), fc.array(step, { maxLength: 60 }), (seed, steps) => {
          const balancer = createSeeded(seed);
          let set: Candidate[] = [];
          for (const { kind, ids, load } of steps) {
            if (kind === "update") {
              set = ids.map((id) => ({ id: String(id), weight: (id % 4) + load * 0.5, inFlight: load }));
              balancer.update(set);
              continue;
            }
            const avoid = set.filter(({ id }) => ids.includes(Number(id)));
            const picked = balancer.pick(kind === "pick" ? undefined : avoid);
            if (kind === "pick") {
              assert.equal(picked !== undefined, set.length > 0);
            } else {
              assert.equal(picked !== undefined, set.length > avoid.length);
              assert.ok(picked === undefined || !avoid.includes(picked));
            }
            if (picked === undefined) continue;
            assert.ok(set.includes(picked), "a member of the last set");
            picked.inFlight++;
          }
        }),
      );
    });

    it("holds all that through ends and load reports of any kind, of members and of those that have left", () => {
      fc.assert(
        fc.property(fc.integer(), fc.array(fedStep, { maxLength: 80 }), (seed, steps) => {
          const balancer = createSeeded(seed);
          let set: Candidate[] = [];
          let nowMs = 0;
          for (const { kind, ids, passedMs, latencyMs, rif, outcome } of steps) {
            nowMs += passedMs;
            if (kind === "update") {
              set = ids.map((id) => ({ id: String(id), weight: id % 3, inFlight: rif }));
              balancer.update(set, nowMs);
            }
            for (const id of ids) {
              const of =
                set.find((candidate) => candidate.id === String(id)) ?? (candidates(26)[id] as Candidate);
              if (kind === "ended") balancer.ended?.(of, nowMs, latencyMs, outcome);
              if (kind === "reported") balancer.reported?.(of, nowMs, reportOf(rif, latencyMs), id % 2 === 0);
            }
            const avoid = set.filter(({ id }) => ids.includes(Number(id)));
            const picked = balancer.pick(avoid, nowMs, rif);
            assert.equal(picked !== undefined, set.length > avoid.length);
            assert.ok(picked === undefined || (set.includes(picked) && !avoid.includes(picked)));
            const targets = balancer.probeTargets?.(nowMs) ?? [];
            assert.ok(targets.every((target) => set.includes(target)));
            assert.equal(new Set(targets).size, targets.length, "nobody is probed twice at once");
          }
        }),
      );
    });

    it("picks quickly and without garbage among 1000 that report and end", () => {
      const { ns, bytes } = measurePicks(createSeeded(), 1000);
      if (contract.scansAll !== true) assert.ok(ns < 2000, `${ns} ns a pick`);
      assert.ok(bytes < 256, `${bytes} bytes a pick`);
    });
  });
}

/**
 * What a pick costs among `n` once all have reported and ended calls: the best of some batches, since this machine
 * may be busy with others. The bytes are those of boxed random numbers and the like.
 */
export function measurePicks(balancer: Balancer<Candidate>, n: number): { ns: number; bytes: number } {
  const set = candidates(n);
  balancer.update(set, 0);
  let nowMs = 0;
  let picks = 0;
  const batch = (size: number) => {
    for (let i = 0; i < size; i++) balancer.pick(undefined, nowMs, Math.imul(picks++, 0x9e3779b1) >>> 0);
  };
  for (const candidate of set) {
    balancer.ended?.(candidate, 1, 10 + (Number(candidate.id) % 7), "ok");
    balancer.reported?.(candidate, 1, reportOf(Number(candidate.id) % 5, 20), true);
  }
  const ns: number[] = [];
  const bytes: number[] = [];
  for (let round = 0; round < 60; round++) {
    // Probes are answered between the batches, so that a pool is full for the first picks of each.
    nowMs += 1;
    for (let i = 0; i < 3; i++) {
      balancer.pick(undefined, nowMs, picks++);
      for (const target of balancer.probeTargets?.(nowMs) ?? []) {
        balancer.reported?.(target, nowMs, reportOf(2, 20), true);
      }
    }
    const heapBefore = process.memoryUsage().heapUsed;
    const startMs = systemClock.now();
    batch(200);
    ns.push(((systemClock.now() - startMs) * 1e6) / 200);
    bytes.push((process.memoryUsage().heapUsed - heapBefore) / 200);
  }
  const median = bytes.sort((a, b) => a - b)[bytes.length >> 1] as number;
  return { ns: Math.min(...ns), bytes: median };
}

export function reportOf(requestsInFlight: number, latencyMs: number, utilization = -1): LoadReport {
  return { requestsInFlight, latencyMs, utilization, requestsPerSecond: 10, errorsPerSecond: 0 };
}

/** `n` idle candidates of one weight, with ids "0", "1", … */
export function candidates(n: number, weight = 1): Candidate[] {
  return Array.from({ length: n }, (_, index) => ({ id: String(index), weight, inFlight: 0 }));
}

/** Picks per id. */
export function countPicks(balancer: Balancer<Candidate>, picks: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i < picks; i++) {
    const { id } = balancer.pick() as Candidate;
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

const step = fc.record({
  kind: fc.constantFrom("update", "pick", "pick", "pick avoiding"),
  ids: fc.uniqueArray(fc.nat({ max: 25 }), { maxLength: 25 }),
  load: fc.nat({ max: 3 }),
});

const fedStep = fc.record({
  kind: fc.constantFrom("update", "ended", "reported", "reported", "none"),
  ids: fc.uniqueArray(fc.nat({ max: 25 }), { maxLength: 20 }),
  passedMs: fc.constantFrom(0, 0, 1, 30, 1500, 400_000),
  latencyMs: fc.constantFrom(-1, 0, 5, 80, 1e9),
  rif: fc.nat({ max: 9 }),
  outcome: fc.constantFrom("ok" as const, "failed" as const, "cancelled" as const),
});
