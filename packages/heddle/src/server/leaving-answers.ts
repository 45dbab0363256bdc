/**
 * Short answers of HTTP/1.1, which leave together at the end of the turn of the event loop in which they were made.
 *
 * The system wakes whoever sleeps at the other end of a socket within the write, which is most of what a write costs. A
 * caller with several requests under way sleeps again before the next answer would be made: written one behind the other,
 * answers find it awake.
 */
import type { Clock } from "../runtime/clock.ts";

/** Who has one. */
export interface Leaving {
  writeNow(): void;
}

export class LeavingAnswers {
  readonly #clock: Clock;
  #waiting: Leaving[] = [];
  #sinceMs = 0;
  readonly #atEnd = () => this.#writeAll();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Each time that there is something to write. */
  add(leaving: Leaving): void {
    if (this.#waiting.push(leaving) > 1) return;
    this.#sinceMs = this.#clock.now();
    // oxlint-disable-next-line no-restricted-globals -- the end of a turn is no point in time
    // oxlint-disable-next-line no-restricted-globals -- sockets keep to the real event loop, whatever the time is
    setImmediate(this.#atEnd);
  }

  /** To be told when a request begins: no answer waits for many others. */
  begins(nowMs: number): void {
    if (this.#waiting.length > 0 && nowMs - this.#sinceMs >= LONGEST_WAIT_MS) this.#writeAll();
  }

  #writeAll(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    for (const leaving of waiting) leaving.writeNow();
  }
}

const LONGEST_WAIT_MS = 0.25;
