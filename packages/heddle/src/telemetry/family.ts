/**
 * The series of one instrument. Whoever measures resolves a series once and keeps it, so that recording looks nothing
 * up; here is where they are found again when somebody collects.
 *
 * There are never more than so many. What comes then is counted all the same, under labels that say `other`: first
 * those that come from outside (instances, targets), and when there are too many even so, all of them.
 */
import type { Instrument } from "./instrument.ts";

/** What every series has. */
export interface Child {
  readonly labels: readonly string[];
  /** Who counts into it now. */
  holders: number;
  /** When the last of them let go of it; Infinity while it is held. */
  releasedAtMs: number;
}

/** The value of a label of series that were folded. */
export const OTHER = "other";

/** How long a series is shown after it was let go of, in ms: every reader has seen its last value by then. */
const LINGER_MS = 5 * 60_000;

export class Family<Series extends Child> {
  readonly instrument: Instrument;
  readonly #maxSeries: number;
  readonly #create: (labels: readonly string[]) => Series;
  readonly #onFold: (instrument: Instrument) => void;
  readonly #series = new Map<string, Series>();

  constructor(
    instrument: Instrument,
    maxSeries: number,
    create: (labels: readonly string[]) => Series,
    onFold: (instrument: Instrument) => void,
  ) {
    this.instrument = instrument;
    this.#maxSeries = maxSeries;
    this.#create = create;
    this.#onFold = onFold;
  }

  get size(): number {
    return this.#series.size;
  }

  /** The series with these values. Whoever is done with it for good calls `release`; those of methods never are. */
  resolve(labels: readonly string[]): Series {
    const series = this.#find(labels);
    series.holders++;
    series.releasedAtMs = Number.POSITIVE_INFINITY;
    return series;
  }

  release(series: Series, nowMs: number): void {
    if (--series.holders === 0) series.releasedAtMs = nowMs;
  }

  /** Those that are shown, after those have gone that nobody has counted into for a while. */
  *current(nowMs: number): Iterable<Series> {
    for (const [key, series] of this.#series) {
      if (nowMs - series.releasedAtMs > LINGER_MS) this.#series.delete(key);
      else yield series;
    }
  }

  #find(labels: readonly string[]): Series {
    const key = keyOf(labels);
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    if (this.#series.size < this.#maxSeries) return this.#add(key, labels);
    this.#onFold(this.instrument);
    const { labels: names, open = [] } = this.instrument;
    const folded = labels.map((value, i) => (open.includes(names[i] as string) ? OTHER : value));
    const foldedKey = keyOf(folded);
    const found = this.#series.get(foldedKey);
    if (found !== undefined) return found;
    if (this.#series.size < this.#maxSeries * FOLDED_ROOM + 1) return this.#add(foldedKey, folded);
    const all = labels.map(() => OTHER);
    return this.#series.get(keyOf(all)) ?? this.#add(keyOf(all), all);
  }

  #add(key: string, labels: readonly string[]): Series {
    const series = this.#create(labels);
    this.#series.set(key, series);
    return series;
  }
}

/** Folded series have room of their own, or the first of them could not be told apart by method. */
const FOLDED_ROOM = 1.25;

export function keyOf(labels: readonly string[]): string {
  return JSON.stringify(labels);
}
