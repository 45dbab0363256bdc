/**
 * Where hot begins, by what makes the instances unequal. The best Q_RIF depends on it: where machines are of two kinds
 * (half of them twice as fast), latency tells them apart and should decide for long, Q_RIF 0.9; where all are alike
 * and a few are disturbed for a while, latency is mostly noise and RIF should decide early, Q_RIF 0.6.
 *
 * The two are told apart by the spread of the instances' own averages between the 20th and the 80th percentile: a few
 * outliers do not move it, two kinds of machines do. Until there is enough to judge it is the paper's 0.84.
 */
import type { Random } from "../runtime/random.ts";

/** Running mean of the latencies that one instance reports; 0 while nothing is known. */
export interface ReportedMean {
  meanMs: number;
}

export function noteReportedLatency(mean: ReportedMean, latencyMs: number): void {
  if (!(latencyMs > 0)) return;
  mean.meanMs = mean.meanMs === 0 ? latencyMs : mean.meanMs + (latencyMs - mean.meanMs) * weightOfNewest;
}

export interface HotQuantile {
  /** Q_RIF now. */
  readonly value: number;
  /** Whether it is time to look again: once a second. */
  isDue(nowMs: number): boolean;
  /** Looks at the instances' means. */
  judge(means: Iterable<ReportedMean>): void;
}

/** Moves within [0.6, 0.9], a quarter of the way at a time; each client starts its seconds at another moment. */
export function createHotQuantile(random: Random): HotQuantile {
  let value = startValue;
  let dueMs = Number.NaN;

  return {
    get value() {
      return value;
    },

    isDue(nowMs) {
      if (Number.isNaN(dueMs)) dueMs = nowMs + random.next() * everyMs;
      if (nowMs < dueMs) return false;
      dueMs = nowMs + everyMs;
      return true;
    },

    judge(means) {
      const known: number[] = [];
      for (const { meanMs } of means) if (meanMs > 0) known.push(meanMs);
      if (known.length < leastToJudge) return;
      known.sort((a, b) => a - b);
      const low = known[Math.floor(known.length * 0.2)] as number;
      const high = known[Math.floor(known.length * 0.8)] as number;
      const unlikeness = Math.min(1, Math.max(0, (high / low - alikeRatio) / (unlikeRatio - alikeRatio)));
      value += (leastValue + unlikeness * (mostValue - leastValue) - value) / 4;
    },
  };
}

const startValue = 0.84;
const leastValue = 0.6;
const mostValue = 0.9;
const alikeRatio = 1.4;
const unlikeRatio = 1.8;
const weightOfNewest = 0.1;
const leastToJudge = 5;
const everyMs = 1000;
