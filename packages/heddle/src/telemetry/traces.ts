/**
 * Which calls become spans, and the spans that wait to be exported.
 *
 * Whether a trace is kept is decided where it begins, and whoever is called follows (W3C Trace Context's flag). A call
 * that is not kept costs that decision. What failed or was slow is kept all the same: that is known at its end, from times
 * and attempts that a call has in any case, so the pieces of such a trace that say what happened are there even where the
 * rest is not.
 *
 * Bounded: what does not fit before the next export is counted and dropped, so that a storm of failures costs no memory.
 */
import type { Random } from "../runtime/random.ts";
import type { Span } from "./span.ts";

export interface TracesOptions {
  /** Share of the traces that begin here which are kept, 0 to 1. */
  readonly sampleRatio: number;
  /** A unary call that took longer is kept, in ms; `Infinity` for none. */
  readonly slowMs: number;
  /** Spans that wait for the next export, at most. */
  readonly maxWaiting: number;
  readonly random: Random;
}

export class Traces {
  readonly random: Random;
  readonly #sampleRatio: number;
  readonly #slowMs: number;
  readonly #maxWaiting: number;
  readonly #waiting: Span[] = [];
  #dropped = 0;

  constructor({ sampleRatio, slowMs, maxWaiting, random }: TracesOptions) {
    this.random = random;
    this.#sampleRatio = sampleRatio;
    this.#slowMs = slowMs;
    this.#maxWaiting = maxWaiting;
  }

  /** Whether a trace that begins now is kept. */
  samples(): boolean {
    return this.random.next() < this.#sampleRatio;
  }

  /** Whether a call that is not part of such a trace is kept. `elapsedMs` of a stream says nothing: 0. */
  keeps(failed: boolean, elapsedMs: number): boolean {
    return failed || elapsedMs > this.#slowMs;
  }

  /** There is room for another call; counts it as dropped where not. */
  hasRoom(): boolean {
    if (this.#waiting.length < this.#maxWaiting) return true;
    this.#dropped++;
    return false;
  }

  add(span: Span): void {
    this.#waiting.push(span);
  }

  /** Those that wait, the oldest first. They stay until `remove`. */
  waiting(): readonly Span[] {
    return [...this.#waiting];
  }

  /** The oldest ones have left. */
  remove(count: number): void {
    this.#waiting.splice(0, count);
  }

  /** How many calls were left out for want of room, since it was last asked. */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }
}
