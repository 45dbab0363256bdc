/**
 * Whether a server takes another call. A server that takes more than it can do finishes ever less in time, since all
 * its calls wait for each other; one that refuses the excess at once goes on at full speed. What is scarce is told by
 * the time that work waits before it is begun ("queueing delay": Zhou et al., "Overload Control for Scaling WeChat
 * Microservices", SoCC 2018, §4.1), which needs no knowledge of what calls cost or of how fast the machine is.
 *
 * In Node the queue is the event loop. A timer that should run every 20 ms says how long the loop takes to come
 * round, and between its runs the time since it was due says how late the loop is at this moment, in the middle of
 * a turn: no call begun now has waited less. Late once is a burst, a garbage collection or a busy machine, and is
 * served; late without a pause is a queue that stands (Nichols and Jacobson, "Controlling Queue Delay", ACM Queue 2012).
 *
 * While it stands, two things decide. The *cut*: calls are ranked by level and, within one, by cohort, so that all
 * parts of one request meet the same answer everywhere; what arrives is counted by rank, and the cut lets through
 * as many as are finished. It is adjusted ten times a second. The *guard*: in a turn that is late already, calls of
 * the level that is being cut are refused, so a wrong cut cannot do harm for longer than a turn.
 *
 * A pure machine: time is an argument.
 */
import { criticalities } from "../call/criticality.ts";

export interface AdmissionOptions {
  /**
   * How late the event loop may be before `sheddable` calls count as waiting, in ms. Default 20, as in DAGOR; four
   * times what a call computes where that is more. `critical` calls may wait ten times as long.
   */
  readonly targetDelayMs?: number;
  /**
   * How long it must have been late without a pause before `critical` calls are refused, in ms. Default 3000, so that a process that is held up by its machine is not taken for one that has too much to do; half of
   * the time that calls have left where that is less. The
   * other levels follow: `sheddable` after a tenth of it, `sheddable_plus` a fifth, `critical_plus` twice.
   */
  readonly patienceMs?: number;
}

/** Ranks within a level. */
export const COHORTS = 64;

export class Admission {
  /** Of so many calls that came together one must look at the clock. */
  callsPerReading = FEW_READINGS;
  readonly #targetMs: number;
  readonly #patienceMs: number;
  /** Until then a call needs no thought: see `isCalm`. */
  #calmUntilMs = Number.NEGATIVE_INFINITY;
  #tickDueMs = Number.NEGATIVE_INFINITY;
  #tickAtMs = Number.NaN;
  /** Since when it has been late without a pause, with all refused that is, and no less late than now; NaN: it is not. */
  #patientSinceMs = Number.NaN;
  /** The least that it was late since then. */
  #leastDelayMs = Number.POSITIVE_INFINITY;
  /** Arrivals by rank in this window, and what is usual in one. */
  readonly #arrivals = new Float64Array(RANKS);
  readonly #usual = new Float64Array(RANKS);
  /** Calls of this rank and behind are refused. */
  #cut = RANKS;
  #isShedding = false;
  /** Calls that a window may begin. */
  #allowance = 0;
  #windowAtMs = 0;
  /** What calls usually have left, in ms. */
  #leftMs = MOST_LEFT_MS;
  #wasLate = false;
  #worstDelayMs = 0;
  #quietWindows = 0;
  #finished = 0;
  #finishedBefore = 0;
  /** Calls finished in a window, averaged. */
  #finishedUsually = 0;
  /** Time and calls of the turns in which the loop was late: what a call computes. */
  #lateMs = 0;
  #lateCalls = 0;
  #finishedAtTick = 0;

  constructor({ targetDelayMs = 20, patienceMs = 3000 }: AdmissionOptions = {}) {
    this.#targetMs = targetDelayMs;
    this.#patienceMs = patienceMs;
  }

  /** True while every call is taken: `admits` need not be asked. */
  isCalm(nowMs: number): boolean {
    return nowMs < this.#calmUntilMs;
  }

  /** Refuses at present. */
  get isShedding(): boolean {
    return this.#isShedding;
  }

