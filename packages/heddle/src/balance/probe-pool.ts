/**
 * The pool of probe answers of Prequal (NSDI 2024, §4): what a client knows of a few instances, recent enough to act
 * on. An answer leaves the pool for four reasons: a newer one of the same instance or a full pool, where the oldest
 * goes; it has been used as often as it may; it is too old; and with each call some are removed, the oldest and the
 * worst in turn, for the good ones are used up and the bad ones would remain.
 *
 * Entries are kept and overwritten: after the first fill a pool allocates nothing.
 */
import type { Random } from "../runtime/random.ts";
import type { Candidate } from "./balancer.ts";
import type { Member } from "./choice-set.ts";

/** One answer. */
export interface Probe<C extends Candidate, S> {
  member: Member<C, S>;
  receivedMs: number;
  /** As answered, plus the calls that we sent there since. */
  rif: number;
  /** -1: the instance did not know. */
  latencyMs: number;
  usesLeft: number;
  /** See `ProbeRule.costOf`. */
  cost: number;
}

export interface ProbePoolOptions {
  random: Random;
  /** Keeps away from instances that fail. Default true; false where these are taken out of the set (outlier ejection). */
  avoidFailing?: boolean;
  /** r_probe: probes sent per call. Default 3. */
  probesPerCall?: number;
  /** r_remove: answers removed per call. Default 1. */
  removalsPerCall?: number;
  /** δ: answers by which the pool would grow per call. Default 1. */
  growthPerCall?: number;
  /** Age at which an answer is dropped. Default 1000; Infinity keeps it (for ablation). */
  maxAgeMs?: number;
  /** The most an answer is used, where the formula has no bound. Default 16. */
  maxUses?: number;
  /** Removes the worst in every second turn, else always the oldest. Default true; false is for ablation. */
  removesWorst?: boolean;
  /** Counts a call sent there on the answer it was chosen by. Default true; false is for ablation. */
  countsOwnCalls?: boolean;
}

/** How answers are compared: whether a call is better sent to `a`. */
export type ProbeOrder<C extends Candidate, S> = (a: Probe<C, S>, b: Probe<C, S>) => boolean;

export interface ProbePool<C extends Candidate, S> {
  readonly size: number;
  readonly maxSize: number;
  /** For a set of `n`: at most half of it, for a pool of all would have nothing to leave out; 2 to 16. */
  resize(n: number): void;
  add(member: Member<C, S>, nowMs: number, rif: number, latencyMs: number): void;
  /** Takes away what is known of one. */
  drop(member: Member<C, S>): void;
  retain(keep: (member: Member<C, S>) => boolean): void;
  expire(nowMs: number): void;
  at(index: number): Probe<C, S>;
  /** A call goes to the instance of this answer. */
  use(index: number): void;
  /** The removals that a call entails. */
  removeAfterCall(isBetter: ProbeOrder<C, S>): void;
}

