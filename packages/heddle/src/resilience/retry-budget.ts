/**
 * How many retries a client may add to its load. Why a budget and not only "at most 3 attempts"? A limit per call
 * multiplies: when a service fails every call, each caller sends three times the load to a service that is
 * already in trouble, and each level above multiplies again. A budget is a share of what is really being asked:
 * ten per cent, whatever happens, with a small floor so that a quiet client may retry too.
 *
 * Sources: Finagle's RetryBudget (ratio, floor, TTL) and tower's TpsBudget (slots); the ratio of 10 % per client is
 * from the SRE book, "Handling Overload". Held over any window of `ttlMs`:
 *
 *   retries  ≤  ratio × requests of the last 1.1 × ttlMs  +  minPerSecond × ttlMs / 1000
 *
 * Deposits and withdrawals are counted as whole numbers per slot of ttlMs / 10 and forgotten together after the
 * TTL. One slot more than the TTL has is kept, because the current one is only partly over; without it the floor
 * would come back early.
 */
export interface RetryBudgetOptions {
  /** Retries earned by a request. Default 0.1. */
  ratio?: number;
  /** Retries per second allowed without any request, on average over the TTL. Default 3. */
  minPerSecond?: number;
  /** How long a deposit may be drawn on, in milliseconds. Default 10 000. */
  ttlMs?: number;
}

/** One is shared by all retries and hedges of a client to one service. Debit before sending, not after. */
export class RetryBudget {
  readonly #ratio: number;
  readonly #floor: number;
  readonly #slotMs: number;
  readonly #deposits = new Float64Array(keptSlots);
  readonly #withdrawals = new Float64Array(keptSlots);
  #deposited = 0;
  #withdrawn = 0;
  /** Number of the current slot: now / slotMs, rounded down. */
  #slot = Number.NEGATIVE_INFINITY;
  #index = 0;
  #slotEndMs = Number.NEGATIVE_INFINITY;

  constructor(options: RetryBudgetOptions = {}) {
    const { ratio = 0.1, minPerSecond = 3, ttlMs = 10_000 } = options;
    if (!(ratio >= 0 && ratio <= 1000)) throw new RangeError(`ratio must be from 0 to 1000, not ${ratio}`);
    if (!(minPerSecond >= 0)) throw new RangeError(`minPerSecond must be 0 or more, not ${minPerSecond}`);
    if (!(ttlMs > 0)) throw new RangeError(`ttlMs must be more than 0, not ${ttlMs}`);
    this.#ratio = ratio;
    this.#floor = (minPerSecond * ttlMs) / 1000;
    this.#slotMs = ttlMs / slotsPerTtl;
  }

  /** Counts a request: the first attempt of a call, not its retries. */
  deposit(nowMs: number): void {
    if (nowMs >= this.#slotEndMs) this.#moveTo(nowMs);
    this.#deposits[this.#index] = (this.#deposits[this.#index] as number) + 1;
    this.#deposited++;
  }

  /** Takes one retry out. False: the budget is spent, do not retry. */
  tryWithdraw(nowMs: number): boolean {
    if (this.available(nowMs) < 1) return false;
    this.#withdrawals[this.#index] = (this.#withdrawals[this.#index] as number) + 1;
    this.#withdrawn++;
    return true;
  }

  /** Whole retries that could be withdrawn now. */
  available(nowMs: number): number {
    if (nowMs >= this.#slotEndMs) this.#moveTo(nowMs);
    const left = this.#floor + this.#ratio * this.#deposited - this.#withdrawn;
    return Math.max(0, Math.floor(left + rounding));
  }

  /** Forgets the slots that have passed out of the TTL. A clock that steps back stays in the newest slot. */
  #moveTo(nowMs: number): void {
    const slot = Math.floor(nowMs / this.#slotMs);
    const passed = Math.min(slot - this.#slot, keptSlots);
    for (let i = 0; i < passed; i++) {
      this.#index = (this.#index + 1) % keptSlots;
      this.#deposited -= this.#deposits[this.#index] as number;
      this.#withdrawn -= this.#withdrawals[this.#index] as number;
      this.#deposits[this.#index] = 0;
      this.#withdrawals[this.#index] = 0;
    }
    this.#slot = Math.max(slot, this.#slot);
    this.#slotEndMs = (this.#slot + 1) * this.#slotMs;
  }
}

const slotsPerTtl = 10;
const keptSlots = slotsPerTtl + 1;

/** 10 × 0.1 must be a whole retry although it is not quite so in binary. */
const rounding = 1e-9;
