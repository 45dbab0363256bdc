/**
 * How large the receive windows must be for this link: its bandwidth times its round trip.
 *
 * A window that is smaller leaves the link waiting for window updates; one that is larger only lets a slow
 * reader pile up more. So windows start small and grow by measurement: now and then a PING goes out, and what
 * readers take until its answer is there is what link and readers manage in one round trip. Where that is most
 * of the window, and came notably faster than when the window was enlarged last, the window is what holds the
 * sender back, and becomes up to twice as large. The rate is what ends the growth: on a full link a larger
 * window makes the queue longer and nothing faster.
 *
 * The method is that of gRPC (https://grpc.io/blog/grpc-go-perf-improvements/). Ours measures only when readers
 * have used up half a window, so that connections with small messages do not pay for it, and counts what is
 * read instead of what is received, so that a slow reader's window stays as it is.
 */
export class BandwidthEstimator {
  /** What the windows should be, in bytes. Grows only. */
  windowBytes: number;
  /** True between `begin` and `end`. */
  measuring = false;
  readonly #maxBytes: number;
  /** Bytes that readers have taken since the measurement began. */
  #sample = 0;
  #beganAtMs = 0;
  /** The rate at which the windows were enlarged last, in bytes per ms. */
  #rate = 0;
  /** Measurements since the last one that enlarged the window. */
  #inVain = 0;
  /** Half windows to let pass before the next one. */
  #pause = 0;

  constructor(startBytes: number, maxBytes: number) {
    this.windowBytes = startBytes;
    this.#maxBytes = maxBytes;
  }

  /** Readers have used up half a window. True when the link is to be measured now: less often after each time in vain. */
  usedUp(): boolean {
    if (this.measuring || !this.#mayGrow || --this.#pause > 0) return false;
    return true;
  }

  /** A PING goes out now. */
  begin(nowMs: number): void {
    this.measuring = true;
    this.#sample = 0;
    this.#beganAtMs = nowMs;
  }

  /** A reader has taken bytes while `measuring`. */
  count(bytes: number): void {
    this.#sample += bytes;
  }

  /** The answer to the PING is there. True when `windowBytes` has grown. */
  end(nowMs: number): boolean {
    if (!this.measuring) return false;
    this.measuring = false;
    const grew = this.#evaluate(nowMs);
    this.#inVain = grew ? 0 : Math.min(this.#inVain + 1, MAX_IN_VAIN);
    this.#pause = 2 ** this.#inVain;
    return grew;
  }

  get #mayGrow(): boolean {
    return this.windowBytes < this.#maxBytes;
  }

  #evaluate(nowMs: number): boolean {
    const rate = this.#sample / Math.max(nowMs - this.#beganAtMs, SHORTEST_ROUND_TRIP_MS);
    if (!this.#mayGrow || this.#sample < this.windowBytes * FULL_SHARE) return false;
    if (rate < this.#rate * NOTABLY_FASTER) return false;
    this.#rate = rate;
    this.windowBytes = Math.min(this.#maxBytes, this.#sample * 2);
    return true;
  }
}

/** Clocks are not finer than this. */
const SHORTEST_ROUND_TRIP_MS = 0.01;
/** A window counts as filled from here on: as in gRPC. */
const FULL_SHARE = 2 / 3;
/** What a window that was doubled must have brought for it to be doubled again. */
const NOTABLY_FASTER = 1.25;
/** The pause between measurements grows up to 2 to this power half windows. */
const MAX_IN_VAIN = 6;
