/**
 * Outlier ejection: an instance that fails where others do not is left out of the set for a while, whatever the policy
 * that chooses among the rest. One that fails at once has nothing in flight and answers fastest, so that without this
 * each policy that follows load sends it more and more ("sinkholing", Prequal, NSDI 2024, §4).
 *
 * As in Envoy (outlier detection) and gRPC (gRFC A50) there are several reasons to eject, a share of the set that may be
 * out, and a time that grows with each ejection and shrinks with each interval without one. Beyond them:
 *
 * - **Half-open.** When its time is over one call goes there, and decides: back with all calls, or out for longer.
 * - **Elsewhere it must work.** Five failures in a row while every other instance fails too say nothing about this one:
 *   a database is gone, or the requests are wrong. To eject would take capacity that is missed when all is well again.
 * - **Relief.** When an instance that failed recovers, the cause may be gone for all: the others are tried at once,
 *   however long they were to stay out. So may half of a set be out without standing idle for 30 s afterwards.
 * - **Its own word.** An instance that reports that most of its calls fail is out without a call being spent on it, and
 *   one that is due for its trial and still says so stays out.
 *
 * Times come as arguments. A call that ends well costs a few additions.
 */
import type { Random } from "../runtime/random.ts";
import { failsMoreThanOthers, isLate, latencyOutliers, successRateOutliers } from "./outlier-comparison.ts";
import type { OutlierSettings } from "./outlier-settings.ts";
import { Standing } from "./outlier-standing.ts";

/**
 * How an attempt ended, as far as it speaks of the instance. `late`: time ran out, which speaks against it only if others
 * would have answered in that time. `neither`: called off, or never begun.
 */
export type AttemptVerdict = "ok" | "failed" | "late" | "neither";

export class OutlierDetector {
  readonly settings: OutlierSettings;
  readonly #random: Random;
  readonly #standings = new Set<Standing>();
  /** Instances that calls could go to, and those of them that are left out for other reasons. */
  /** How often an instance was ejected. */
  made = 0;
  #size = 0;
  #unavailable = 0;
  /** Attempts that ended: the order of what happened needs no clock. */
  #events = 0;
  #lastOkEvent = -1;
  /** The last instance that failed, and the last event at which a different one did. */
  #lastFailed: Standing | undefined = undefined;
  #lastFailedEvent = -1;
  #otherFailedEvent = -1;
  #halfEndMs = Number.NEGATIVE_INFINITY;
  #halves = 0;

  constructor(settings: OutlierSettings, random: Random) {
    this.settings = settings;
    this.#random = random;
  }

  join(id: string): Standing {
    const standing = new Standing(id);
    this.#standings.add(standing);
    return standing;
  }

  leave(standing: Standing): void {
    this.#standings.delete(standing);
  }

  /** How many instances calls could go to, and how many of them get none for reasons other than ejection. */
  resize(size: number, unavailable: number): void {
    this.#size = size;
    this.#unavailable = unavailable;
  }

