/**
 * The recent calls of a process that are worth a look: those that failed, those that were slow, and now and then one that
 * was neither, so that there is something to compare with. Kept in rings of a fixed size, one for each kind, so that a storm
 * of failures does not push the others out.
 *
 * Whoever sends them on takes what he has not had yet. What is overwritten before that is counted as lost.
 */
import type { CallRecord } from "../call/record.ts";

export type CallState = "failed" | "slow" | "sampled";

export interface KeptCall {
  readonly state: CallState;
  readonly record: CallRecord;
}

export interface RecentCallsOptions {
  /** Calls that are kept, all kinds together: half of them failed ones. */
  readonly maxCalls: number;
  /** A unary call that took longer is slow, in ms. */
  readonly slowMs: number;
  /** One call of so many is kept although it is neither; `Infinity` for none. */
  readonly sampleEvery: number;
}

export class RecentCalls {
  /** Calls that were to be told and are not here any more, since it was last asked. */
  #lost = 0;
  readonly #options: RecentCallsOptions;
  readonly #rings: Readonly<Record<CallState, Ring>>;
  #untilSample: number;

  constructor(options: RecentCallsOptions) {
    this.#options = options;
    const { maxCalls } = options;
    const rest = Math.max(1, Math.floor(maxCalls / 4));
    this.#rings = {
      failed: new Ring(Math.max(1, maxCalls - 2 * rest)),
      slow: new Ring(rest),
      sampled: new Ring(rest),
    };
    // The first one too: a service that has just begun has something to show.
    this.#untilSample = options.sampleEvery === Number.POSITIVE_INFINITY ? Number.POSITIVE_INFINITY : 1;
  }

  /** Why a call that has ended is kept; undefined: it is not. Counts it. */
  stateOf(failed: boolean, elapsedMs: number): CallState | undefined {
    if (failed) return "failed";
    if (elapsedMs > this.#options.slowMs) return "slow";
    if (--this.#untilSample > 0) return undefined;
    this.#untilSample = this.#options.sampleEvery;
    return "sampled";
  }

  keep(state: CallState, record: CallRecord): void {
    if (!this.#rings[state].put({ state, record })) this.#lost++;
  }

  /** All that are kept, the newest first. */
  list(): readonly KeptCall[] {
    return Object.values(this.#rings)
      .flatMap((ring) => ring.all())
      .sort((one, other) => other.record.startedAtMs - one.record.startedAtMs);
  }

  /** Those that were not taken before, failed ones first, at most so many; and how many were lost. */
  take(max: number): { readonly calls: readonly KeptCall[]; readonly lost: number } {
    const { failed, slow, sampled } = this.#rings;
    const calls: KeptCall[] = [];
    for (const ring of [failed, slow, sampled]) calls.push(...ring.take(max - calls.length));
    const lost = this.#lost;
    this.#lost = 0;
    return { calls, lost };
  }
}

class Ring {
  readonly #size: number;
  readonly #calls: KeptCall[] = [];
  /** How many were ever put, and taken or overwritten. */
  #put = 0;
  #taken = 0;

  constructor(size: number) {
    this.#size = size;
  }

  /** False when one that nobody had taken went for it. */
  put(call: KeptCall): boolean {
    this.#calls[this.#put++ % this.#size] = call;
    if (this.#put - this.#taken <= this.#size) return true;
    this.#taken++;
    return false;
  }

  all(): readonly KeptCall[] {
    return this.#calls;
  }

  /** Oldest first. */
  take(max: number): KeptCall[] {
    const taken: KeptCall[] = [];
    while (taken.length < max && this.#taken < this.#put)
      taken.push(this.#calls[this.#taken++ % this.#size] as KeptCall);
    return taken;
  }
}
