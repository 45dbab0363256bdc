/**
 * What is known of one instance for outlier ejection. Kept by whoever keeps the instance, so that the end of a call
 * looks nothing up. Counts are of two half intervals, the current one and the one before, so that what is older than an
 * interval is forgotten.
 */
export class Standing {
  readonly id: string;
  /** `in` the set; `out` until `untilMs`; `due` for its trial; `trying`, while that one call is under way. */
  state: "in" | "out" | "due" | "trying" = "in";
  /** Why it is out; empty when it is not. */
  because = "";
  untilMs = Number.POSITIVE_INFINITY;
  ejectedAtMs = Number.NEGATIVE_INFINITY;
  returnedAtMs = 0;
  /** Ejections, less one for each interval without: the next lasts the longer. */
  ejections = 0;

  failuresInARow = 0;
  /** When the first of them was, by the detector's count of events. */
  streakEvent = 0;
  /** It says that most of its calls fail. Not believed after a call of ours that went well, until one has failed. */
  reportsFailure = false;
  believesReports = true;

  /** Calls that failed there a second, as last reported, and when. */
  #errorsPerSecond = 0;
  #reportedMs = 0;

  ok = 0;
  okBefore = 0;
  failed = 0;
  failedBefore = 0;
  /** Those of `ok` whose time counts, and their time together. */
  timed = 0;
  timedBefore = 0;
  latencyMs = 0;
  latencyBeforeMs = 0;

  constructor(id: string) {
    this.id = id;
  }

  /** Calls that count, of the interval. */
  get volume(): number {
    return this.ok + this.okBefore + this.failed + this.failedBefore;
  }

  get failurePercent(): number {
    return ((this.failed + this.failedBefore) * 100) / this.volume;
  }

  /** Milliseconds; NaN when nothing is known. */
  get meanLatencyMs(): number {
    return (this.latencyMs + this.latencyBeforeMs) / (this.timed + this.timedBefore);
  }

  /**
   * Its report of errors per second. Whether some are new since the last one: what nobody adds to fades, with the time over
   * which servers average (`balance/load-meter.ts`), and says how it was and not how it is.
   */
  noteErrors(nowMs: number, errorsPerSecond: number): boolean {
    const left = Math.exp((this.#reportedMs - nowMs) / averagedOverMs);
    const isNew = errorsPerSecond > this.#errorsPerSecond * left * 1.01 + 0.5 / (averagedOverMs / 1000);
    this.#errorsPerSecond = errorsPerSecond;
    this.#reportedMs = nowMs;
    return isNew;
  }

  /** Half an interval is over. */
  turn(): void {
    this.okBefore = this.ok;
    this.failedBefore = this.failed;
    this.timedBefore = this.timed;
    this.latencyBeforeMs = this.latencyMs;
    this.ok = 0;
    this.failed = 0;
    this.timed = 0;
    this.latencyMs = 0;
  }
}

const averagedOverMs = 10_000;
