/**
 * Where metrics of other libraries come in: whoever has some gives them when it is asked, under its own names.
 */
import type { Instrument, InstrumentKind } from "./instrument.ts";
import type { HistogramValue, MetricFamily, MetricPoint } from "./snapshot.ts";

export interface MetricSource {
  /** What it has now. Asked once for each collection; what throws or takes over two seconds is left out of it. */
  collect(): readonly MetricFamily[] | Promise<readonly MetricFamily[]>;
}

/** What a registry of `@prometheus-io/client` or `prom-client` looks like from here. */
export interface PrometheusRegistry {
  getMetricsAsJSON(): Promise<readonly PrometheusMetric[]>;
}

export interface PrometheusMetric {
  readonly name: string;
  readonly help: string;
  /** `counter`, `gauge`, `histogram` or `summary`; a number in some releases. */
  readonly type: unknown;
  readonly values?: readonly PrometheusValue[];
}

export interface PrometheusValue {
  readonly value: number;
  /** Absent from some values of summaries. */
  readonly labels?: Readonly<Record<string, string | number | undefined>>;
  /** Of histograms and summaries: with `_bucket`, `_sum` or `_count`. */
  readonly metricName?: string;
}

/** Metrics that a program keeps with Prometheus' own library, as a source. */
export function fromPrometheusRegistry(registry: PrometheusRegistry): MetricSource {
  return {
    async collect() {
      const metrics = await registry.getMetricsAsJSON();
      return metrics.flatMap((metric) => familiesOf(metric));
    },
  };
}

function familiesOf({ name, help, type, values = [] }: PrometheusMetric): MetricFamily[] {
  switch (type) {
    case "counter":
    case "gauge":
      return [numbers({ name, help, kind: type }, values)];
    case "histogram":
      return [histograms(name, help, values)];
    default: {
      // A summary has quantiles that were worked out already: numbers, like its sum and count.
      const names = new Set(values.map(({ metricName }) => metricName ?? name));
      return [...names].map((each) =>
        numbers(
          { name: each, help, kind: "gauge" },
          values.filter(({ metricName }) => (metricName ?? name) === each),
        ),
      );
    }
  }
}

function numbers(
  { name, help, kind }: { readonly name: string; readonly help: string; readonly kind: InstrumentKind },
  values: readonly PrometheusValue[],
): MetricFamily {
  const labels = labelsOf(values);
  const instrument: Instrument = { name, kind, unit: "", labels, help };
  return {
    instrument,
    points: values.map(({ value, labels: own = {} }) => ({ labels: valuesOf(labels, own), value })),
  };
}

function histograms(name: string, help: string, values: readonly PrometheusValue[]): MetricFamily {
  const labels = labelsOf(values).filter((label) => label !== "le");
  const found = new Map<
    string,
    { labels: readonly string[]; buckets: [bound: number, below: number][]; sum: number; count: number }
  >();
  for (const { value, labels: own = {}, metricName = name } of values) {
    const key = JSON.stringify(valuesOf(labels, own));
    const series = found.get(key) ?? { labels: valuesOf(labels, own), buckets: [], sum: 0, count: 0 };
    found.set(key, series);
    if (metricName.endsWith("_sum")) series.sum = value;
    else if (metricName.endsWith("_count")) series.count = value;
    else if (own["le"] !== undefined) series.buckets.push([boundOf(own["le"]), value]);
  }
  const points = [...found.values()].map(({ labels: own, buckets, sum, count }): MetricPoint => {
    const finite = buckets.filter(([bound]) => Number.isFinite(bound)).sort(([a], [b]) => a - b);
    const below = [...finite.map(([, each]) => each), count];
    const value: HistogramValue = {
      count,
      sum,
      bounds: finite.map(([bound]) => bound),
      bucketCounts: Float64Array.from(below, (each, i) => each - (i === 0 ? 0 : (below[i - 1] as number))),
    };
    return { labels: own, value };
  });
  return { instrument: { name, kind: "histogram", unit: "", labels, help, bounds: [] }, points };
}

function labelsOf(values: readonly PrometheusValue[]): string[] {
  return [...new Set(values.flatMap(({ labels = {} }) => Object.keys(labels)))];
}

function valuesOf(names: readonly string[], labels: Required<PrometheusValue>["labels"]): string[] {
  return names.map((name) => String(labels[name] ?? ""));
}

function boundOf(le: string | number): number {
  return le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le);
}
