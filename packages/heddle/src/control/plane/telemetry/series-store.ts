/**
 * Counts of calls over time, in bounded memory. Time is cut into slices, and each holds the points of those series that
 * had calls in it, so what nobody calls costs nothing. When there are more points than may be, old slices are put
 * together, two by two, up to a minute each; when that does not suffice the oldest goes. So how far back it sees depends on
 * how much there is, and `sinceMs` says it.
 *
 * Reports are counted in the slice in which they arrive. Pure: the time is given.
 */
import { addLatency, type Latency } from "./latency.ts";

export type SeriesKind = "served" | "made" | "attempt" | "retry" | "instance";

/** What a series counts. Empty where its kind does not have it. */
export interface SeriesKey {
  readonly kind: SeriesKind;
  /** Who tells. */
  readonly service: string;
  readonly method: string;
  /** Who is called: a name (`made`, `retry`) or a service (`attempt`). */
  readonly peer: string;
  /** Which instance: of the service (`instance`), or of the peer (`attempt`). */
  readonly instance: string;
  readonly code: string;
}

export interface Point extends Latency {
  readonly key: SeriesKey;
  calls: number;
  seconds: number;
}

export interface Slice {
  fromMs: number;
  untilMs: number;
  readonly points: Map<string, Point>;
}

export interface SeriesStoreOptions {
  /** In all slices together. Default 300 000, which is some 60 MB. */
  readonly maxPoints?: number;
  /** In one slice; further ones are counted as "other". Default 60 000. */
  readonly maxPointsInSlice?: number;
  /** Default 6 hours. */
  readonly maxAgeMs?: number;
  /** A slice that is whole goes out of memory: the last chance to write it down. Default: it is gone. */
  readonly onSlice?: (slice: Slice) => void;
}

export class SeriesStore {
  readonly #maxPoints: number;
  readonly #maxInSlice: number;
  readonly #maxAgeMs: number;
  readonly #onSlice: (slice: Slice) => void;
  /** Oldest first, without gaps in order; empty times have none. */
  readonly #slices: Slice[] = [];
  #points = 0;

  constructor(options: SeriesStoreOptions = {}) {
    this.#maxPoints = options.maxPoints ?? 300_000;
    this.#maxInSlice = options.maxPointsInSlice ?? 60_000;
    this.#maxAgeMs = options.maxAgeMs ?? 6 * 3_600_000;
    this.#onSlice = options.onSlice ?? (() => {});
  }

  /** How many points are kept. */
  get size(): number {
    return this.#points;
  }

  /** From when on there is something; undefined: there is nothing. */
  get sinceMs(): number | undefined {
    return this.#slices[0]?.fromMs;
  }

  add(nowMs: number, key: SeriesKey, counted: Omit<Point, "key">): void {
    const slice = this.#sliceAt(nowMs);
    const point = this.#pointIn(slice, key);
    point.calls += counted.calls;
    point.seconds += counted.seconds;
    addLatency(point, counted.first, counted.counts);
    if (this.#points > this.#maxPoints) this.#makeRoom();
  }

  /** A slice that was written down: in front of what is there. */
  restore(slice: Slice): void {
    if (slice.untilMs > (this.sinceMs ?? Number.POSITIVE_INFINITY)) return;
    if (this.#points + slice.points.size > this.#maxPoints) return;
    this.#slices.unshift(slice);
    this.#points += slice.points.size;
  }

  /** Those that have something of this time. */
  *slices(fromMs: number, untilMs: number): Iterable<Slice> {
    for (const slice of this.#slices) if (slice.untilMs > fromMs && slice.fromMs < untilMs) yield slice;
  }

  /** Every point of this time, with the time of its slice. */
  *points(fromMs: number, untilMs: number): Iterable<readonly [Point, Slice]> {
    for (const slice of this.slices(fromMs, untilMs))
      for (const point of slice.points.values()) yield [point, slice];
  }

  #sliceAt(nowMs: number): Slice {
    const fromMs = Math.floor(nowMs / SLICE_MS) * SLICE_MS;
    const latest = this.#slices.at(-1);
    // A clock that goes back counts on where it was.
    if (latest !== undefined && latest.fromMs >= fromMs) return latest;
    const slice: Slice = { fromMs, untilMs: fromMs + SLICE_MS, points: new Map() };
    this.#slices.push(slice);
    if (latest !== undefined) this.#onSlice(latest);
    while ((this.#slices[0]?.untilMs ?? nowMs) < nowMs - this.#maxAgeMs) this.#dropOldest();
    return slice;
  }

  #pointIn(slice: Slice, key: SeriesKey): Point {
    const text = textOf(key);
    const known = slice.points.get(text);
    if (known !== undefined) return known;
    if (slice.points.size >= this.#maxInSlice) {
      const { kind, code } = key;
      const other = { kind, service: OTHER, method: OTHER, peer: OTHER, instance: OTHER, code };
      return slice.points.get(textOf(other)) ?? this.#newPoint(slice, other);
    }
    return this.#newPoint(slice, key);
  }

  #newPoint(slice: Slice, key: SeriesKey): Point {
    const point: Point = { key, calls: 0, seconds: 0, first: 0, counts: [] };
    slice.points.set(textOf(key), point);
    this.#points++;
    return point;
  }

  /** Down to nine tenths, so that it is done once in a while. */
  #makeRoom(): void {
    const goal = this.#maxPoints * 0.9;
    for (let i = 0; i + 1 < this.#slices.length - NEWEST_KEPT && this.#points > goal; i++) {
      const [one, next] = [this.#slices[i] as Slice, this.#slices[i + 1] as Slice];
      const minute = Math.floor(one.fromMs / COARSE_MS);
      if (Math.floor((next.untilMs - 1) / COARSE_MS) !== minute) continue;
      this.#merge(one, next);
      this.#slices.splice(i + 1, 1);
      i--;
    }
    while (this.#points > goal && this.#slices.length > 1) this.#dropOldest();
  }

  #merge(one: Slice, next: Slice): void {
    for (const [text, point] of next.points) {
      const known = one.points.get(text);
      if (known === undefined) {
        one.points.set(text, point);
        continue;
      }
      known.calls += point.calls;
      known.seconds += point.seconds;
      addLatency(known, point.first, point.counts);
      this.#points--;
    }
    one.untilMs = next.untilMs;
  }

  #dropOldest(): void {
    this.#points -= this.#slices.shift()?.points.size ?? 0;
  }
}

export function textOf({ kind, service, method, peer, instance, code }: SeriesKey): string {
  return `${kind}\n${service}\n${method}\n${peer}\n${instance}\n${code}`;
}

/** What has no place of its own is counted under this name. */
export const OTHER = "other";
export const SLICE_MS = 10_000;
const COARSE_MS = 60_000;
/** Slices that are never put together: ten minutes. */
const NEWEST_KEPT = 60;
