import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createSeededRandom } from "../runtime/random.ts";
import type { Candidate } from "./balancer.ts";
import { candidates } from "./balancer-contract.ts";
import type { Member } from "./choice-set.ts";
import { createFraction, createProbePool, poolSizeFor, probeUses } from "./probe-pool.ts";

describe("b_reuse", () => {
  const uses = (poolSize: number, instances: number, probesPerCall: number, removalsPerCall: number) =>
    probeUses({ poolSize, instances, probesPerCall, removalsPerCall, growthPerCall: 1, maxUses: 16 });

  it("is the paper's: 1.32 in its testbed", () => {
    assert.equal(uses(16, 100, 3, 1).toFixed(2), "1.32");
  });

  it("is the paper's along its ramp of probe rates", () => {
    const table = [
      [4, 1.0],
      [2, 1.4],
      [Math.SQRT2, 2.13],
      [1, 3.39],
      [Math.SQRT1_2, 5.82],
      [0.5, 11.76],
    ] as const;
    for (const [rate, expected] of table) {
      assert.ok(Math.abs(uses(16, 100, rate, 0.25) - expected) < 0.007, `${rate} probes a call`);
    }
  });

  it("has a bound where the formula has none", () => {
    assert.equal(uses(16, 10, 3, 1), 16, "a pool larger than the set");
    assert.equal(uses(4, 6, 3, 1), 16, "the divisor is 0");
    assert.equal(uses(8, 16, 2, 1), 16);
  });
});

describe("the probe pool", () => {
  it("is at most half of the set, and 2 to 16", () => {
    assert.deepEqual([1, 3, 4, 9, 20, 32, 33, 1000].map(poolSizeFor), [2, 2, 2, 4, 10, 16, 16, 16]);
  });

  it("keeps one answer an instance, the newest, and lets the oldest go when it is full", () => {
    const { pool, members } = create(8);
    for (const [index, member] of members.slice(0, 4).entries()) pool.add(member, index, index, 10);
    pool.add(members[0] as Member<Candidate, undefined>, 4, 9, 10);
    assert.equal(pool.size, 4);
    pool.add(members[5] as Member<Candidate, undefined>, 5, 7, 10);
    assert.deepEqual(contents(pool), ["0:9", "2:2", "3:3", "5:7"]);
  });

  it("removes the oldest and the worst in turn", () => {
    const { pool, members } = create(8);
    for (const [index, rif] of [3, 8, 1, 2].entries()) {
      pool.add(members[index] as Member<Candidate, undefined>, index, rif, 10);
    }
    const removed: string[][] = [];
    for (let call = 0; call < 4; call++) {
      pool.removeAfterCall((a, b) => a.rif < b.rif);
      removed.push(contents(pool));
    }
    assert.deepEqual(removed, [["1:8", "2:1", "3:2"], ["2:1", "3:2"], ["3:2"], []]);
  });

  it("drops answers at the age of a second", () => {
    const { pool, members } = create(8);
    pool.add(members[0] as Member<Candidate, undefined>, 0, 1, 10);
    pool.add(members[1] as Member<Candidate, undefined>, 500, 1, 10);
    pool.expire(999);
    assert.equal(pool.size, 2);
    pool.expire(1000);
    assert.deepEqual(contents(pool), ["1:1"]);
  });

  it("uses answers b_reuse times on average", () => {
    const { pool, members } = create(100);
    let used = 0;
    for (let round = 0; round < 20_000; round++) {
      pool.add(members[round % 100] as Member<Candidate, undefined>, round, 0, 1);
      for (; pool.size > 0; used++) pool.use(0);
    }
    assert.ok(Math.abs(used / 20_000 - 1.32) < 0.02, String(used / 20_000));
  });

  it("holds at most one answer each and no more than its size, whatever happens", () => {
    const step = fc.record({
      kind: fc.constantFrom("add", "add", "use", "call", "drop", "expire"),
      of: fc.nat(19),
      passedMs: fc.nat(600),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const { pool, members } = create(20);
        let nowMs = 0;
        for (const { kind, of, passedMs } of steps) {
          nowMs += passedMs;
          const member = members[of] as Member<Candidate, undefined>;
          if (kind === "add") pool.add(member, nowMs, of, 10);
          else if (kind === "use" && pool.size > 0) pool.use(of % pool.size);
          else if (kind === "call") pool.removeAfterCall((a, b) => a.rif < b.rif);
          else if (kind === "drop") pool.drop(member);
          else pool.expire(nowMs);
          const ids = Array.from({ length: pool.size }, (_, i) => pool.at(i).member.candidate.id);
          assert.equal(new Set(ids).size, ids.length);
          assert.ok(pool.size <= 10);
          for (let i = 0; i < pool.size; i++) assert.ok(pool.at(i).usesLeft > 0);
        }
      }),
    );
  });
});

describe("a number per call that is not whole", () => {
  it("adds up exactly, spread evenly", () => {
    const rate = fc.double({ min: 0, max: 6, noNaN: true });
    fc.assert(
      fc.property(rate, (perCall) => {
        const fraction = createFraction(perCall);
        let sum = 0;
        for (let call = 1; call <= 200; call++) {
          sum += fraction.next();
          assert.ok(Math.abs(sum - call * perCall) <= 1 + 1e-6);
        }
      }),
    );
    const fraction = createFraction(0.1);
    assert.equal(
      Array.from({ length: 100 }, () => fraction.next()).reduce((a, b) => a + b),
      10,
    );
  });
});

function create(n: number) {
  const pool = createProbePool<Candidate, undefined>({ random: createSeededRandom(n) });
  pool.resize(n);
  const members = candidates(n).map((candidate) => ({ candidate, weight: 1, state: undefined }));
  return { pool, members };
}

function contents(pool: ReturnType<typeof create>["pool"]): string[] {
  return Array.from({ length: pool.size }, (_, i) => pool.at(i))
    .map(({ member, rif }) => `${member.candidate.id}:${rif}`)
    .sort();
}
