import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createSeededRandom, type Random } from "../runtime/random.ts";
import type { Balancer, Candidate } from "./balancer.ts";
import { candidates, describeBalancer } from "./balancer-contract.ts";
import { hashKey } from "./hash-key.ts";
import { createMaglev } from "./maglev.ts";
import { createRingHash } from "./ring-hash.ts";

const keys = Array.from({ length: 20_000 }, (_, index) => hashKey(`user-${index}`));
const builders: [string, (random: Random, balanceFactor?: number) => Balancer<Candidate>][] = [
  [
    "ring hash",
    (random, balanceFactor) => createRingHash({ random, ...(balanceFactor && { balanceFactor }) }),
  ],
  ["Maglev", (random, balanceFactor) => createMaglev({ random, ...(balanceFactor && { balanceFactor }) })],
];

for (const [name, create] of builders) {
  const maxSpread = (picks: number, n: number) => 2 * (picks / n);
  describeBalancer(name, { create: (random) => create(random), maxSpread });
  describeBalancer(`${name} with bounded load`, { create: (random) => create(random, 125), maxSpread });

  describe(name, () => {
    const random = createSeededRandom(1);
    const placesIn = (set: readonly Candidate[]) => {
      const balancer = create(random);
      balancer.update(set);
      return keys.map((key) => balancer.pick(undefined, 0, key)?.id as string);
    };

    it("sends a key to the same instance from every client, in whatever order it lists them", () => {
      assert.deepEqual(placesIn(candidates(30)), placesIn(candidates(30).reverse()));
    });

    it("moves the keys of one that left, and few others", () => {
      const before = placesIn(candidates(30));
      const after = placesIn(candidates(30).filter(({ id }) => id !== "12"));
      let moved = 0;
      for (const [index, id] of before.entries()) if (id !== "12" && after[index] !== id) moved++;
      assert.ok(moved <= (name === "Maglev" ? 0.05 : 0) * keys.length, `${moved} of ${keys.length} moved`);
    });

    it("gives shares by weight", () => {
      const set = candidates(10).map((candidate, index) => ({ ...candidate, weight: index < 5 ? 1 : 3 }));
      const counts = new Map<string, number>();
      for (const id of placesIn(set)) counts.set(id, (counts.get(id) ?? 0) + 1);
      const heavy =
        ["5", "6", "7", "8", "9"].reduce((sum, id) => sum + (counts.get(id) ?? 0), 0) / keys.length;
      assert.ok(Math.abs(heavy - 0.75) < (name === "Maglev" ? 0.01 : 0.05), String(heavy));
    });

    it("leaves out a weight of 0 while another can take the call", () => {
      const set = candidates(5).map((candidate) => ({ ...candidate, weight: candidate.id === "3" ? 0 : 1 }));
      assert.equal(placesIn(set).includes("3"), false);
      const balancer = create(random);
      balancer.update(set);
      assert.equal(
        balancer.pick(
          set.filter(({ id }) => id !== "3"),
          0,
          7,
        )?.id,
        "3",
      );
    });

    it("retries of a key go to the same second instance", () => {
      const set = candidates(20);
      const balancer = create(random);
      balancer.update(set);
      for (const key of keys.slice(0, 200)) {
        const first = balancer.pick(undefined, 0, key) as Candidate;
        const second = balancer.pick([first], 0, key);
        assert.notEqual(second, first);
        assert.equal(balancer.pick([first], 0, key), second);
      }
    });

    it("spreads one popular key so that none has more than its bound", () => {
      const set = candidates(20);
      const balancer = create(random, 125);
      balancer.update(set);
      const [key] = keys as [number];
      for (let call = 1; call <= 2000; call++) {
        (balancer.pick(undefined, 0, key) as Candidate).inFlight++;
        const most = Math.max(...set.map(({ inFlight }) => inFlight));
        assert.ok(most <= Math.ceil((1.25 * call) / 20), `${most} of ${call}`);
      }
    });

    it("refuses a bound below the mean", () => {
      assert.throws(() => create(random, 90), RangeError);
    });
  });
}

describe("Maglev", () => {
  it("has equal shares", () => {
    const balancer = createMaglev<Candidate>({ random: createSeededRandom(1) });
    balancer.update(candidates(100));
    const counts = new Map<string, number>();
    for (let key = 0; key < 65_537; key++) {
      const id = balancer.pick(undefined, 0, key)?.id as string;
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    for (const count of counts.values()) assert.ok(count === 655 || count === 656);
  });

  it("refuses a table that is no prime number", () => {
    assert.throws(() => createMaglev({ tableSize: 65_536 }), RangeError);
  });
});

describe("hashKey", () => {
  it("is XXH32 of the UTF-16 bytes", () => {
    // The published values of XXH32: of nothing, and of these bytes with seed 0.
    assert.equal(hashKey(""), 0x02cc5d05);
    assert.equal(hashOfBytes(Buffer.from("Nobody inspects the spammish repetition"), 0), 0xe2293b2f);
    const text = fc.string({ unit: "binary", maxLength: 60 });
    fc.assert(
      fc.property(text, fc.integer(), (value, seed) => {
        assert.equal(hashKey(value, seed), hashOfBytes(Buffer.from(value, "utf16le"), seed >>> 0));
      }),
    );
  });

  it("spreads neighbouring keys evenly", () => {
    const buckets = new Uint32Array(256);
    for (let i = 0; i < 256_000; i++) {
      const bucket = hashKey(`order-${i}`) & 255;
      buckets[bucket] = (buckets[bucket] as number) + 1;
    }
    let chiSquare = 0;
    for (const count of buckets) chiSquare += (count - 1000) ** 2 / 1000;
    assert.ok(chiSquare < 340, `χ² ${chiSquare} at 255 degrees of freedom`);
  });
});

/** XXH32 as its specification has it, byte by byte and in big integers. */
function hashOfBytes(bytes: Buffer, seed: number): number {
  const [p1, p2, p3, p4, p5] = [2654435761n, 2246822519n, 3266489917n, 668265263n, 374761393n];
  const u = (value: bigint) => BigInt.asUintN(32, value);
  const rotate = (value: bigint, bits: bigint) => u((value << bits) | (value >> (32n - bits)));
  const s = BigInt(seed);
  let at = 0;
  let hash: bigint;
  if (bytes.length >= 16) {
    const lanes = [u(s + p1 + p2), u(s + p2), u(s), u(s - p1)];
    for (; at + 16 <= bytes.length; at += 16) {
      for (const [i, lane] of lanes.entries()) {
        lanes[i] = u(rotate(u(lane + BigInt(bytes.readUInt32LE(at + 4 * i)) * p2), 13n) * p1);
      }
    }
    const [a, b, c, d] = lanes as [bigint, bigint, bigint, bigint];
    hash = u(rotate(a, 1n) + rotate(b, 7n) + rotate(c, 12n) + rotate(d, 18n));
  } else hash = u(s + p5);
  hash = u(hash + BigInt(bytes.length));
  for (; at + 4 <= bytes.length; at += 4) {
    hash = u(rotate(u(hash + BigInt(bytes.readUInt32LE(at)) * p3), 17n) * p4);
  }
  for (; at < bytes.length; at++) hash = u(rotate(u(hash + BigInt(bytes[at] as number) * p5), 11n) * p1);
  hash = u((hash ^ (hash >> 15n)) * p2);
  hash = u((hash ^ (hash >> 13n)) * p3);
  return Number(hash ^ (hash >> 16n));
}
