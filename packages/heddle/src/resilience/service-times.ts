/**
 * How long calls of one method take at a server, to tell a call that cannot be done in time from one that can. What
 * would be late is better refused at once: its caller learns it sooner, and the work is done for somebody else.
 *
 * Careful on purpose: a call is given up only when nine of ten recent ones took longer than it has left. Among the
 * refused one in ten is let through all the same, and samples are forgotten after ten seconds, for a method of which
 * everything is refused would otherwise never be seen to have become faster.
 *
 * A pure machine: time is an argument. Source of the idea: SRE book, "Addressing Cascading Failures" (deadlines: "check
 * the deadline left at each stage").
 */
export class ServiceTimes {
  /** Nine of ten of the last calls took longer, in ms; 0 while too little is known. */
  lowMs = 0;
  readonly #samples = new Float64Array(KEPT);
  readonly #times = new Float64Array(KEPT);
  #count = 0;
  #calls = 0;
  #trials = 0;

  /** Of the many calls of a busy method one in eight is measured. */
  wantsSample(): boolean {
    return this.#calls++ < KEPT || (this.#calls & 7) === 0;
  }

  /** A call took so long, or was given up after so long. Fast failures are not to be told. */
  add(nowMs: number, tookMs: number): void {
    const at = this.#count++ % KEPT;
    this.#samples[at] = tookMs;
    this.#times[at] = nowMs;
    if ((this.#count & 7) === 0) this.#estimate(nowMs);
  }

  /** Whether a call with so little time left is to be refused. Ask only where `leftMs` is below `lowMs`. */
  isTooLate(nowMs: number, leftMs: number): boolean {
    this.#estimate(nowMs);
    return leftMs < this.lowMs && ++this.#trials % TRIAL !== 0;
  }

  #estimate(nowMs: number): void {
    let fresh = 0;
    for (let i = 0; i < Math.min(this.#count, KEPT); i++) {
      if (nowMs - (this.#times[i] as number) <= FRESH_MS) sorted[fresh++] = this.#samples[i] as number;
    }
    this.lowMs = fresh < LEAST ? 0 : (sorted.subarray(0, fresh).sort()[Math.floor(fresh / 10)] as number);
  }
}

const KEPT = 64;
const LEAST = 20;
const FRESH_MS = 10_000;
const TRIAL = 10;

/** Shared: used within one function. */
const sorted = new Float64Array(KEPT);