  /** Those that are out, whatever their state. */
  get ejected(): number {
    let ejected = 0;
    for (const { state } of this.#standings) if (state !== "in") ejected++;
    return ejected;
  }

  /** When `pass` is to be called next; Infinity while nobody is out. */
  get dueMs(): number {
    let dueMs = Number.POSITIVE_INFINITY;
    for (const { state, untilMs } of this.#standings) {
      if (state === "out" || state === "trying") dueMs = Math.min(dueMs, untilMs);
    }
    return dueMs;
  }

  /**
   * Whom the next call may try; undefined: nobody. It should be asked for a report first: a call is not spent on one that
   * says that it still fails.
   */
  get trialDue(): Standing | undefined {
    for (const standing of this.#standings) if (standing.state === "due") return standing;
    return undefined;
  }

  /**
   * An attempt ended, `latencyMs` after it began; below 0 where its time says nothing, as that of a stream. `isTrial`: it
   * was the one that `beginTrial` was told of. Returns whether something changed for the set, for `dueMs` or `trialDue`.
   */
  ended(
    standing: Standing,
    nowMs: number,
    latencyMs: number,
    verdict: AttemptVerdict,
    isTrial: boolean,
  ): boolean {
    let changed = nowMs >= this.#halfEndMs && this.#turn(nowMs);
    if (standing.state !== "in")
      return this.#endedOutside(standing, nowMs, latencyMs, verdict, isTrial) || changed;
    if (verdict === "ok") {
      this.#lastOkEvent = ++this.#events;
      standing.ok++;
      standing.believesReports = false;
      if (latencyMs >= 0) {
        standing.timed++;
        standing.latencyMs += latencyMs;
      }
      if (standing.failuresInARow > 0) {
        const recovered = this.#isStreak(standing);
        standing.failuresInARow = 0;
        if (recovered && this.#relieve(nowMs)) changed = true;
      }
      return changed;
    }
    if (verdict === "failed" || (verdict === "late" && isLate(latencyMs, this.#standings)))
      return this.#failed(standing, nowMs) || changed;
    return changed;
  }

  /** What an instance says of its own calls, in calls per second. Returns as `ended` does. */
  reported(standing: Standing, nowMs: number, requestsPerSecond: number, errorsPerSecond: number): boolean {
    // The rates fade together. When hardly anything is left of them they say nothing.
    const isFailing = requestsPerSecond > fadedPerSecond && errorsPerSecond > requestsPerSecond / 2;
    const isNew = standing.noteErrors(nowMs, errorsPerSecond);
    standing.reportsFailure = isFailing;
    if (!isFailing || !standing.believesReports) return false;
    if (standing.state === "due" && isNew) {
      this.#sendOut(standing, nowMs, standing.because);
      return true;
    }
    if (standing.state !== "in") return false;
    let alike = 0;
    for (const { reportsFailure } of this.#standings) if (reportsFailure) alike++;
    if (alike * 2 > this.#size || !this.#workedElsewhereLast(standing)) return false;
    return this.#eject(standing, nowMs, "it reports that most of its calls fail");
  }

  /** Time has come that `dueMs` named. Returns as `ended` does. */
  pass(nowMs: number): boolean {
    let changed = false;
    for (const standing of this.#standings) {
      if (standing.untilMs > nowMs) continue;
      if (standing.state === "out") {
        if (this.settings.trial) standing.state = "due";
        else this.#readmit(standing, nowMs);
        changed = true;
      } else if (standing.state === "trying") {
        // It neither failed nor ended: a stream, say.
        this.#readmitOnProbation(standing, nowMs);
        changed = true;
      }
    }
    return changed;
  }

  /** The call that was given to `trialDue` is on its way. */
  beginTrial(standing: Standing, nowMs: number): void {
    standing.state = "trying";
    standing.untilMs = nowMs + this.settings.maxEjectionMs;
  }

  /** Its connection is new, perhaps the whole of it: back with all calls, but one more failure is enough. */
  reconnected(standing: Standing, nowMs: number): boolean {
    standing.failuresInARow = 0;
    if (standing.state === "in" || !this.settings.trial) return false;
    this.#readmitOnProbation(standing, nowMs);
    return true;
  }

  #endedOutside(
    standing: Standing,
    nowMs: number,
    latencyMs: number,
    verdict: AttemptVerdict,
    isTrial: boolean,
  ): boolean {
    // Calls from before the ejection say nothing new. In a panic calls go to those that are out as well.
    const isNew = isTrial || (latencyMs >= 0 && nowMs - latencyMs > standing.ejectedAtMs);
    if (verdict === "ok") {
      if (!isNew) return false;
      this.#lastOkEvent = ++this.#events;
      this.#readmit(standing, nowMs);
      standing.believesReports = false;
      this.#relieve(nowMs);
      return true;
    }
    if (!isTrial || standing.state !== "trying") return false;
    if (verdict === "neither") standing.state = "due";
    else this.#sendOut(standing, nowMs, "the call that tried it failed");
    return true;
  }

  #failed(standing: Standing, nowMs: number): boolean {
    const event = ++this.#events;
    standing.failed++;
    standing.believesReports = true;
    if (standing.failuresInARow++ === 0) standing.streakEvent = event;
    if (this.#lastFailed !== standing) {
      this.#otherFailedEvent = this.#lastFailedEvent;
      this.#lastFailed = standing;
    }
    this.#lastFailedEvent = event;
    if (this.#isStreak(standing) && this.#worksElsewhere(standing))
      return this.#eject(standing, nowMs, `${standing.failuresInARow} calls in a row failed`);
    if (this.#failsMoreThanOthers(standing))
      return this.#eject(standing, nowMs, `${Math.floor(standing.failurePercent)} % of its calls failed`);
    return false;
  }

  #isStreak({ failuresInARow }: Standing): boolean {
    const { consecutiveFailures } = this.settings;
    return consecutiveFailures > 0 && failuresInARow >= consecutiveFailures;
  }

  /** Since its failures in a row began another has succeeded, or at least none has failed. */
  #worksElsewhere({ streakEvent }: Standing): boolean {
    return this.#lastOkEvent > streakEvent || this.#otherFailedEvent < streakEvent;
  }

  #failsMoreThanOthers(standing: Standing): boolean {
    const rule = this.settings.failurePercentage;
    if (rule === false || !failsMoreThanOthers(standing, this.#standings, rule)) return false;
    return this.#isEnforced(rule);
  }

  /** A call has succeeded since one last failed at another instance. */
  #workedElsewhereLast(standing: Standing): boolean {
    const failedEvent = this.#lastFailed === standing ? this.#otherFailedEvent : this.#lastFailedEvent;
    return this.#lastOkEvent > failedEvent;
  }

  /** Half an interval is over. What compares instances with each other is looked at once an interval, as in A50. */
  #turn(nowMs: number): boolean {
    const halfMs = this.settings.intervalMs / 2;
    const isLong = nowMs >= this.#halfEndMs + halfMs;
    this.#halfEndMs = nowMs + halfMs;
    this.#halves = isLong ? 0 : this.#halves + 1;
    const changed = this.#halves > 0 && this.#halves % 2 === 0 && this.#compare(nowMs);
    for (const standing of this.#standings) {
      standing.turn();
      if (isLong) standing.turn();
    }
    return changed;
  }

  #compare(nowMs: number): boolean {
    const { successRate, latency } = this.settings;
    let changed = false;
    const standings = [...this.#standings].filter(({ state }) => state === "in");
    if (successRate !== false) {
      for (const standing of successRateOutliers(standings, successRate)) {
        if (
          this.#isEnforced(successRate) &&
          this.#eject(standing, nowMs, "fewer calls succeed than elsewhere")
        )
          changed = true;
      }
    }
    if (latency !== false) {
      for (const standing of latencyOutliers(standings, latency)) {
        if (standing.state === "in" && this.#isEnforced(latency))
          changed = this.#eject(standing, nowMs, "its answers take much longer than elsewhere") || changed;
      }
    }
    return changed;
  }

  #isEnforced({ enforcementPercent }: { readonly enforcementPercent: number }): boolean {
    return enforcementPercent >= 100 || this.#random.next() * 100 < enforcementPercent;
  }

  #eject(standing: Standing, nowMs: number, because: string): boolean {
    if (this.ejected + this.#unavailable >= this.#mostOut()) return false;
    const cleanIntervals = Math.floor((nowMs - standing.returnedAtMs) / this.settings.intervalMs);
    standing.ejections = Math.max(0, standing.ejections - Math.max(0, cleanIntervals));
    this.#sendOut(standing, nowMs, because);
    return true;
  }

  /** One may always be out and one always stays; and never so many that the panic threshold sets in. */
  #mostOut(): number {
    const percent = Math.min(this.settings.maxEjectionPercent, mostPercent);
    if (percent === 0) return 0;
    return Math.min(Math.max(1, Math.floor((this.#size * percent) / 100)), this.#size - 1);
  }

  #sendOut(standing: Standing, nowMs: number, because: string): void {
    this.made++;
    const { growth, baseEjectionMs, maxEjectionMs, jitter } = this.settings;
    const before = standing.ejections++;
    const grownMs = growth === "doubling" ? baseEjectionMs * 2 ** before : baseEjectionMs * (before + 1);
    const longestMs = Math.min(grownMs, Math.max(baseEjectionMs, maxEjectionMs));
    standing.state = "out";
    standing.because = because;
    standing.ejectedAtMs = nowMs;
    standing.untilMs = nowMs + longestMs * (1 - jitter * this.#random.next());
    standing.failuresInARow = 0;
  }

  #readmit(standing: Standing, nowMs: number): void {
    standing.state = "in";
    standing.because = "";
    standing.returnedAtMs = nowMs;
    standing.failuresInARow = 0;
    standing.turn();
    standing.turn();
  }

  /** One more failure is enough. */
  #readmitOnProbation(standing: Standing, nowMs: number): void {
    this.#readmit(standing, nowMs);
    standing.failuresInARow = Math.max(0, this.settings.consecutiveFailures - 1);
    standing.streakEvent = this.#events;
  }

  /** Something that failed works again: whoever is out is tried now. */
  #relieve(nowMs: number): boolean {
    if (!this.settings.trial) return false;
    for (const standing of this.#standings) if (standing.state === "out") standing.untilMs = nowMs;
    return this.pass(nowMs);
  }
}

/** Below half of a set health counts no more (`balance/panic-threshold.ts`): ejection does not bring that about. */
const mostPercent = 50;
const fadedPerSecond = 0.1;
