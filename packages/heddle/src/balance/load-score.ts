/**
 * The half of the default for small sets, in which each instance can be known at any time: all are compared by what a call
 * would cost (`load-cost.ts`), their RIF being what they last reported plus our own calls since then. Those that have
 * not been heard for a while are probed.
 *
 * As long as one has not been heard lately (a plain gRPC server never is), what is known of the others cannot be compared
 * with it: then it is Peak-EWMA for all, latency as this client sees it times its own calls in flight. Instances
 * that fail are kept out.
 */
import type { Random } from "../runtime/random.ts";
import { systemRandom } from "../runtime/random.ts";
import { type Aversion, createAversion, isAverted, noteOutcome, noteReport } from "./aversion.ts";
import type { Balancer, Candidate } from "./balancer.ts";
import { createChoiceSet, isLessLoaded, type Member } from "./choice-set.ts";
import {
  createLatencyAverage,
  createLoadCost,
  type LatencyAverage,
  type LoadCostOptions,
} from "./load-cost.ts";
import { createPeakCost, type PeakCost } from "./peak-ewma.ts";

export interface LoadScoreOptions extends LoadCostOptions {
  random?: Random;
  /** Keeps away from instances that fail. Default true; false where these are taken out of the set (outlier ejection). */
  avoidFailing?: boolean;
  /** Largest set that is scanned as a whole; two choices above. Default 16. */
  fullScanUpTo?: number;
  /** τ of the latency average of Peak-EWMA. Default 10 000. */
  decayMs?: number;
  /** Age at which a report no longer counts. Default 1000. */
  maxAgeMs?: number;
  /**
   * An instance is probed when its last report is older than this and calls are made. Default 100. Sooner, after a third of
   * the time that a call takes (10 ms at least), as long as these are no more than `probesPerCall` a call.
   */
  probeEveryMs?: number;
  /** Default 3. */
  probesPerCall?: number;
}

interface Known extends Aversion {
  readonly peak: PeakCost;
  readonly average: LatencyAverage;
  reportedMs: number;
  askedMs: number;
  rif: number;
  /** Our calls there when the report came: those since then are not in it. */
  inFlightThen: number;
}

export function createLoadScore<C extends Candidate>(options: LoadScoreOptions = {}): Required<Balancer<C>> {
  const { random = systemRandom, fullScanUpTo = 16, decayMs = 10_000 } = options;
  const { maxAgeMs = 1000, probeEveryMs = 100, probesPerCall = 3 } = options;
  const cost = createLoadCost({ ...options, forgives: true });
  const clock = { nowMs: 0 };
  const targets: C[] = [];
  let byReports = false;
  /** Probes that may be sent before `probeEveryMs` is over. */
  let allowed = 0;
  const set = createChoiceSet<C, Known>({
    random,
    fullScanUpTo,
    createState: () => ({
      ...createAversion(options.avoidFailing),
      peak: createPeakCost(decayMs),
      average: createLatencyAverage(),
      reportedMs: Number.NEGATIVE_INFINITY,
      askedMs: Number.NEGATIVE_INFINITY,
      rif: 0,
      inFlightThen: 0,
    }),
    isBetter(a, b) {
      const isAvertedA = isAverted(a, clock.nowMs);
      if (isAvertedA !== isAverted(b, clock.nowMs)) return !isAvertedA;
      if (byReports && isAsFast(a.state, b.state, cost.typicalMs)) {
        const loadA = rifOf(a.candidate, a.state) * b.weight;
        const loadB = rifOf(b.candidate, b.state) * a.weight;
        return loadA === loadB ? isLessLoaded(a, b) : loadA < loadB;
      }
      const scoreA = scoreOf(a) * b.weight;
      const scoreB = scoreOf(b) * a.weight;
      return scoreA === scoreB ? isLessLoaded(a, b) : scoreA < scoreB;
    },
  });

  function scoreOf({ candidate, state }: Member<C, Known>): number {
    const own = candidate.inFlight;
    if (byReports) {
      const rif = rifOf(candidate, state);
      return cost.of(latencyOf(state, rif), rif);
    }
    const costMs = state.peak.at(clock.nowMs);
    return costMs === 0 && own > 0 ? unknownPenaltyMs + own : costMs * (own + 1);
  }

  function rifOf(candidate: C, { rif, inFlightThen }: Known): number {
    const own = candidate.inFlight;
    return Math.max(own, rif + Math.max(0, own - inFlightThen));
  }

  function haveAllReported(): boolean {
    const { members } = set;
    for (let i = 0; i < members.length; i++) {
      const { weight, state } = members[i] as Member<C, Known>;
      if (weight > 0 && clock.nowMs - state.reportedMs >= maxAgeMs) return false;
    }
    return true;
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
      allowed = Math.min(allowed + probesPerCall, set.members.length);
      byReports = set.members.length <= fullScanUpTo && haveAllReported();
      return set.pick(avoid)?.candidate;
    },

    ended(candidate, nowMs, latencyMs, outcome) {
      noteTime(nowMs);
      const member = set.find(candidate);
      if (member === undefined) return;
      member.state.peak.ended(nowMs, latencyMs, outcome);
      noteOutcome(set.members, member, nowMs, outcome);
    },

    reported(candidate, nowMs, report) {
      noteTime(nowMs);
      const member = set.find(candidate);
      if (member === undefined) return;
      noteReport(set.members, member, nowMs, report);
      if (report.requestsInFlight < 0) return;
      const { state } = member;
      state.reportedMs = nowMs;
      state.rif = report.requestsInFlight;
      state.inFlightThen = member.candidate.inFlight;
      cost.note(state.average, nowMs, report);
    },

    probeTargets(nowMs) {
      noteTime(nowMs);
      targets.length = 0;
      const atCallPaceMs = Math.max(leastProbeEveryMs, cost.typicalMs / probesPerLatency);
      const { members } = set;
      // One by itself gets the calls whatever it would say.
      if (members.length < 2) return targets;
      for (let i = 0; i < members.length; i++) {
        const { candidate, weight, state } = members[i] as Member<C, Known>;
        const ageMs = nowMs - Math.max(state.reportedMs, state.askedMs);
        if (weight === 0) continue;
        if (ageMs < probeEveryMs && (allowed < 1 || ageMs < atCallPaceMs)) continue;
        allowed--;
        state.askedMs = nowMs;
        targets.push(candidate);
      }
      return targets;
    },
  };
}

/** Of one with nothing to do, what it says now is better than an average over times at which it had. */
function latencyOf({ average }: Known, rif: number): number {
  const { averageMs, latestMs } = average;
  return rif === 0 && latestMs > 0 ? Math.min(averageMs, latestMs) : averageMs;
}

/**
 * So near that the difference may be chance. Between such two the calls in flight decide, or the one that was lucky first
 * would get all calls until it is full, and then the other.
 */
function isAsFast({ average: a }: Known, { average: b }: Known, typicalMs: number): boolean {
  const latencyA = a.averageMs || typicalMs;
  const latencyB = b.averageMs || typicalMs;
  return latencyA < latencyB * asFast + asFastMs && latencyB < latencyA * asFast + asFastMs;
}

const asFast = 1.1;
/** Code that has not been compiled yet, a timer, the network: so much is no reason to leave an instance cold. */
const asFastMs = 2;
/** Calls that a report describes have come and gone after the time of one: it is renewed some times before. */
const probesPerLatency = 3;
const leastProbeEveryMs = 10;
/** Far above any cost, so that it decides; small enough that calls in flight still count beside it. */
const unknownPenaltyMs = 2 ** 40;
