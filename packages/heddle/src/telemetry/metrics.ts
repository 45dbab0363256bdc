/**
 * All that a process measures, in one place: series that the path of a call counts into, and observers that are asked
 * when somebody looks. Pure: time is an argument, and nothing happens between two collections.
 *
 * Three ways to give it figures. `counter` and `histogram` return a series that is kept where the event is. `observe` is
 * for states that something else keeps anyway (connections, instances): asked once for each collection, they cost
 * nothing in between. What is measured by other libraries comes in above, in the mesh.
 */
import { Counter } from "./counter.ts";
import { Family, keyOf, OTHER } from "./family.ts";
import { type ClassicBuckets, classicBuckets, Histogram } from "./histogram.ts";
import type { Instrument } from "./instrument.ts";
import { instruments } from "./instruments.ts";
import type { MetricFamily, MetricPoint } from "./snapshot.ts";

export interface MetricsOptions {
  /** Series of one instrument at most. Default 2000. */
  readonly maxSeries?: number;
  /** Told once of each instrument that has more. Default: ignored. */
  readonly onFold?: (instrument: Instrument) => void;
}

/** What an observer tells, as it is at this moment. */
export interface Observations {
  /** Values of the same labels are added up: of two clients of one target both count. */
  add(instrument: Instrument, labels: readonly string[], value: number): void;
}

export type Observer = (into: Observations, nowMs: number) => void;

export class Metrics {
  readonly #maxSeries: number;
  readonly #tellFold: (instrument: Instrument) => void;
  readonly #told = new Set<string>();
  readonly #counters = new Map<string, Family<Counter>>();
  readonly #histograms = new Map<string, Family<Histogram>>();
  readonly #observers = new Set<Observer>();
  /** What observers that are gone had counted. */
  readonly #kept = new Observed(Number.POSITIVE_INFINITY, () => {});

  constructor({ maxSeries = 2000, onFold = () => {} }: MetricsOptions = {}) {
    this.#maxSeries = maxSeries;
    this.#tellFold = onFold;
  }

  counter(instrument: Instrument, labels: readonly string[] = []): Counter {
    return this.#countersOf(instrument).resolve(labels);
  }

  histogram(instrument: Instrument, labels: readonly string[] = []): Histogram {
    return this.#histogramsOf(instrument).resolve(labels);
  }

  /** Whoever counted into it is gone, and its labels will not come again. */
  release(instrument: Instrument, series: Counter | Histogram, nowMs: number): void {
    if (series instanceof Counter) this.#countersOf(instrument).release(series, nowMs);
    else this.#histogramsOf(instrument).release(series, nowMs);
  }

  /** Asked at each collection. When it is disposed of, its counters stay where they were: they must not fall. */
  observe(observer: Observer): { dispose(nowMs: number): void } {
    this.#observers.add(observer);
    return {
      dispose: (nowMs) => {
        if (!this.#observers.delete(observer)) return;
        observer(
          {
            add: (instrument, labels, value) => {
              if (instrument.kind === "counter") this.#kept.add(instrument, labels, value);
            },
          },
          nowMs,
        );
      },
    };
  }

  /** Every series as it is now. */
  collect(nowMs: number): MetricFamily[] {
    const observed = new Observed(this.#maxSeries, (instrument) => this.#fold(instrument));
    this.#kept.addTo(observed);
    for (const observer of this.#observers) observer(observed, nowMs);
    const families: MetricFamily[] = [];
    let series = 0;
    for (const family of this.#histograms.values()) {
      const points: MetricPoint[] = [];
      for (const each of family.current(nowMs)) points.push({ labels: each.labels, value: each.read() });
      series += points.length;
      families.push({ instrument: family.instrument, points });
    }
    for (const family of this.#counters.values()) {
      const points = Array.from(family.current(nowMs), ({ labels, value }) => ({ labels, value }));
      series += points.length;
      families.push({ instrument: family.instrument, points });
    }
    observed.add(instruments.metricsSeries, [], series);
    return [...families, ...observed.families()].filter(({ points }) => points.length > 0);
  }

  #countersOf(instrument: Instrument): Family<Counter> {
    let family = this.#counters.get(instrument.name);
    if (family === undefined) {
      family = new Family(
        instrument,
        this.#maxSeries,
        (labels) => new Counter(labels),
        (folded) => this.#fold(folded),
      );
      this.#counters.set(instrument.name, family);
    }
    return family;
  }

  #histogramsOf(instrument: Instrument): Family<Histogram> {
    let family = this.#histograms.get(instrument.name);
    if (family === undefined) {
      const buckets: ClassicBuckets = classicBuckets(instrument.bounds ?? []);
      family = new Family(
        instrument,
        this.#maxSeries,
        (labels) => new Histogram(labels, buckets),
        (folded) => this.#fold(folded),
      );
      this.#histograms.set(instrument.name, family);
    }
    return family;
  }

  #fold(instrument: Instrument): void {
    // Names of metrics are few, so counting folds does not fold.
    this.#countersOf(instruments.metricsFolded).resolve([instrument.name]).add();
    if (this.#told.has(instrument.name)) return;
    this.#told.add(instrument.name);
    this.#tellFold(instrument);
  }
}

/** Numbers by instrument and labels, bounded in the same way. */
class Observed implements Observations {
  readonly #maxSeries: number;
  readonly #onFold: (instrument: Instrument) => void;
  readonly #families = new Map<
    string,
    {
      readonly instrument: Instrument;
      readonly points: Map<string, { labels: readonly string[]; value: number }>;
    }
  >();

  constructor(maxSeries: number, onFold: (instrument: Instrument) => void) {
    this.#maxSeries = maxSeries;
    this.#onFold = onFold;
  }

  add(instrument: Instrument, labels: readonly string[], value: number): void {
    let family = this.#families.get(instrument.name);
    if (family === undefined) {
      family = { instrument, points: new Map() };
      this.#families.set(instrument.name, family);
    }
    let key = keyOf(labels);
    let point = family.points.get(key);
    if (point === undefined && family.points.size >= this.#maxSeries && labels.length > 0) {
      this.#onFold(instrument);
      const all = labels.map(() => OTHER);
      key = keyOf(all);
      point = family.points.get(key) ?? { labels: all, value: 0 };
      family.points.set(key, point);
    }
    if (point === undefined) family.points.set(key, { labels, value });
    else point.value += value;
  }

  addTo(other: Observed): void {
    for (const { instrument, points } of this.#families.values())
      for (const { labels, value } of points.values()) other.add(instrument, labels, value);
  }

  families(): MetricFamily[] {
    return [...this.#families.values()].map(({ instrument, points }) => ({
      instrument,
      points: [...points.values()],
    }));
  }
}
