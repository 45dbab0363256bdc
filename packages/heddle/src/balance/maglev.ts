/**
 * Maglev hashing (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, §3.4): each
 * instance has a permutation of the table's slots and claims its next free one in turn, until all are taken. Shares are
 * equal to within a slot or so and a pick is one look; about twice as many keys as with a ring move when the set
 * changes. 65 537 slots, as in the paper and in Envoy; weights as in Envoy: the lighter ones sit out turns.
 */
import type { Random } from "../runtime/random.ts";
import { systemRandom } from "../runtime/random.ts";
import type { Balancer, Candidate } from "./balancer.ts";
import { hashKey, rehash } from "./hash-key.ts";
import { createKeyHashing, type SlotTable } from "./key-hashing.ts";

export interface MaglevOptions {
  random?: Random;
  /** Slots, a prime number: at least a hundred times the instances keeps shares even to 1 %. Default 65 537. */
  tableSize?: number;
  /** See `KeyHashingOptions`. Default Infinity; 125 is usual. */
  balanceFactor?: number;
}

export function createMaglev<C extends Candidate>(options: MaglevOptions = {}): Balancer<C> {
  const { random = systemRandom, tableSize = 65_537, balanceFactor = Number.POSITIVE_INFINITY } = options;
  if (!isPrime(tableSize)) throw new RangeError(`tableSize must be a prime number, not ${tableSize}`);
  return createKeyHashing<C>(
    { name: "maglev", build: (ids, weights) => buildTable(ids, weights, tableSize) },
    { random, balanceFactor },
  );
}

function buildTable(ids: readonly string[], weights: Float64Array, size: number): SlotTable {
  const count = ids.length;
  const offsets = Float64Array.from(ids, (id) => hashKey(id, offsetSeed) % size);
  const skips = Float64Array.from(ids, (id) => (hashKey(id, skipSeed) % (size - 1)) + 1);
  const most = weights.reduce((max, weight) => Math.max(max, weight), 0);
  /** Turns saved up: the heaviest claims a slot in each round, one of half its weight in every second. */
  const saved = new Float64Array(count);
  const slots = new Uint32Array(size).fill(free);

  for (let claimed = 0; claimed < size; ) {
    for (let index = 0; index < count && claimed < size; index++) {
      saved[index] = (saved[index] as number) + (weights[index] as number) / most;
      if ((saved[index] as number) < 1) continue;
      saved[index] = (saved[index] as number) - 1;
      let slot = offsets[index] as number;
      while (slots[slot] !== free) slot = (slot + (skips[index] as number)) % size;
      slots[slot] = index;
      offsets[index] = (slot + (skips[index] as number)) % size;
      claimed++;
    }
  }
  return {
    slots,
    start: (key) => key % size,
    // Neighbouring slots belong to unrelated instances, but the walk of each key shall be its own.
    next: (slot, key) => (slot + 1 + (rehash(key, skipSeed) % (size - 1))) % size,
  };
}

function isPrime(n: number): boolean {
  if (!Number.isInteger(n) || n < 3 || n % 2 === 0) return false;
  for (let divisor = 3; divisor * divisor <= n; divisor += 2) if (n % divisor === 0) return false;
  return true;
}

const free = 0xffff_ffff;
const offsetSeed = 0x6f66_6673;
const skipSeed = 0x736b_6970;
