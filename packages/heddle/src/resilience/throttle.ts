/**
 * Adaptive throttling at the client: while a service refuses calls because it is overloaded, some of them are failed here
 * already. A refusal is cheap for a server but not free, and with enough clients the refusals alone overload it.
 *
 * A call is failed with probability max(0, (requests - k × accepted) / (requests + 1)), both counted over the last
 * `windowMs`. Calls failed here count as requests, so that the share rises as long as the service refuses and falls by
 * itself when it does not; with k = 2 about as many calls are sent in vain as are accepted, which is how recovery is
 * noticed. A floor of calls a second is always sent. Requests count when they are sent, not when they end: else a slow
 * service would look like one that accepts everything.
 *
 * Source: Google SRE book, "Handling Overload" (its window is 2 min; 30 s, as in Envoy's admission control, forget an
 * overload sooner). Only answers that say "overloaded" count as refused; whatever else fails was accepted.
 *
 * Beyond the book: by the formula alone a service that is well again gets its calls back only e times more with each
 * window, which takes minutes. So each second in which calls were sent and none was refused doubles what counts as
 * accepted: from nothing but the floor to all calls in less than 10 s.
 */
import type { Random } from "../runtime/random.ts";

export interface ThrottleSettings {
  readonly k: number;
  readonly windowMs: number;
  readonly minPerSecond: number;
}

/** Fills in the defaults. Throws RangeError for what makes no sense. */
export function throttleSettings(options: Partial<ThrottleSettings> = {}): ThrottleSettings {
  const { k = 2, windowMs = 30_000, minPerSecond = 10 } = options;
  if (!(k >= 1)) throw new RangeError(`k must be 1 or more, not ${k}`);
  if (!(windowMs >= 1)) throw new RangeError(`windowMs must be 1 or more, not ${windowMs}`);
  if (!(minPerSecond >= 0)) throw new RangeError(`minPerSecond must be 0 or more, not ${minPerSecond}`);
  return { k, windowMs, minPerSecond };
}

export class Throttle {
  readonly #settings: ThrottleSettings;
  readonly #random: Random;
  readonly #slotMs: number;
  /** Of a slot each: calls asked for, and those of them that were refused, there or here. */
  readonly #requests = new Float64Array(slots);
  readonly #refused = new Float64Array(slots);
  #requested = 0;
  #refusedInAll = 0;
  #index = 0;
  #slotEndMs = Number.NEGATIVE_INFINITY;
  /** Second of the floor, and what has been sent in it. */
  #second = Number.NEGATIVE_INFINITY;
  #sentInSecond = 0;
  #refusedInSecond = false;

  constructor(settings: ThrottleSettings, random: Random) {
    this.#settings = settings;
    this.#random = random;
    this.#slotMs = settings.windowMs / slots;
  }

  /** Counts a call. False: fail it here. */
  tryAdmit(nowMs: number): boolean {
    if (nowMs >= this.#slotEndMs) this.#turn(nowMs);
    this.#requests[this.#index] = (this.#requests[this.#index] as number) + 1;
    this.#requested++;
    // As long as nothing is refused there is nothing to work out.
    return this.#refusedInAll === 0 || this.#tryAdmitUnderRefusals(nowMs);
  }

  /** The service refused a call that was admitted, because it is overloaded. */
  refused(nowMs: number): void {
    if (nowMs >= this.#slotEndMs) this.#turn(nowMs);
    this.#refusedInSecond = true;
    this.#refuse();
  }

  /** The share of calls that is failed here now. */
  get rejectProbability(): number {
    const accepted = this.#requested - this.#refusedInAll;
    return Math.max(0, (this.#requested - this.#settings.k * accepted) / (this.#requested + 1));
  }

  #tryAdmitUnderRefusals(nowMs: number): boolean {
    const second = Math.floor(nowMs / 1000);
    if (second !== this.#second) {
      if (this.#sentInSecond > 0 && !this.#refusedInSecond) this.#relax();
      this.#second = second;
      this.#sentInSecond = 0;
      this.#refusedInSecond = false;
    }
    if (this.#sentInSecond >= this.#settings.minPerSecond && this.#random.next() < this.rejectProbability) {
      this.#refuse();
      return false;
    }
    this.#sentInSecond++;
    return true;
  }

  #refuse(): void {
    this.#refused[this.#index] = (this.#refused[this.#index] as number) + 1;
    this.#refusedInAll++;
  }

  /** Takes as many refusals out as calls were accepted. */
  #relax(): void {
    const accepted = this.#requested - this.#refusedInAll;
    const share = Math.max(0, 1 - Math.max(1, accepted) / this.#refusedInAll);
    this.#refusedInAll = 0;
    for (let i = 0; i < slots; i++) {
      this.#refused[i] = Math.floor((this.#refused[i] as number) * share);
      this.#refusedInAll += this.#refused[i] as number;
    }
  }

  /** Forgets the slots that are out of the window. */
  #turn(nowMs: number): void {
    const passed = Math.min(slots, 1 + Math.floor((nowMs - this.#slotEndMs) / this.#slotMs));
    for (let n = 0; n < passed; n++) {
      this.#index = (this.#index + 1) % slots;
      this.#requested -= this.#requests[this.#index] as number;
      this.#refusedInAll -= this.#refused[this.#index] as number;
      this.#requests[this.#index] = 0;
      this.#refused[this.#index] = 0;
    }
    this.#slotEndMs = passed < slots ? this.#slotEndMs + passed * this.#slotMs : nowMs + this.#slotMs;
  }
}

const slots = 30;
