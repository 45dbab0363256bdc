/**
 * Peak-EWMA, as in Finagle (finagle-core, loadbalancer/PeakEwma.scala): an instance costs its round-trip time, as
 * this client saw it, times the calls in flight. The average jumps up at once and comes down slowly (τ): one slow
 * answer is believed, one fast answer is not. Without calls it decays towards 0, so that an instance which was slow
 * is tried again. One that is unknown and busy is taken last, since nothing has come back from it yet.
 *
 * Beyond Finagle, which leaves failures to another module: a failure counts as a call that took four times as long
 * as before, so that an instance which fails at once does not look fast. It needs nothing of the peer.
 */
import type { Random } from "../runtime/random.ts";
import { systemRandom } from "../runtime/random.ts";
import type { AttemptOutcome, Balancer, Candidate } from "./balancer.ts";
import { createChoiceSet, isLessLoaded, type Member } from "./choice-set.ts";

export interface PeakEwmaOptions {
  random?: Random;
  /** τ: the weight of what was seen falls to 1/e in this time. Default 10 000. */
  decayMs?: number;
  /** Largest set that is scanned as a whole; two choices above. Default 16. */
  fullScanUpTo?: number;
}

export function createPeakEwma<C extends Candidate>(options: PeakEwmaOptions = {}): Balancer<C> {
  const { random = systemRandom, decayMs = 10_000, fullScanUpTo = 16 } = options;
  const clock = { nowMs: 0 };
  const set = createChoiceSet<C, PeakCost>({
    random,
    fullScanUpTo,
    createState: () => createPeakCost(decayMs),
    isBetter(a, b) {
      const loadA = loadOf(a) * b.weight;
      const loadB = loadOf(b) * a.weight;
      return loadA === loadB ? isLessLoaded(a, b) : loadA < loadB;
    },
  });

  function loadOf({ candidate, state }: Member<C, PeakCost>): number {
    const costMs = state.at(clock.nowMs);
    if (costMs === 0 && candidate.inFlight > 0) return unknownPenaltyMs + candidate.inFlight;
    return costMs * (candidate.inFlight + 1);
  }

  return {
    name: "peak_ewma",

    update(candidates, nowMs = clock.nowMs) {
      clock.nowMs = nowMs;
      set.update(candidates);
    },

    pick(avoid, nowMs = clock.nowMs) {
      clock.nowMs = nowMs;
      return set.pick(avoid)?.candidate;
    },

    ended(candidate, nowMs, latencyMs, outcome) {
      clock.nowMs = nowMs;
      set.find(candidate)?.state.ended(nowMs, latencyMs, outcome);
    },
  };
}

/** The average of one instance. */
export interface PeakCost {
  /** Milliseconds, decayed to `nowMs`; 0 when nothing is known. */
  at(nowMs: number): number;
  ended(nowMs: number, latencyMs: number, outcome: AttemptOutcome): void;
}

export function createPeakCost(decayMs: number): PeakCost {
  const state = { costMs: 0, atMs: 0 };

  function at(nowMs: number): number {
    if (state.costMs === 0) return 0;
    const elapsedMs = nowMs - state.atMs;
    return elapsedMs > 0 ? state.costMs * Math.exp(-elapsedMs / decayMs) : state.costMs;
  }

  function observe(nowMs: number, rttMs: number): void {
    const elapsedMs = Math.max(0, nowMs - state.atMs);
    const keep = Math.exp(-elapsedMs / decayMs);
    state.costMs = rttMs > state.costMs ? rttMs : state.costMs * keep + rttMs * (1 - keep);
    state.atMs = Math.max(nowMs, state.atMs);
  }

  return {
    at,
    ended(nowMs, latencyMs, outcome) {
      if (!(latencyMs >= 0)) return;
      if (outcome === "ok") observe(nowMs, latencyMs);
      // It took at least this long: news only where that is longer than expected.
      else if (outcome === "cancelled") observe(nowMs, Math.max(latencyMs, at(nowMs)));
      else {
        const inflated = Math.max(latencyMs, failureFactor * Math.max(at(nowMs), leastFailureMs));
        observe(nowMs, Math.min(inflated, Math.max(latencyMs, maxFailureMs)));
      }
    },
  };
}

/** Far above any cost, so that it decides; small enough that calls in flight still count beside it. */
const unknownPenaltyMs = 2 ** 40;
const failureFactor = 4;
const leastFailureMs = 10;
const maxFailureMs = 30_000;
