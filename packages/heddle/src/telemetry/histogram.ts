/**
 * One series of a histogram, resolved: recording is two increments and an addition, and allocates nothing but when a
 * value comes that is far from all others before.
 *
 * It counts twice, in exponential buckets for those who read native histograms and in classic ones for the others. The
 * second cannot be worked out from the first: a limit such as 100 ms, which somebody has promised, lies inside of an
 * exponential bucket.
 */
import { INDEX_COUNT, indexOfPlace, lowerEdge, placeOf, SCALE, ZERO_THRESHOLD } from "./exponential.ts";
import type { Child } from "./family.ts";
import type { Exemplar, HistogramValue } from "./snapshot.ts";

/** Whose value it is, asked when an example of the bucket is wanted. */
export interface ExemplarSubject {
  /** The trace that can be looked at; undefined when it is not kept. */
  exemplarTrace(): { readonly traceId: string; readonly spanId?: string } | undefined;
}

export class Histogram implements Child {
  readonly labels: readonly string[];
  holders = 0;
  releasedAtMs = Number.POSITIVE_INFINITY;
  readonly #classic: ClassicBuckets;
  readonly #classicCounts: Float64Array;
  /** Exponential counts of the places from `#first` on. */
  #counts = new Float64Array(0);
  #first = 0;
  #zeroes = 0;
  /** One number in an array: as a field it would be a new object with each addition. */
  readonly #sum = new Float64Array(1);
  #exemplars: (Exemplar | undefined)[] | undefined = undefined;
  /** When a bucket may have its next example. */
  readonly #exemplarDueMs: Float64Array;

  constructor(labels: readonly string[], classic: ClassicBuckets) {
    this.labels = labels;
    this.#classic = classic;
    this.#classicCounts = new Float64Array(classic.bounds.length);
    this.#exemplarDueMs = new Float64Array(classic.bounds.length).fill(Number.NEGATIVE_INFINITY);
  }

  /** `value` in the unit of the instrument. What is not a number is left out. Returns the classic bucket. */
  record(value: number): number {
    const { bounds, firstOf } = this.#classic;
    if (!(value > ZERO_THRESHOLD)) return this.#recordZero(value);
    const place = placeOf(value);
    const at = place - this.#first;
    const counts = this.#counts;
    if (at >= 0 && at < counts.length) counts[at] = (counts[at] as number) + 1;
    else this.#widen(place);
    let bucket = firstOf[place] as number;
    while (value > (bounds[bucket] as number)) bucket++;
    const classicCounts = this.#classicCounts;
    classicCounts[bucket] = (classicCounts[bucket] as number) + 1;
    this.#sum[0] = (this.#sum[0] as number) + value;
    return bucket;
  }

  /** The same, and keeps the trace as an example of its bucket, at most one a second. */
  recordFor(value: number, nowMs: number, subject: ExemplarSubject): void {
    const bucket = this.record(value);
    if (nowMs >= (this.#exemplarDueMs[bucket] as number)) this.#exemplify(value, nowMs, bucket, subject);
  }

  read(): HistogramValue {
    const counts = this.#counts.slice();
    const classicCounts = this.#classicCounts.slice();
    let count = 0;
    for (const each of classicCounts) count += each;
    const exemplars = this.#exemplars?.slice();
    return {
      count,
      sum: this.#sum[0] as number,
      bounds: this.#classic.given,
      bucketCounts: classicCounts,
      exponential: {
        scale: SCALE,
        zeroThreshold: ZERO_THRESHOLD,
        zeroCount: this.#zeroes,
        offset: indexOfPlace(this.#first),
        counts,
      },
      ...(exemplars === undefined ? {} : { exemplars }),
    };
  }

  #recordZero(value: number): number {
    if (Number.isNaN(value)) return 0;
    this.#zeroes++;
    const { bounds } = this.#classic;
    let bucket = 0;
    while (value > (bounds[bucket] as number)) bucket++;
    this.#classicCounts[bucket] = (this.#classicCounts[bucket] as number) + 1;
    this.#sum[0] = (this.#sum[0] as number) + value;
    return bucket;
  }

  /** Values of one thing lie close to each other: a few octaves at a time suffice. */
  #widen(place: number): void {
    const known = this.#counts;
    const isEmpty = known.length === 0;
    const wantedFirst = Math.floor(place / STEP) * STEP;
    const first = isEmpty ? wantedFirst : Math.min(this.#first, wantedFirst);
    const end = Math.min(INDEX_COUNT, Math.max(isEmpty ? 0 : this.#first + known.length, wantedFirst + STEP));
    const counts = new Float64Array(end - first);
    if (!isEmpty) counts.set(known, this.#first - first);
    counts[place - first] = (counts[place - first] as number) + 1;
    this.#counts = counts;
    this.#first = first;
  }

  #exemplify(value: number, nowMs: number, bucket: number, subject: ExemplarSubject): void {
    this.#exemplarDueMs[bucket] = nowMs + EXEMPLAR_EVERY_MS;
    const trace = subject.exemplarTrace();
    if (trace === undefined) return;
    this.#exemplars ??= Array.from({ length: this.#classicCounts.length });
    this.#exemplars[bucket] = { value, atMs: nowMs, ...trace };
  }
}

/** Places that are made at a time: four octaves. */
const STEP = 32;

const EXEMPLAR_EVERY_MS = 1000;

/** The classic buckets of an instrument; its series share them. */
export interface ClassicBuckets {
  /** As given. */
  readonly given: readonly number[];
  /** With infinity behind the last, so that every value has a bucket. */
  readonly bounds: Float64Array;
  /** By place: the first bucket that one of its values can be in. */
  readonly firstOf: Uint16Array;
}

export function classicBuckets(given: readonly number[]): ClassicBuckets {
  const firstOf = Uint16Array.from(
    { length: INDEX_COUNT },
    (_, place) => given.filter((bound) => bound <= lowerEdge(place)).length,
  );
  return { given, bounds: Float64Array.from([...given, Number.POSITIVE_INFINITY]), firstOf };
}
