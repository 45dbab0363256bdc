/**
 * Calls that need an instance and have none yet: in the order of arrival, each with the time at which it gives up. One
 * timer is for all of them, so that a thousand calls that wait for the same connection cost no more than the list.
 */
import type { HeddleError } from "../call/errors.ts";
import type { Subchannel } from "../connection/subchannel.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Timer, Timers } from "../runtime/timer.ts";
import type { ClientCall } from "./call.ts";

/** Somebody who needs an instance. */
export interface Waiter {
  readonly call: ClientCall;
  onInstance(subchannel: Subchannel): void;
  onNoInstance(error: HeddleError): void;
}

export interface WaitersOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  /** An instance for the call; undefined: there is none for it now. */
  readonly pick: (call: ClientCall, nowMs: number) => Subchannel | undefined;
  /** What somebody is told whose time is up. */
  readonly whyNone: (call: ClientCall) => HeddleError;
}

export class Waiters {
  readonly #options: WaitersOptions;
  readonly #givesUpAtMs = new Map<Waiter, number>();
  #timer: Timer | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #isServing = false;

  constructor(options: WaitersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#givesUpAtMs.size;
  }

  add(waiter: Waiter, giveUpAtMs: number): void {
    this.#givesUpAtMs.set(waiter, giveUpAtMs);
    this.#armTimer(giveUpAtMs);
  }

  remove(waiter: Waiter): void {
    this.#givesUpAtMs.delete(waiter);
  }

  /** There is room for one more, or for some: up to the first for whom there is none. */
  serveFirst(): void {
    // An attempt may end as it begins, on a connection that has just been lost, and so make room for the next: that is the
    // next round of this loop. As a call within a call it would be as deep as the queue is long.
    if (this.#isServing) return;
    this.#isServing = true;
    try {
      this.#serveWhileThereIsRoom();
    } finally {
      this.#isServing = false;
    }
  }

  #serveWhileThereIsRoom(): void {
    const { pick, clock } = this.#options;
    for (const waiter of this.#givesUpAtMs.keys()) {
      const chosen = pick(waiter.call, clock.now());
      if (chosen === undefined) return;
      this.remove(waiter);
      waiter.onInstance(chosen);
    }
  }

  /** The set has changed: each tries, and who gets none goes to `waitAnew`. */
  serveAll(waitAnew: (waiter: Waiter) => void): void {
    const { pick, clock } = this.#options;
    for (const waiter of this.#takeAll()) {
      const chosen = pick(waiter.call, clock.now());
      if (chosen === undefined) waitAnew(waiter);
      else waiter.onInstance(chosen);
    }
  }

  /** Nobody will be served any more. */
  close(why: () => HeddleError): void {
    this.#timer?.cancel();
    for (const waiter of this.#takeAll()) waiter.onNoInstance(why());
  }

  #takeAll(): Waiter[] {
    const waiters = [...this.#givesUpAtMs.keys()];
    this.#givesUpAtMs.clear();
    return waiters;
  }

  /** For the first to give up. Methods differ in how long they wait, so that need not be the first that came. */
  #armTimer(atMs: number): void {
    if (atMs >= this.#timerAtMs) return;
    const { clock, timers } = this.#options;
    this.#timer?.cancel();
    this.#timerAtMs = atMs;
    this.#timer = timers.after(Math.max(1, atMs - clock.now()), () => this.#giveUp());
  }

  #giveUp(): void {
    this.#timer = undefined;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#options.clock.now();
    let nextAtMs = Number.POSITIVE_INFINITY;
    for (const [waiter, giveUpAtMs] of this.#givesUpAtMs) {
      if (giveUpAtMs > nowMs) {
        nextAtMs = Math.min(nextAtMs, giveUpAtMs);
        continue;
      }
      this.remove(waiter);
      waiter.onNoInstance(this.#options.whyNone(waiter.call));
    }
    if (nextAtMs < Number.POSITIVE_INFINITY) this.#armTimer(nextAtMs);
  }
}
