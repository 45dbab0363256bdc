/**
 * When the calls of one method are hedged: after the delay that leaves only `maxExtraLoad` of them still running, by
 * the client's own latencies, and never more of them than that share. The two belong together: the delay is what
 * makes a hedge worth its cost, and the count holds when the delay is out of date because everything has become slow.
 *
 * A call that its hedge has overtaken is recorded with the time it had then. That is too short for it, but longer than
 * the delay, so the share of the calls above the delay, which is all that is asked of them, stays true.
 */
import type { HedgePolicy } from "./hedge-policy.ts";
import { LatencyQuantile } from "./latency-quantile.ts";
import { RetryBudget } from "./retry-budget.ts";

export class HedgeDelay {
  readonly policy: HedgePolicy;
  readonly #latencies = new LatencyQuantile();
  readonly #budget: RetryBudget | undefined;
  #delayMs: number | undefined;
  #usualMs = 0;
  #refreshAtMs = Number.NEGATIVE_INFINITY;

  constructor(policy: HedgePolicy) {
    this.policy = policy;
    const { maxExtraLoad, delayMs } = policy;
    if (!(maxExtraLoad > 0)) throw new RangeError(`maxExtraLoad must be more than 0, not ${maxExtraLoad}`);
    // Without a floor: a client that hardly calls has no latencies to speak of either.
    if (Number.isFinite(maxExtraLoad))
      this.#budget = new RetryBudget({ ratio: maxExtraLoad, minPerSecond: 0 });
    if (delayMs !== "quantile") this.#delayMs = delayMs;
  }

  /** A call begins: after how long its hedge leaves, in ms; undefined while too little is known. */
  callStarted(nowMs: number): number | undefined {
    this.#budget?.deposit(nowMs);
    if (nowMs >= this.#refreshAtMs) this.#refresh(nowMs);
    return this.#delayMs;
  }

  /** A call was answered, was overtaken, or ran out of time, after so long. */
  record(latencyMs: number): void {
    this.#latencies.record(latencyMs);
  }

  /** The median of the latencies in ms; 0 while too little is known. */
  get usualMs(): number {
    return this.#usualMs;
  }

  /** Whether the share of hedges is not used up; takes one out. */
  tryWithdraw(nowMs: number): boolean {
    return this.#budget?.tryWithdraw(nowMs) ?? true;
  }

  #refresh(nowMs: number): void {
    this.#refreshAtMs = nowMs + REFRESH_MS;
    const { maxExtraLoad, delayMs } = this.policy;
    const latencies = this.#latencies;
    if (latencies.count >= ENOUGH_FOR_MEDIAN) this.#usualMs = latencies.at(0.5);
    if (delayMs === "quantile" && latencies.count * maxExtraLoad >= ENOUGH_ABOVE)
      this.#delayMs = Math.max(MIN_DELAY_MS, latencies.at(1 - maxExtraLoad));
    latencies.fade(FADE);
  }
}

/** How often the delay is worked out anew; Finagle's, too. */
const REFRESH_MS = 3000;
/** What the past weighs at each refresh: half of it is gone after three, 9 s. */
const FADE = 0.8;
/** A timer for less costs more than it gains. */
const MIN_DELAY_MS = 1;
/** So many latencies must lie above the quantile, or it is chance. */
const ENOUGH_ABOVE = 2;
const ENOUGH_FOR_MEDIAN = 20;
