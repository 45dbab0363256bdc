/**
 * The instance that would answer first, from all that is known of each: latency as this client sees it (Peak-EWMA)
 * times the calls that stand there, which are the server's count as last reported plus ours since then. Where there
 * is no recent report our own calls count alone, and it is Peak-EWMA. Instances that fail are kept out.
 *
 * The first half of the default: for small sets, where each instance can be known at any time, and for larger ones
 * whose instances do not report. With one or two, the reported latency at the reported RIF is extrapolated instead,
 * for there each call's own effect on the next is too large for an average over ten seconds.
 */
import type { Random } from "../runtime/random.ts";
import { systemRandom } from "../runtime/random.ts";
import { type Aversion, createAversion, isAverted, noteOutcome, noteReport } from "./aversion.ts";
import type { Balancer, Candidate } from "./balancer.ts";
import { createChoiceSet, isLessLoaded, type Member } from "./choice-set.ts";
import { createPeakCost, type PeakCost } from "./peak-ewma.ts";

export interface LoadScoreOptions {
  random?: Random;
  /** Keeps away from instances that fail. Default true; false where these are taken out of the set (outlier ejection). */
  avoidFailing?: boolean;
  /** Largest set that is scanned as a whole; two choices above. Default 16. */
  fullScanUpTo?: number;
  /** Largest set in which reported latency is extrapolated. Default 2. */
  extrapolateUpTo?: number;
  /** τ of the latency average. Default 10 000. */
  decayMs?: number;
  /** Age at which a report no longer counts. Default 1000. */
  maxAgeMs?: number;
  /** An instance is probed when its last report is older than this and calls are made. Default 100. */
  probeEveryMs?: number;
}

interface Known extends Aversion {
  readonly cost: PeakCost;
  reportedMs: number;
  askedMs: number;
  rif: number;
  latencyMs: number;
  /** Our calls there when the report came: those since then are not in it. */
  inFlightThen: number;
}

export function createLoadScore<C extends Candidate>(options: LoadScoreOptions = {}): Required<Balancer<C>> {
  const { random = systemRandom, fullScanUpTo = 16, extrapolateUpTo = 2, decayMs = 10_000 } = options;
  const { maxAgeMs = 1000, probeEveryMs = 100 } = options;
  const clock = { nowMs: 0 };
  const targets: C[] = [];
  const set = createChoiceSet<C, Known>({
    random,
    fullScanUpTo,
    createState: () => ({
      ...createAversion(options.avoidFailing),
      cost: createPeakCost(decayMs),
      reportedMs: Number.NEGATIVE_INFINITY,
      askedMs: Number.NEGATIVE_INFINITY,
      rif: 0,
      latencyMs: -1,
      inFlightThen: 0,
    }),
    isBetter(a, b) {
      const isAvertedA = isAverted(a, clock.nowMs);
      if (isAvertedA !== isAverted(b, clock.nowMs)) return !isAvertedA;
      const scoreA = scoreOf(a) * b.weight;
      const scoreB = scoreOf(b) * a.weight;
      return scoreA === scoreB ? isLessLoaded(a, b) : scoreA < scoreB;
    },
  });

  function scoreOf({ candidate, state }: Member<C, Known>): number {
    const { rif, latencyMs, inFlightThen } = state;
    const isFresh = clock.nowMs - state.reportedMs < maxAgeMs;
    const own = candidate.inFlight;
    const load = isFresh ? Math.max(own, rif + Math.max(0, own - inFlightThen)) : own;
    if (isFresh && latencyMs > 0 && set.members.length <= extrapolateUpTo) {
      return (latencyMs * (load + 1)) / (rif + 1);
    }
    const seenMs = state.cost.at(clock.nowMs);
    const costMs = seenMs === 0 && latencyMs > 0 ? latencyMs : seenMs;
    return costMs === 0 && own > 0 ? unknownPenaltyMs + own : costMs * (load + 1);
  }

  const noteTime = (nowMs: number) => {
    if (nowMs > clock.nowMs) clock.nowMs = nowMs;
  };

  return {
    name: "load_score",

    update(candidates, nowMs = clock.nowMs) {
      noteTime(nowMs);
      set.update(candidates);
      targets.length = 0;
    },

    pick(avoid, nowMs = clock.nowMs) {
      noteTime(nowMs);
      return set.pick(avoid)?.candidate;
    },

    ended(candidate, nowMs, latencyMs, outcome) {
      noteTime(nowMs);
      const member = set.find(candidate);
      if (member === undefined) return;
      member.state.cost.ended(nowMs, latencyMs, outcome);
      noteOutcome(set.members, member, nowMs, outcome);
    },

    reported(candidate, nowMs, report) {
      noteTime(nowMs);
      const member = set.find(candidate);
      if (member === undefined) return;
      const { state } = member;
      state.reportedMs = nowMs;
      state.rif = Math.max(0, report.requestsInFlight);
      state.latencyMs = report.latencyMs;
      state.inFlightThen = member.candidate.inFlight;
      noteReport(set.members, member, nowMs, report);
    },

    probeTargets(nowMs) {
      noteTime(nowMs);
      targets.length = 0;
      for (const { candidate, weight, state } of set.members) {
        const heardMs = Math.max(state.reportedMs, state.askedMs);
        if (weight === 0 || nowMs - heardMs < probeEveryMs) continue;
        state.askedMs = nowMs;
        targets.push(candidate);
      }
      return targets;
    },
  };
}

const unknownPenaltyMs = 2 ** 40;
