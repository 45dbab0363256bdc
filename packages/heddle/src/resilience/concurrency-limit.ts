/**
 * How many calls may be under way to one server, found out by measuring: while answers take longer than they usually do
 * there is a queue, and the limit shrinks; while they do not, it grows. After Netflix's Gradient2 (concurrency-limits)
 * with Envoy's √limit as the room for growth, which comes back from 16 to 1000 in 6 s and not in minutes, and a tenth
 * less for each window in which calls ran out of time.
 *
 * A limit by latency alone is wrong where latency has other reasons: a slow method, a large message, a cold cache, and
 * each step from few callers to many. So by default there is none until the server is known to be overloaded
 * (`OverloadEvidence`), and it ends when all has been well for a while: a system that is well never meets it.
 */
export interface LimitSettings {
  readonly engage: "overload" | "always";
  readonly initial: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly tolerance: number;
  readonly maxWaitMs: number;
}

/** Fills in the defaults. Throws RangeError for what makes no sense. */
export function limitSettings(options: Partial<LimitSettings> = {}): LimitSettings {
  const settings: LimitSettings = {
    engage: "overload",
    initial: 64,
    minimum: 16,
    maximum: 1000,
    tolerance: 1.5,
    maxWaitMs: 0,
    ...options,
  };
  const { minimum, maximum, initial, tolerance, maxWaitMs } = settings;
  if (!(minimum >= 1 && minimum <= maximum))
    throw new RangeError(`minimum must be from 1 to maximum, which is ${maximum}, not ${minimum}`);
  if (!(initial >= 1)) throw new RangeError(`initial must be 1 or more, not ${initial}`);
  if (!(tolerance >= 1)) throw new RangeError(`tolerance must be 1 or more, not ${tolerance}`);
  if (!(maxWaitMs >= 0)) throw new RangeError(`maxWaitMs must be 0 or more, not ${maxWaitMs}`);
  return settings;
}

export class ConcurrencyLimit {
  readonly #settings: LimitSettings;
  #limit: number;
  /** What answers usually take, in ms; 0: not known. */
  #usualMs = 0;
  #windowEndMs = Number.NEGATIVE_INFINITY;
  #samples = 0;
  #latencyMs = 0;
  #mostInFlight = 0;
  #drops = 0;
  #droppedAtMs: number;

  /** `first`: where it begins, within the bounds. */
  constructor(settings: LimitSettings, first: number, nowMs: number) {
    this.#settings = settings;
    this.#limit = this.#bounded(first);
    this.#droppedAtMs = nowMs;
  }

  /** Calls that may be under way: a whole number. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  /** All has been well for so long that no limit is needed, where there is one only in need. */
  isOver(nowMs: number): boolean {
    return this.#settings.engage === "overload" && nowMs - this.#droppedAtMs >= wellAfterMs;
  }

  /**
   * A call ended; `inFlight` were under way with it. `dropped`: it ran out of time.
   * `latencyMs` below 0: its time says nothing.
   */
  ended(nowMs: number, latencyMs: number, inFlight: number, dropped: boolean): void {
    if (inFlight > this.#mostInFlight) this.#mostInFlight = inFlight;
    if (dropped) {
      this.#drops++;
      this.#droppedAtMs = nowMs;
    } else if (latencyMs >= 0) {
      this.#samples++;
      this.#latencyMs += latencyMs;
    }
    if (nowMs >= this.#windowEndMs && this.#samples + this.#drops >= leastSamples) this.#turn(nowMs);
  }

  #turn(nowMs: number): void {
    if (this.#drops > 0) this.#limit = this.#bounded(this.#limit * afterDrops);
    else this.#adapt(this.#latencyMs / this.#samples);
    this.#windowEndMs = nowMs + windowMs;
    this.#samples = 0;
    this.#latencyMs = 0;
    this.#mostInFlight = 0;
    this.#drops = 0;
  }

  #adapt(nowTakesMs: number): void {
    const share = nowTakesMs > this.#usualMs ? usualRise : usualFall;
    this.#usualMs = this.#usualMs === 0 ? nowTakesMs : this.#usualMs + (nowTakesMs - this.#usualMs) * share;
    // After an overload the average is far too high, and would come down only as slowly as it went up.
    if (this.#usualMs > 2 * nowTakesMs) this.#usualMs *= usualDecay;
    // Who does not use the limit learns nothing of it.
    if (this.#mostInFlight < this.#limit / 2) return;
    const ratio = nowTakesMs === 0 ? 1 : (this.#settings.tolerance * this.#usualMs) / nowTakesMs;
    const gradient = Math.max(leastGradient, Math.min(1, ratio));
    this.#limit = this.#bounded(this.#limit * gradient + Math.sqrt(this.#limit));
  }

  #bounded(limit: number): number {
    return Math.max(this.#settings.minimum, Math.min(this.#settings.maximum, limit));
  }
}

/**
 * Whether a server is overloaded, by what is seen of it anyway: in a second at least ten calls were dropped, and at least
 * a tenth of all. A call that runs out of time now and then is no sign of it.
 */
export class OverloadEvidence {
  #sinceMs = Number.NEGATIVE_INFINITY;
  #endedThen = 0;
  #drops = 0;

  /** A call was dropped; `ended`: how many have ended so far in all. */
  dropped(nowMs: number, ended: number): boolean {
    if (nowMs - this.#sinceMs >= evidenceMs) {
      this.#sinceMs = nowMs;
      this.#endedThen = ended - 1;
      this.#drops = 0;
    }
    this.#drops++;
    return this.#drops >= leastDrops && this.#drops >= (ended - this.#endedThen) * leastShare;
  }
}

const windowMs = 100;
const leastSamples = 10;
const wellAfterMs = 5000;
/**
 * Of a window in the usual latency. Gradient2 has 2/601 both ways: under a load that lasts, the queue itself becomes the
 * usual, and the limit follows it up. Here it takes ten times as long, and what is faster is believed soon.
 */
const usualRise = 2 / 6001;
const usualFall = 0.02;
const usualDecay = 0.95;
const leastGradient = 0.5;
const afterDrops = 0.9;
const evidenceMs = 1000;
const leastDrops = 10;
const leastShare = 0.1;
