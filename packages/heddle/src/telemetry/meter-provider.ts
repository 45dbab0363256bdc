/**
 * What `@opentelemetry/api` calls a meter provider, over our instruments: libraries and programs that measure through that
 * API come out of the same endpoint, without an SDK. The API has no series that are resolved once, so each `add` looks its
 * attributes up.
 *
 * The types here are the part of that package's that is used, so that nobody has to install it.
 */
import type { Instrument, InstrumentKind } from "./instrument.ts";
import { classicBuckets, Histogram } from "./histogram.ts";
import { keyOf } from "./family.ts";
import type { MetricFamily } from "./snapshot.ts";
import type { MetricSource } from "./source.ts";

export type Attributes = Readonly<Record<string, unknown>>;

export interface OtelMetricOptions {
  readonly description?: string;
  readonly unit?: string;
  readonly advice?: { readonly explicitBucketBoundaries?: readonly number[] };
}

/** One that is observed when somebody collects. */
interface OtelObservable {
  addCallback(callback: OtelCallback): void;
  removeCallback(callback: OtelCallback): void;
}

type OtelCallback = (result: OtelResult) => void | Promise<void>;

interface OtelResult {
  observe(value: number, attributes?: Attributes): void;
}

interface OtelBatchResult {
  observe(observable: OtelObservable, value: number, attributes?: Attributes): void;
}

type OtelBatchCallback = (result: OtelBatchResult) => void | Promise<void>;

export interface OtelMeter {
  createCounter(
    name: string,
    options?: OtelMetricOptions,
  ): { add(value: number, attributes?: Attributes): void };
  createUpDownCounter(
    name: string,
    options?: OtelMetricOptions,
  ): { add(value: number, attributes?: Attributes): void };
  createGauge(
    name: string,
    options?: OtelMetricOptions,
  ): { record(value: number, attributes?: Attributes): void };
  createHistogram(
    name: string,
    options?: OtelMetricOptions,
  ): { record(value: number, attributes?: Attributes): void };
  createObservableCounter(name: string, options?: OtelMetricOptions): OtelObservable;
  createObservableUpDownCounter(name: string, options?: OtelMetricOptions): OtelObservable;
  createObservableGauge(name: string, options?: OtelMetricOptions): OtelObservable;
  addBatchObservableCallback(callback: OtelBatchCallback, observables: OtelObservable[]): void;
  removeBatchObservableCallback(callback: OtelBatchCallback, observables: OtelObservable[]): void;
}

export interface OtelMeterProvider {
  getMeter(name: string, version?: string, options?: { readonly schemaUrl?: string }): OtelMeter;
}

export interface MeterProviderOptions {
  /** Series of one instrument at most. Default 2000. */
  readonly maxSeries?: number;
}

export function createMeterProvider({
  maxSeries = 2000,
}: MeterProviderOptions = {}): OtelMeterProvider & MetricSource {
  const instruments = new Map<string, Measured>();
  const batches = new Set<OtelBatchCallback>();

  /** Two meters that ask for one name get one instrument. */
  function measured(kind: InstrumentKind, name: string, options: OtelMetricOptions = {}): Measured {
    const key = `${kind} ${name}`;
    let found = instruments.get(key);
    if (found === undefined) {
      found = new Measured(kind, name, options, maxSeries);
      instruments.set(key, found);
    }
    return found;
  }

  const adding = (instrument: Measured) => ({
    add: (value: number, attributes?: Attributes) => instrument.add(value, attributes),
  });

  const meter: OtelMeter = {
    createCounter(name, options) {
      const instrument = measured("counter", name, options);
      return {
        add: (value, attributes) => {
          if (value >= 0) instrument.add(value, attributes);
        },
      };
    },
    createUpDownCounter: (name, options) => adding(measured("gauge", name, options)),
    createGauge(name, options) {
      const instrument = measured("gauge", name, options);
      return { record: (value, attributes) => instrument.set(value, attributes) };
    },
    createHistogram(name, options) {
      const instrument = measured("histogram", name, options);
      return { record: (value, attributes) => instrument.record(value, attributes) };
    },
    createObservableCounter: (name, options) => measured("counter", name, options),
    createObservableUpDownCounter: (name, options) => measured("gauge", name, options),
    createObservableGauge: (name, options) => measured("gauge", name, options),
    addBatchObservableCallback: (callback) => void batches.add(callback),
    removeBatchObservableCallback: (callback) => void batches.delete(callback),
  };

  return {
    getMeter: () => meter,
    async collect() {
      const batch: OtelBatchResult = {
        observe(observable, value, attributes) {
          if (observable instanceof Measured) observable.set(value, attributes);
        },
      };
      for (const callback of batches) await callback(batch);
      for (const instrument of instruments.values()) await instrument.observe();
      return [...instruments.values()]
        .map((instrument) => instrument.read())
        .filter(({ points }) => points.length > 0);
    },
  };
}

