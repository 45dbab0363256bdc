/**
 * Sending the same key to the same instance, whichever client asks: what ring hash and Maglev share. Each is a table
 * of slots that belong to instances; a key starts at a slot, and where its instance may not take the call (tried
 * already, or full) the walk goes on from slot to slot.
 *
 * Bounded load (Mirrokni, Thorup, Zadimoghaddam: "Consistent Hashing with Bounded Loads", 2016): an instance with more
 * than `balanceFactor` percent of its share of the calls in flight is full, and a popular key spreads over more
 * instances, the same ones everywhere. Each client bounds by what it has in flight itself.
 *
 * A call without a key goes to a random slot. Members stand in order of their ids, so that clients which list them in
 * another order agree.
 */
import type { Random } from "../runtime/random.ts";
import type { Balancer, Candidate } from "./balancer.ts";
import { isAvoided } from "./balancer.ts";
import { effectiveWeights } from "./weights.ts";

export interface KeyHashingOptions {
  random: Random;
  /** Percent of its share that an instance may have in flight, 100 or more. Infinity: no bound. */
  balanceFactor: number;
}

/** Slots and how to walk them. */
export interface SlotTable {
  readonly slots: Uint32Array | Uint16Array;
  /** The slot at which a key starts. */
  start(key: number): number;
  /** The slot after `slot` for this key; the walk meets every instance. */
  next(slot: number, key: number): number;
}

export interface KeyHashingRule {
  readonly name: string;
  build(ids: readonly string[], weights: Float64Array): SlotTable;
}

export function createKeyHashing<C extends Candidate>(
  rule: KeyHashingRule,
  options: KeyHashingOptions,
): Balancer<C> {
  const { random, balanceFactor } = options;
  if (!(balanceFactor >= 100))
    throw new RangeError(`balanceFactor must be 100 or more, not ${balanceFactor}`);
  let set: readonly C[] = [];
  let weights = new Float64Array(0);
  let totalWeight = 0;
  let table: SlotTable | undefined;
  /** Calls in flight in the whole set, counted anew from time to time: to add them up is not for every pick. */
  let total = 0;
  let picksToRecount = 0;

  function recount(): void {
    total = 0;
    for (const { inFlight } of set) total += inFlight;
    picksToRecount = set.length >> 3;
  }

  function isFull(index: number): boolean {
    const share = (weights[index] as number) / totalWeight;
    return (set[index] as C).inFlight + 1 > Math.ceil((balanceFactor / 100) * share * (total + 1));
  }

  function mayTake(index: number, avoid: readonly C[] | undefined, isBounded: boolean): boolean {
    if (avoid !== undefined && isAvoided(set[index] as C, avoid)) return false;
    return !isBounded || !isFull(index);
  }

  function walk(from: SlotTable, key: number, avoid: readonly C[] | undefined, isBounded: boolean): number {
    let slot = from.start(key);
    for (let step = 0; step < maxSteps; step++) {
      const index = from.slots[slot] as number;
      if (mayTake(index, avoid, isBounded)) return index;
      slot = from.next(slot, key);
    }
    // Nearly all are full or avoided: from here on by turns from where the key stands, the same in every client.
    const start = from.slots[slot] as number;
    for (let step = 0; step < set.length; step++) {
      const index = (start + step) % set.length;
      if ((weights[index] as number) > 0 && mayTake(index, avoid, isBounded)) return index;
    }
    return -1;
  }

  return {
    name: rule.name,

    update(candidates) {
      const before = set;
      const weightsBefore = weights;
      set = [...candidates].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
      weights = effectiveWeights(set);
      totalWeight = 0;
      for (const weight of weights) totalWeight += weight;
      picksToRecount = 0;
      const isSame =
        before.length === set.length &&
        set.every(({ id }, i) => before[i]?.id === id && weightsBefore[i] === weights[i]);
      // Built by the next pick: a set that changes many times in a moment is built once.
      if (!isSame) table = undefined;
    },

    pick(avoid, _nowMs, key) {
      if (set.length === 0) return undefined;
      table ??= rule.build(
        set.map(({ id }) => id),
        weights,
      );
      const isBounded = balanceFactor !== Number.POSITIVE_INFINITY;
      if (isBounded && picksToRecount-- <= 0) recount();
      const hash = key ?? random.below(2 ** 32);
      let index = walk(table, hash, avoid, isBounded);
      if (index < 0 && isBounded) index = walk(table, hash, avoid, false);
      if (index < 0) return set.find((candidate) => !isAvoided(candidate, avoid));
      total++;
      return set[index];
    },
  };
}

const maxSteps = 64;