export function createProbePool<C extends Candidate, S>(options: ProbePoolOptions): ProbePool<C, S> {
  const { random, probesPerCall = 3, removalsPerCall = 1, growthPerCall = 1, maxAgeMs = 1000 } = options;
  const { maxUses = 16, removesWorst = true, countsOwnCalls = true } = options;
  /** The first `size` are in use. */
  const entries: Probe<C, S>[] = [];
  let size = 0;
  let maxSize = 2;
  let uses = 1;
  let removeNextWorst = false;
  /** None was received before. */
  let earliestMs = Number.POSITIVE_INFINITY;
  const removals = createFraction(removalsPerCall);

  function remove(index: number): void {
    const removed = entries[index] as Probe<C, S>;
    size--;
    entries[index] = entries[size] as Probe<C, S>;
    entries[size] = removed;
  }

  function oldest(): number {
    let found = 0;
    for (let i = 1; i < size; i++) {
      if ((entries[i] as Probe<C, S>).receivedMs < (entries[found] as Probe<C, S>).receivedMs) found = i;
    }
    return found;
  }

  function worst(isBetter: ProbeOrder<C, S>): number {
    let found = 0;
    for (let i = 1; i < size; i++) {
      if (isBetter(entries[found] as Probe<C, S>, entries[i] as Probe<C, S>)) found = i;
    }
    return found;
  }

  const pool: ProbePool<C, S> = {
    get size() {
      return size;
    },
    get maxSize() {
      return maxSize;
    },

    resize(n) {
      maxSize = poolSizeFor(n);
      uses = probeUses({
        poolSize: maxSize,
        instances: n,
        probesPerCall,
        removalsPerCall,
        growthPerCall,
        maxUses,
      });
      while (size > maxSize) remove(oldest());
    },

    add(member, nowMs, rif, latencyMs) {
      pool.drop(member);
      if (size >= maxSize) remove(oldest());
      if (nowMs < earliestMs) earliestMs = nowMs;
      const usesLeft = roundAtRandom(uses, random);
      const free = entries[size];
      if (free === undefined)
        entries[size] = { member, receivedMs: nowMs, rif, latencyMs, usesLeft, cost: 0 };
      else {
        free.member = member;
        free.receivedMs = nowMs;
        free.rif = rif;
        free.latencyMs = latencyMs;
        free.usesLeft = usesLeft;
      }
      size++;
    },

    drop(member) {
      for (let i = 0; i < size; i++) {
        if ((entries[i] as Probe<C, S>).member === member) return remove(i);
      }
    },

    retain(keep) {
      for (let i = size - 1; i >= 0; i--) if (!keep((entries[i] as Probe<C, S>).member)) remove(i);
      // What lies behind is kept for reuse, but must not keep instances that have left.
      entries.length = size;
    },

    expire(nowMs) {
      if (nowMs - earliestMs < maxAgeMs) return;
      earliestMs = Number.POSITIVE_INFINITY;
      for (let i = size - 1; i >= 0; i--) {
        const { receivedMs } = entries[i] as Probe<C, S>;
        if (nowMs - receivedMs >= maxAgeMs) remove(i);
        else if (receivedMs < earliestMs) earliestMs = receivedMs;
      }
    },

    at: (index) => entries[index] as Probe<C, S>,

    use(index) {
      const probe = entries[index] as Probe<C, S>;
      if (countsOwnCalls) probe.rif++;
      if (--probe.usesLeft <= 0) remove(index);
    },

    removeAfterCall(isBetter) {
      for (let count = removals.next(); count > 0 && size > 0; count--) {
        remove(removeNextWorst && removesWorst ? worst(isBetter) : oldest());
        removeNextWorst = !removeNextWorst;
      }
    },
  };
  return pool;
}

export interface ProbeUsesOptions {
  poolSize: number;
  instances: number;
  probesPerCall: number;
  removalsPerCall: number;
  growthPerCall: number;
  maxUses: number;
}

/**
 * b_reuse, how often an answer may be used so that the pool keeps its size (§4): (1 + δ) / ((1 − m/n) r_probe −
 * r_remove), at least 1. The factor 1 − m/n is there because a probe of an instance that is in the pool already only
 * replaces an answer. Where answers come no faster than they are removed the formula has no bound, hence `maxUses`.
 */
export function probeUses(options: ProbeUsesOptions): number {
  const { poolSize, instances, probesPerCall, removalsPerCall, growthPerCall, maxUses } = options;
  const gain = (1 - poolSize / instances) * probesPerCall - removalsPerCall;
  return gain > 0 ? Math.min(maxUses, Math.max(1, (1 + growthPerCall) / gain)) : maxUses;
}

export function poolSizeFor(instances: number): number {
  return Math.max(2, Math.min(16, Math.floor(instances / 2)));
}

/** A number per call that need not be whole, as whole numbers that add up to it: 1.5 gives 1, 2, 1, 2, … */
export interface Fraction {
  next(): number;
}

export function createFraction(perCall: number): Fraction {
  let owed = 0;
  return {
    next() {
      owed += perCall;
      // A sum of tenths may stop just short of a whole one.
      const whole = Math.floor(owed + 1e-9);
      owed -= whole;
      return whole;
    },
  };
}

function roundAtRandom(value: number, random: Random): number {
  const whole = Math.floor(value);
  return random.next() < value - whole ? whole + 1 : whole;
}
