/**
 * The policy for those who do not choose one. An instance costs its latency, more the fuller it is (`load-cost.ts`). Up to
 * eight instances: all are compared (`load-score.ts`). More: those are compared that have just answered Prequal's probes,
 * at most half of them (`probed-score.ts`). Where instances do not report their load, plain gRPC servers say, it is
 * in-flight calls and Peak-EWMA, by itself: as long as nobody has been heard, and again when more than a tenth leave
 * probes unanswered, since going by probes would starve them.
 *
 * docs/internals/balancing.md shows what each of these is good for, decision 026 why it is so.
 */
import { systemRandom } from "../runtime/random.ts";
import type { Balancer, Candidate } from "./balancer.ts";
import { createLoadScore } from "./load-score.ts";
import { createProbedScore, type ProbedScoreOptions } from "./probed-score.ts";

export interface DefaultBalancerOptions extends ProbedScoreOptions {
  /** Largest set in which all are compared. Default 8. */
  fullScanUpTo?: number;
}

export interface DefaultBalancer<C extends Candidate> extends Required<Balancer<C>> {
  /** The policy that the next pick goes by. */
  readonly policy: "load_score" | "probed_score";
}

/** What has been heard of one. */
interface Heard {
  hasSpoken: boolean;
  unanswered: number;
  /** Since when; meaningless when nothing is unanswered. */
  sinceMs: number;
}

export function createDefault<C extends Candidate>(options: DefaultBalancerOptions = {}): DefaultBalancer<C> {
  const { random = systemRandom, fullScanUpTo = 8 } = options;
  const loadScore = createLoadScore<C>({ ...options, random, fullScanUpTo: leastScan(fullScanUpTo) });
  const probedScore = createProbedScore<C>({ ...options, random });
  const nobody: readonly C[] = [];
  const clock = { nowMs: 0, judgeDueMs: 0, probeDueMs: 0 };
  let byId = new Map<string, Heard>();
  let anyHeard = false;
  let tooManyMute = false;
  /** Probes sent while nobody had been heard. */
  let asked = 0;

  const isSmall = () => byId.size <= fullScanUpTo;
  const goesByProbes = () => !isSmall() && anyHeard && !tooManyMute;

  function judge(): void {
    clock.judgeDueMs = clock.nowMs + judgeEveryMs;
    let mute = 0;
    anyHeard = false;
    for (const { hasSpoken, unanswered, sinceMs } of byId.values()) {
      if (unanswered >= muteAfter && clock.nowMs - sinceMs > muteAfterMs) mute++;
      if (hasSpoken) anyHeard = true;
    }
    tooManyMute = mute > byId.size * muteShare;
  }

  /** Of a large set only some: to ask all at once is no way to find out who answers. */
  function targetsAt(nowMs: number): readonly C[] {
    if (isSmall()) return loadScore.probeTargets(nowMs);
    return goesByProbes() ? probedScore.probeTargets(nowMs) : probedScore.drawTargets(probesToFindOut);
  }

  const noteTime = (nowMs: number) => {
    if (nowMs > clock.nowMs) clock.nowMs = nowMs;
  };

  return {
    name: "default",

    get policy() {
      return goesByProbes() ? "probed_score" : "load_score";
    },

    update(candidates, nowMs = clock.nowMs) {
      noteTime(nowMs);
      byId = new Map(
        candidates.map((candidate) => {
          const heard = byId.get(candidate.id);
          if (heard === undefined) asked = 0;
          return [candidate.id, heard ?? { hasSpoken: false, unanswered: 0, sinceMs: 0 }];
        }),
      );
      loadScore.update(candidates, nowMs);
      probedScore.update(candidates, nowMs);
      judge();
    },

    pick(avoid, nowMs = clock.nowMs) {
      noteTime(nowMs);
      if (clock.nowMs >= clock.judgeDueMs) judge();
      return goesByProbes() ? probedScore.pick(avoid, nowMs) : loadScore.pick(avoid, nowMs);
    },

    ended(candidate, nowMs, latencyMs, outcome) {
      noteTime(nowMs);
      // Only the one that is gone by: the other would have to learn anew after a change anyway, and does so in no time.
      if (goesByProbes()) probedScore.ended(candidate, nowMs, latencyMs, outcome);
      else loadScore.ended(candidate, nowMs, latencyMs, outcome);
    },

    reported(candidate, nowMs, report, probed) {
      noteTime(nowMs);
      const heard = byId.get(candidate.id);
      // Reports of others than ours (ORCA) do not say how many calls are in flight, which all of this goes by.
      if (heard === undefined || report.requestsInFlight < 0) return;
      heard.unanswered = 0;
      heard.hasSpoken = true;
      anyHeard = true;
      if (isSmall()) loadScore.reported(candidate, nowMs, report, probed);
      else probedScore.reported(candidate, nowMs, report, probed);
    },

    probeTargets(nowMs) {
      noteTime(nowMs);
      const isMute = anyHeard ? !isSmall() && tooManyMute : asked >= askedInVain;
      if (isMute && nowMs < clock.probeDueMs) return nobody;
      clock.probeDueMs = nowMs + (anyHeard ? someMuteProbeEveryMs : muteProbeEveryMs);
      const targets = targetsAt(nowMs);
      for (let i = 0; i < targets.length; i++) {
        const heard = byId.get((targets[i] as C).id);
        if (heard !== undefined && heard.unanswered++ === 0) heard.sinceMs = nowMs;
      }
      if (!anyHeard) asked += targets.length;
      return targets;
    },
  };
}

/** Mute sets are scanned as far as Peak-EWMA is. */
const leastScan = (fullScanUpTo: number) => Math.max(16, fullScanUpTo);

const judgeEveryMs = 1000;
const muteAfter = 3;
const muteAfterMs = 1000;
const muteShare = 0.1;
const probesToFindOut = 3;
const askedInVain = 32;
const muteProbeEveryMs = 1000;
const someMuteProbeEveryMs = 100;