/** One instrument of the API with its series, by their attributes. */
class Measured implements OtelObservable {
  readonly #kind: InstrumentKind;
  readonly #name: string;
  readonly #options: OtelMetricOptions;
  readonly #maxSeries: number;
  readonly #numbers = new Map<string, { attributes: Attributes; value: number }>();
  readonly #histograms = new Map<string, { attributes: Attributes; histogram: Histogram }>();
  readonly #callbacks = new Set<OtelCallback>();
  readonly #buckets;

  constructor(kind: InstrumentKind, name: string, options: OtelMetricOptions, maxSeries: number) {
    this.#kind = kind;
    this.#name = name;
    this.#options = options;
    this.#maxSeries = maxSeries;
    this.#buckets = classicBuckets([...(options.advice?.explicitBucketBoundaries ?? DEFAULT_BOUNDS)]);
  }

  addCallback(callback: OtelCallback): void {
    this.#callbacks.add(callback);
  }

  removeCallback(callback: OtelCallback): void {
    this.#callbacks.delete(callback);
  }

  async observe(): Promise<void> {
    const result: OtelResult = { observe: (value, attributes) => this.set(value, attributes) };
    for (const callback of this.#callbacks) await callback(result);
  }

  add(value: number, attributes?: Attributes): void {
    if (Number.isFinite(value)) this.#number(attributes).value += value;
  }

  set(value: number, attributes?: Attributes): void {
    if (Number.isFinite(value)) this.#number(attributes).value = value;
  }

  record(value: number, attributes: Attributes = {}): void {
    const key = keyOfAttributes(attributes);
    let found = this.#histograms.get(key);
    if (found === undefined) {
      if (this.#histograms.size >= this.#maxSeries && attributes !== OVERFLOW)
        return this.record(value, OVERFLOW);
      found = { attributes, histogram: new Histogram([], this.#buckets) };
      this.#histograms.set(key, found);
    }
    found.histogram.record(value);
  }

  read(): MetricFamily {
    const series: { attributes: Attributes; value: MetricFamily["points"][number]["value"] }[] = [
      ...this.#numbers.values(),
      ...[...this.#histograms.values()].map(({ attributes, histogram }) => ({
        attributes,
        value: histogram.read(),
      })),
    ];
    const labels = [...new Set(series.flatMap(({ attributes }) => Object.keys(attributes)))];
    const { description = "", unit = "" } = this.#options;
    const instrument: Instrument = { name: this.#name, kind: this.#kind, unit, labels, help: description };
    return {
      instrument,
      points: series.map(({ attributes, value }) => ({
        labels: labels.map((label) => textOf(attributes[label])),
        value,
      })),
    };
  }

  #number(attributes: Attributes = {}): { value: number } {
    const key = keyOfAttributes(attributes);
    let found = this.#numbers.get(key);
    if (found === undefined) {
      if (this.#numbers.size >= this.#maxSeries && attributes !== OVERFLOW) return this.#number(OVERFLOW);
      found = { attributes, value: 0 };
      this.#numbers.set(key, found);
    }
    return found;
  }
}

/** The API's own word for what was folded. */
const OVERFLOW: Attributes = { "otel.metric.overflow": "true" };

/** Those of OpenTelemetry's SDKs, for instruments that say nothing. */
const DEFAULT_BOUNDS = [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10_000];

function keyOfAttributes(attributes: Attributes): string {
  const names = Object.keys(attributes);
  if (names.length > 1) names.sort();
  return keyOf(names.flatMap((name) => [name, textOf(attributes[name])]));
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}
