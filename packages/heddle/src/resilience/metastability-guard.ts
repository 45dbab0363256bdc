/**
 * Keeps a client from holding a service down with its own repeats.
 *
 * A service that was pushed over its capacity for a moment can stay there when the load is back to what it carried
 * well before: callers give up and ask again, the answers they no longer wait for still cost the work of the others,
 * and so goodput does not follow the falling load. Bronson et al. call the state metastable ("Metastable Failures in
 * Distributed Systems", HotOS 2021; Huang et al., OSDI 2022, found repeats to be what most often sustains it).
 *
 * From one side of the wire it cannot be told whether repeats sustain the trouble or carry the client through it, as
 * they do while half of the instances fail at once. So the guard tries: when most calls fail although some are
 * repeated, it brakes, which is no repeats and no hedges. Then it compares the share of calls that were answered. As
 * long as that is not lower than before, the repeats had bought nothing, and the brake stays until most calls are
 * answered again. If it is lower, they had helped: the brake is let go, and the next try comes later.
 *
 * Calls are counted in windows that are closed by the next call's start, with the time that it has read anyway.
 */
export interface MetastabilityGuardOptions {
  /** Length of a window in ms. Default 1000. */
  readonly windowMs?: number;
  /** Calls that a window must have seen end before it counts; until then it goes on. Default 20. */
  readonly minCalls?: number;
  /** Below this share of answered calls the service is in trouble. Default 0.6. */
  readonly troubleBelow?: number;
  /** From this share on it is well again. Default 0.9. */
  readonly wellFrom?: number;
}

export class MetastabilityGuard {
  readonly #windowMs: number;
  readonly #minCalls: number;
  readonly #troubleBelow: number;
  readonly #wellFrom: number;

  #windowEndMs = Number.NEGATIVE_INFINITY;
  #good = 0;
  #bad = 0;
  #added = 0;

  #braking = false;
  /** Windows in a row that were in trouble, with extra attempts. */
  #troubled = 0;
  /** Share of calls answered in the last of them, before the brake. */
  #shareBefore = 0;
  /** Windows since the brake was put on: the first still has calls of before. */
  #braked = 0;
  /** After a try that did harm: not before this, and how long the next time. */
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #pauseMs = FIRST_PAUSE_MS;

  constructor(options: MetastabilityGuardOptions = {}) {
    const { windowMs = 1000, minCalls = 20, troubleBelow = 0.6, wellFrom = 0.9 } = options;
    if (!(windowMs > 0)) throw new RangeError(`windowMs must be more than 0, not ${windowMs}`);
    if (!(troubleBelow >= 0 && troubleBelow <= wellFrom && wellFrom <= 1))
      throw new RangeError(`0 ≤ troubleBelow ≤ wellFrom ≤ 1 must hold, not ${troubleBelow} and ${wellFrom}`);
    this.#windowMs = windowMs;
    this.#minCalls = minCalls;
    this.#troubleBelow = troubleBelow;
    this.#wellFrom = wellFrom;
  }

  /** No extra attempt is to be sent. */
  brakes(nowMs: number): boolean {
    if (nowMs >= this.#windowEndMs) this.#closeWindow(nowMs);
    return this.#braking;
  }

  callStarted(nowMs: number): void {
    if (nowMs >= this.#windowEndMs) this.#closeWindow(nowMs);
  }

  /** `good`: the service answered it in time, with whatever status. */
  callEnded(good: boolean): void {
    if (good) this.#good++;
    else this.#bad++;
  }

  /** A retry or hedge is sent. */
  attemptAdded(): void {
    this.#added++;
  }

  #closeWindow(nowMs: number): void {
    const ended = this.#good + this.#bad;
    const isFirst = this.#windowEndMs === Number.NEGATIVE_INFINITY;
    this.#windowEndMs = nowMs + this.#windowMs;
    if (isFirst || ended < this.#minCalls) return;
    const share = this.#good / ended;
    if (this.#braking) this.#judge(share, ended, nowMs);
    else this.#watch(share, nowMs);
    this.#good = 0;
    this.#bad = 0;
    this.#added = 0;
  }

  #watch(share: number, nowMs: number): void {
    if (share >= this.#wellFrom) this.#pauseMs = FIRST_PAUSE_MS;
    this.#troubled = share < this.#troubleBelow && this.#added > 0 ? this.#troubled + 1 : 0;
    if (this.#troubled < TROUBLED_WINDOWS || nowMs < this.#notBeforeMs) return;
    this.#shareBefore = share;
    this.#braking = true;
    this.#braked = 0;
  }

  #judge(share: number, calls: number, nowMs: number): void {
    this.#braked++;
    if (share >= this.#wellFrom) return this.#release();
    if (this.#braked < 2 || !isLower(share, this.#shareBefore, calls)) return;
    this.#release();
    this.#notBeforeMs = nowMs + this.#pauseMs;
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, this.#pauseMs * 2);
  }

  #release(): void {
    this.#braking = false;
    this.#troubled = 0;
  }
}

/** One bad window is an accident. */
const TROUBLED_WINDOWS = 2;
const FIRST_PAUSE_MS = 10_000;
const LONGEST_PAUSE_MS = 160_000;

/** Lower by more than chance: two standard errors of the difference between two windows of so many calls. */
function isLower(share: number, before: number, calls: number): boolean {
  const mean = (share + before) / 2;
  return before - share > 2 * Math.sqrt((2 * mean * (1 - mean)) / calls);
}
