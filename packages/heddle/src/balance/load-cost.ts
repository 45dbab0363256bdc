/**
 * What it costs to send a call to an instance, by how slow it is and how full:
 *
 *     cost = latency · (1 + (RIF / usual RIF)⁴)
 *
 * It is Prequal's "hot, cold, lexicographic" (`hot-cold.ts`) with a soft edge. Far below the usual RIF the latency decides,
 * and fast machines get more; far above it the RIF does, however fast the machine; in between two that are nearly
 * as fast share their calls by RIF, where the hard rule sends all of them to the one that looks a little faster. The
 * latency is an average over some seconds, which tells which instance is slow; how full each is at this moment the RIF
 * tells.
 */
import type { LoadReport } from "./balancer.ts";
import { createRifWindow } from "./hot-cold.ts";

/** What an instance has lately said of its latency. */
export interface LatencyAverage {
  /** 0 while nothing is known. */
  averageMs: number;
  /** When it first said something of it; NaN before. */
  knownSinceMs: number;
  averagedMs: number;
  /** What it said last; 0 before it said anything. */
  latestMs: number;
  /** Since when it says just that: with nothing in flight, nobody has called it since. */
  unchangedSinceMs: number;
}

export function createLatencyAverage(): LatencyAverage {
  return { averageMs: 0, knownSinceMs: Number.NaN, averagedMs: 0, latestMs: 0, unchangedSinceMs: 0 };
}

export interface LoadCostOptions {
  /** Where the edge is: the usual RIF is this quantile of those lately reported, plus 1. Default 0.84, the paper's. */
  hotQuantile?: number;
  /** Time after which 1/e is left in a latency average; less of one that is new. Default 3000. */
  averageMs?: number;
}

interface LoadCostRules extends LoadCostOptions {
  /**
   * Do not hold it against an instance for long that it was slow once, and try those again that nobody has called for a
   * while: for few instances, where one that is left out is missed. Of many, failing ones should be left out.
   */
  readonly forgives?: boolean;
}

export interface LoadCost {
  /** Latency of all instances together, as they report it; 0 while nothing is known. */
  readonly typicalMs: number;
  /** A report of an instance arrived. Returns its average from now on. */
  note(average: LatencyAverage, nowMs: number, report: LoadReport): number;
  /** In milliseconds, but only for comparing. An average of 0, which is unknown, is taken as that of all instances. */
  of(averageMs: number, rif: number): number;
}

/** The costs of one client, and what it has heard of all its instances together. */
export function createLoadCost({
  hotQuantile = 0.84,
  averageMs = 3000,
  forgives = false,
}: LoadCostRules = {}): LoadCost {
  const rifs = createRifWindow(rifsKept);
  let usualRif = 1;
  /** Of all instances, each report counting alike. */
  let typicalMs = 0;
  let reports = 0;

  return {
    get typicalMs() {
      return typicalMs;
    },

    note(average, nowMs, { requestsInFlight, latencyMs }) {
      rifs.add(Math.max(0, requestsInFlight));
      usualRif =
        1 + Math.min(rifs.threshold(hotQuantile), mostOverMedian * rifs.threshold(0.5) + mostOverNothing);
      const elapsedMs = Math.max(0, nowMs - average.averagedMs);
      average.averagedMs = nowMs;
      if (latencyMs !== average.latestMs) average.unchangedSinceMs = nowMs;
      average.latestMs = latencyMs;
      if (!(latencyMs > 0)) return average.averageMs;
      const isKnown = !forgives || requestsInFlight > 0 || nowMs - average.unchangedSinceMs < forgetMs;
      if (!isKnown) {
        // What it was when somebody last called it is no longer known: it is like any other, and so gets a call some time.
        moveTowards(average, typicalMs, 1 - Math.exp((-forgetting * elapsedMs) / averageMs));
        return average.averageMs;
      }
      reports++;
      typicalMs += (latencyMs - typicalMs) / Math.min(reports, typicalOf);
      if (Number.isNaN(average.knownSinceMs)) average.knownSinceMs = nowMs;
      // By time and not by number: reports that come often must not count more than those that come rarely. Of one that
      // has just started only the latest count, for it is slow for a moment.
      const overMs = Math.min(averageMs, (nowMs - average.knownSinceMs) * ofItsLife);
      const newest = overMs > 0 ? 1 - Math.exp(-elapsedMs / overMs) : 1;
      if (forgives) moveTowards(average, latencyMs, newest);
      else average.averageMs += (latencyMs - average.averageMs) * newest;
      return average.averageMs;
    },

    of(averageMs, rif) {
      const fullness = rif / usualRif;
      const squared = fullness * fullness;
      return (averageMs > 0 ? averageMs : typicalMs || 1) * (1 + squared * squared);
    },
  };
}

/** In proportions: a call that took ten times as long for once must not count like ten that took as long. */
function moveTowards(average: LatencyAverage, latencyMs: number, share: number): void {
  const { averageMs } = average;
  average.averageMs = averageMs > 0 ? averageMs * (latencyMs / averageMs) ** share : latencyMs;
}

/** A burst that is over before this many reports have come changes little of what is usual. */
const rifsKept = 512;
/** An instance's average is over this part of the time for which it has been known. */
const ofItsLife = 1 / 3;
/** After so long without a call, what the last ones took says little of the next. */
const forgetMs = 3000;
/** How much faster an average is forgotten than it is replaced. */
const forgetting = 3;
/** Reports over which the typical latency is averaged. */
const typicalOf = 256;
/** One of three instances that drowns makes a third of the reports: what it says is not what is usual. */
const mostOverMedian = 4;
const mostOverNothing = 2;
