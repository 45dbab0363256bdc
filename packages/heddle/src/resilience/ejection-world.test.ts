/**
 * A service in virtual time for tests of outlier ejection: instances that behave as told, calls that go round those that
 * are in the set (all of them in a panic), and a log of who left, was tried and came back.
 */
import { createSeededRandom, type Random } from "../runtime/random.ts";
import { type AttemptVerdict, OutlierDetector } from "./outlier-ejection.ts";
import { type OutlierOptions, outlierSettings } from "./outlier-settings.ts";
import type { Standing } from "./outlier-standing.ts";

/** What an instance does with a call at a time. */
export type Behaviour = (nowMs: number, random: Random) => Answer;

export interface Answer {
  readonly verdict: AttemptVerdict;
  readonly latencyMs: number;
}

export const well: Behaviour = () => ({ verdict: "ok", latencyMs: 10 });
export const failing: Behaviour = () => ({ verdict: "failed", latencyMs: 1 });
export const failingShare =
  (share: number): Behaviour =>
  (_, random) => ({ verdict: random.next() < share ? "failed" : "ok", latencyMs: 10 });
export const during =
  (fromMs: number, untilMs: number, then: Behaviour, otherwise: Behaviour = well): Behaviour =>
  (nowMs, random) =>
    (nowMs >= fromMs && nowMs < untilMs ? then : otherwise)(nowMs, random);

export interface EjectionWorld {
  readonly detector: OutlierDetector;
  readonly standings: readonly Standing[];
  readonly log: readonly string[];
  readonly nowMs: number;
  /** Calls that failed, and calls in all. */
  readonly failed: number;
  readonly calls: number;
  /** Most instances that were out at a time. */
  readonly mostOut: number;
  /** Times at which fewer than half were in the set. */
  readonly panics: number;
  /** A call each millisecond. */
  run(ms: number): void;
}

export function createEjectionWorld(
  behaviours: readonly Behaviour[],
  { seed = 1, ...options }: OutlierOptions & { readonly seed?: number } = {},
): EjectionWorld {
  const random = createSeededRandom(seed);
  const detector = new OutlierDetector(outlierSettings(options), createSeededRandom(seed + 1));
  const standings = behaviours.map((_, i) => detector.join(String.fromCharCode(97 + i)));
  detector.resize(standings.length, 0);
  const log: string[] = [];
  let states = standings.map(({ state }) => state);
  let nowMs = 0;
  let turn = 0;
  let failed = 0;
  let calls = 0;
  let mostOut = 0;
  let panics = 0;

  function note(): void {
    const seen = standings.map(({ state }) => state);
    for (const [i, standing] of standings.entries()) {
      if (seen[i] === states[i]) continue;
      const at = `${String(nowMs).padStart(7)} ms  ${standing.id}`;
      if (standing.state === "out")
        log.push(`${at} out for ${Math.round(standing.untilMs - nowMs)} ms: ${standing.because}`);
      else if (standing.state === "trying") log.push(`${at} is tried`);
      else if (standing.state === "in") log.push(`${at} is back`);
    }
    states = seen;
    mostOut = Math.max(mostOut, detector.ejected);
  }

  /** The instance of the next call: a trial, or the next in turn. */
  function next(): { readonly index: number; readonly isTrial: boolean } {
    const due = detector.trialDue;
    if (due !== undefined) {
      detector.beginTrial(due, nowMs);
      note();
      return { index: standings.indexOf(due), isTrial: true };
    }
    const inSet = standings.filter(({ state }) => state === "in");
    const isPanic = inSet.length * 2 < standings.length;
    if (isPanic) panics++;
    const among = isPanic ? standings : inSet;
    return { index: standings.indexOf(among[turn++ % among.length] as Standing), isTrial: false };
  }

  return {
    detector,
    standings,
    log,
    get nowMs() {
      return nowMs;
    },
    get failed() {
      return failed;
    },
    get calls() {
      return calls;
    },
    get mostOut() {
      return mostOut;
    },
    get panics() {
      return panics;
    },
    run(ms) {
      for (const endMs = nowMs + ms; nowMs < endMs; nowMs++) {
        detector.pass(nowMs);
        const { index, isTrial } = next();
        const { verdict, latencyMs } = (behaviours[index] as Behaviour)(nowMs, random);
        calls++;
        if (verdict !== "ok") failed++;
        detector.ended(standings[index] as Standing, nowMs, latencyMs, verdict, isTrial);
        note();
      }
    },
  };
}
