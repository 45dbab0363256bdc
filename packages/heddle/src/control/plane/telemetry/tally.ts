/** Adds points up to rate, errors and duration. Pure. */
import type { CodeCount, Red, Series } from "./api.ts";
import { addLatency, type Latency, percentileMs } from "./latency.ts";
import type { Point, Slice } from "./series-store.ts";

export class Tally {
  calls = 0;
  failed = 0;
  #seconds = 0;
  readonly #latency: Latency = { first: 0, counts: [] };

  add({ key, calls, seconds, first, counts }: Point): void {
    this.calls += calls;
    if (key.code !== "OK") this.failed += calls;
    this.#seconds += seconds;
    addLatency(this.#latency, first, counts);
  }

  percentileMs(share: number): number | null {
    return percentileMs(this.#latency, share);
  }

  red(windowSeconds: number): Red {
    const { calls, failed } = this;
    return {
      calls,
      failed,
      rate: rounded(calls / windowSeconds),
      failedShare: calls === 0 ? null : rounded(failed / calls),
      meanMs: calls === 0 ? null : rounded((1000 * this.#seconds) / calls),
      p50Ms: this.percentileMs(0.5),
      p99Ms: this.percentileMs(0.99),
    };
  }
}

/** Tallies by name, each made when it is first asked for. */
export class Tallies {
  readonly #tallies = new Map<string, Tally>();

  of(name: string): Tally {
    let tally = this.#tallies.get(name);
    if (tally === undefined) {
      tally = new Tally();
      this.#tallies.set(name, tally);
    }
    return tally;
  }

  red(name: string, windowSeconds: number): Red {
    return (this.#tallies.get(name) ?? NOTHING).red(windowSeconds);
  }

  names(): Iterable<string> {
    return this.#tallies.keys();
  }
}

const NOTHING = new Tally();

/** The same, cut into steps of time. */
export class Steps {
  readonly #fromMs: number;
  readonly #stepMs: number;
  readonly #tallies: (Tally | undefined)[];

  constructor(fromMs: number, untilMs: number, stepMs: number) {
    this.#fromMs = fromMs;
    this.#stepMs = stepMs;
    this.#tallies = Array.from({ length: Math.max(1, Math.round((untilMs - fromMs) / stepMs)) });
  }

  add(point: Point, slice: Slice): void {
    const at = Math.floor(((slice.fromMs + slice.untilMs) / 2 - this.#fromMs) / this.#stepMs);
    if (at < 0 || at >= this.#tallies.length) return;
    const tally = this.#tallies[at] ?? new Tally();
    this.#tallies[at] = tally;
    tally.add(point);
  }

  series(): Series {
    const stepSeconds = this.#stepMs / 1000;
    const tallies = this.#tallies.map((tally) => tally ?? NOTHING);
    return {
      fromMs: this.#fromMs,
      stepSeconds,
      rate: tallies.map(({ calls }) => rounded(calls / stepSeconds)),
      failedRate: tallies.map(({ failed }) => rounded(failed / stepSeconds)),
      p50Ms: tallies.map((tally) => tally.percentileMs(0.5)),
      p99Ms: tallies.map((tally) => tally.percentileMs(0.99)),
    };
  }
}

export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

/** The most frequent first. */
export function ranked(counts: ReadonlyMap<string, number> = new Map()): readonly CodeCount[] {
  return [...counts].map(([code, calls]) => ({ code, calls })).sort((one, other) => other.calls - one.calls);
}