  /** How late the event loop is, in ms. */
  delayMs(nowMs: number): number {
    return Math.max(0, nowMs - this.#tickDueMs);
  }

  /** The timer was started, after a time without calls. It runs every `TICK_MS`. */
  start(nowMs: number): void {
    this.#patientSinceMs = Number.NaN;
    this.#tickAtMs = Number.NaN;
    this.#windowAtMs = nowMs;
    this.#expectTick(nowMs);
  }

  /** The timer has run. */
  tick(nowMs: number): void {
    const delayMs = nowMs - this.#tickDueMs;
    if (delayMs > this.targetMs) this.#learnCost(nowMs);
    this.#noteDelay(nowMs, delayMs);
    if (delayMs > this.#limitMs) {
      if (delayMs < this.#leastDelayMs * SHORTER) {
        if (this.#leastDelayMs !== Number.POSITIVE_INFINITY) this.#patientSinceMs = nowMs;
        this.#leastDelayMs = delayMs;
      }
    } else this.#patientSinceMs = Number.NaN;
    this.#tickAtMs = nowMs;
    this.#finishedAtTick = this.#finished;
    if (this.#isShedding && nowMs - this.#windowAtMs >= WINDOW_MS) this.#endWindow(nowMs);
    this.#expectTick(nowMs);
  }

  /** There are no calls any more, and the timer has been stopped. */
  stop(): void {
    this.#calmUntilMs = Number.NEGATIVE_INFINITY;
    this.#calm();
  }

  /** A call that was admitted has ended. */
  ended(): void {
    this.#finished++;
  }

  /**
   * Whether to take a call of the level `rank` (0 `critical_plus` … 3 `sheddable`) and a cohort below `COHORTS` that has
   * so much time left.
   */
  admits(nowMs: number, rank: number, cohort: number, leftMs: number): boolean {
    this.#leftMs += (Math.min(leftMs, MOST_LEFT_MS) - this.#leftMs) * LEFT_SMOOTHING;
    const delayMs = nowMs - this.#tickDueMs;
    this.#noteDelay(nowMs, delayMs);
    if (!this.#isShedding) {
      if (!this.#isOutOfPatience(nowMs, LAST)) return true;
      this.#shed(nowMs);
    }
    const place = rank * COHORTS + cohort;
    this.#arrivals[place] = (this.#arrivals[place] as number) + 1;
    if (nowMs - this.#windowAtMs >= WINDOW_MS) this.#endWindow(nowMs);
    return place < this.#cut && !this.#isGuarded(nowMs, delayMs, rank);
  }

  /** The turn is late for a level that is being cut, or for the next to be cut when its patience has run out. */
  #isGuarded(nowMs: number, delayMs: number, rank: number): boolean {
    const behind = (rank + 1) * COHORTS;
    if (behind !== this.#cut) return behind > this.#cut && delayMs > this.targetMs;
    return delayMs > this.#limitMs && this.#isOutOfPatience(nowMs, rank);
  }

  /** How late is too late: where a call computes for long, a few of them in front are no queue yet. */
  get targetMs(): number {
    return Math.min(Math.max(this.#targetMs, TARGET_CALLS * this.#costMs), MOST_TARGET_MS);
  }

  get #costMs(): number {
    return this.#lateCalls < 1 ? 0 : this.#lateMs / this.#lateCalls;
  }

  /** The queue has stood for long enough, and is not becoming shorter, although all that matters less is refused. */
  #isOutOfPatience(nowMs: number, rank: number): boolean {
    const waitMs = Math.min(this.#patienceMs, this.#leftMs * PATIENCE_OF_TIME);
    const patienceMs = Math.max(waitMs, PATIENCE_CALLS * this.#costMs);
    return nowMs - this.#patientSinceMs >= patienceMs * (PATIENCE_SHARES[rank] as number);
  }

  #beginPatience(nowMs: number): void {
    this.#patientSinceMs = nowMs;
    this.#leastDelayMs = Number.POSITIVE_INFINITY;
  }

  /** Calls that a window has room for: what is finished when there is no pause, and what is finished in fact. */
  get #capacity(): number {
    const costMs = this.#costMs;
    return costMs === 0 ? this.#finishedUsually : Math.max(this.#finishedUsually, WINDOW_MS / costMs);
  }

  /** The further from late the window was, the more may be tried; the guard catches what is too much. */
  get #stepUp(): number {
    return 1 + MOST_STEP_UP * (1 - this.#worstDelayMs / this.targetMs);
  }

  /** How late the loop must be for the level that is cut next. */
  get #limitMs(): number {
    return this.targetMs * (DELAY_SHARES[Math.ceil(this.#cut / COHORTS) - 1] ?? 1);
  }

  #noteDelay(nowMs: number, delayMs: number): void {
    if (delayMs > this.targetMs) this.#wasLate = true;
    if (delayMs > this.#worstDelayMs) this.#worstDelayMs = delayMs;
    if (delayMs > this.#limitMs && Number.isNaN(this.#patientSinceMs)) this.#beginPatience(nowMs);
  }

  #expectTick(nowMs: number): void {
    this.callsPerReading = this.#costMs > CHEAP_MS ? 1 : FEW_READINGS;
    this.#tickDueMs = nowMs + TICK_MS;
    this.#calmUntilMs = this.#isShedding ? Number.NEGATIVE_INFINITY : this.#tickDueMs + this.#targetMs;
  }

  /** A turn that was late had no pause: its length over the calls that it finished. Forgotten over a few turns. */
  #learnCost(nowMs: number): void {
    if (Number.isNaN(this.#tickAtMs)) return;
    this.#lateMs = this.#lateMs * COST_MEMORY + (nowMs - this.#tickAtMs);
    this.#lateCalls = this.#lateCalls * COST_MEMORY + (this.#finished - this.#finishedAtTick);
  }

  #shed(nowMs: number): void {
    this.#isShedding = true;
    this.#calmUntilMs = Number.NEGATIVE_INFINITY;
    this.#cut = RANKS;
    this.#quietWindows = 0;
    this.#arrivals.fill(0);
    this.#usual.fill(0);
    this.#windowAtMs = nowMs;
    this.#finishedBefore = this.#finished;
    this.#finishedUsually = 0;
    this.#allowance = Number.POSITIVE_INFINITY;
  }

  #calm(): void {
    this.#isShedding = false;
    this.#cut = RANKS;
  }

  /** Sets the cut anew: as many as are finished, a little more while nothing waits. */
  #endWindow(nowMs: number): void {
    const windows = (nowMs - this.#windowAtMs) / WINDOW_MS;
    const finished = (this.#finished - this.#finishedBefore) / windows;
    const isFirst = this.#finishedUsually === 0;
    this.#finishedUsually += (finished - this.#finishedUsually) * (isFirst ? 1 : SMOOTHING);
    let arriving = 0;
    for (let i = 0; i < RANKS; i++) {
      const now = (this.#arrivals[i] as number) / windows;
      const usual =
        (this.#usual[i] as number) + (now - (this.#usual[i] as number)) * (isFirst ? 1 : SMOOTHING);
      this.#usual[i] = usual;
      arriving += usual;
    }
    this.#allowance = this.#wasLate
      ? Math.max(
          LEAST_ALLOWANCE,
          this.#capacity * (1 - Math.min(MOST_RELIEF, this.#worstDelayMs / RELIEF_MS)),
        )
      : Math.max(this.#allowance, this.#finishedUsually) * this.#stepUp + LEAST_ALLOWANCE;
    this.#setCut(nowMs);
    this.#quietWindows =
      this.#cut === RANKS && !this.#wasLate && arriving <= this.#allowance ? this.#quietWindows + 1 : 0;
    this.#arrivals.fill(0);
    this.#windowAtMs = nowMs;
    this.#finishedBefore = this.#finished;
    this.#wasLate = false;
    this.#worstDelayMs = 0;
    if (this.#quietWindows >= QUIET_WINDOWS) this.#calm();
  }

  #setCut(nowMs: number): void {
    const before = this.#cut;
    const next = Math.ceil(before / COHORTS) - 1;
    let least = before;
    if (before % COHORTS !== 0 || this.#isOutOfPatience(nowMs, next)) least = next * COHORTS;
    // A level of which nothing comes is passed when its own patience has run out, and the next one's goes on.
    while (least > 0 && this.#usuallyBetween(least - COHORTS, least) < NOTHING) {
      if (!this.#isOutOfPatience(nowMs, least / COHORTS - 1)) break;
      least -= COHORTS;
    }
    let sum = 0;
    let cut = 0;
    while (cut < RANKS) {
      sum += this.#usual[cut] as number;
      if (sum > this.#allowance && cut >= least) break;
      cut++;
    }
    if (cut < before && cut % COHORTS === 0 && this.#usuallyBetween(cut, before) >= NOTHING)
      this.#beginPatience(nowMs);
    this.#cut = cut;
  }

  #usuallyBetween(from: number, until: number): number {
    let sum = 0;
    for (let i = from; i < until; i++) sum += this.#usual[i] as number;
    return sum;
  }
}

/** How often the timer runs that tells how late the event loop is. */
export const TICK_MS = 20;

const RANKS = criticalities.length * COHORTS;
const LAST = criticalities.length - 1;
const WINDOW_MS = 100;

/** By level, of the target: a short queue is reason enough to refuse what may be missing, and no other. */
const DELAY_SHARES = [20, 10, 1.5, 1];
/** By level, of `patienceMs`. */
const PATIENCE_SHARES = [2, 1, 0.2, 0.1];
/** Of the time that calls have left: a queue that takes half of it makes them fail. */
const PATIENCE_OF_TIME = 0.5;
const MOST_LEFT_MS = 60_000;
const LEFT_SMOOTHING = 0.05;
/** A queue must have stood for as long as so many calls take: with few and long ones chance makes queues too. */
const PATIENCE_CALLS = 40;
/** A queue that has become so much shorter is being worked off. */
const SHORTER = 0.8;
const TARGET_CALLS = 4;
const MOST_TARGET_MS = 500;
const COST_MEMORY = 0.9;
/** A call that computes longer delays the next by more than reading the clock costs, by far. */
const CHEAP_MS = 0.2;
const FEW_READINGS = 8;

/** Of what a window tells. */
const SMOOTHING = 0.5;
/** While calls wait, less than there is room for: enough to work off what waits in about this time. */
const RELIEF_MS = 1000;
const MOST_RELIEF = 0.5;
const MOST_STEP_UP = 0.3;
const LEAST_ALLOWANCE = 1;
/** Calls of a level in a window that do not make it one that calls come of. */
const NOTHING = 0.1;
/** Without a refusal or a delay for so long, it is over. */
const QUIET_WINDOWS = 10;
