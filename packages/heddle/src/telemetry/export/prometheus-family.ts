/**
 * Metrics under Prometheus' names, as both of its forms write them. The rules are those of OpenTelemetry's compatibility
 * page (https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/): dots become underscores, the
 * unit and `_total` are put behind the name where they are not there already, and facts about the process stand in one
 * series of their own, `target_info`.
 *
 * A scrape in which a name stands twice is refused as a whole. So what several sources call by one name becomes one metric,
 * and where they disagree about its kind, the first one stays.
 */
import type { Instrument, InstrumentKind } from "../instrument.ts";
import type { HistogramValue, MetricSnapshot } from "../snapshot.ts";

export interface PrometheusFamily {
  /** Without `_total`. */
  readonly name: string;
  readonly kind: InstrumentKind;
  readonly help: string;
  /** Empty where the name does not end with it. */
  readonly unit: string;
  readonly series: readonly PrometheusSeries[];
}

export interface PrometheusSeries {
  /** `[name, value, …]`, sorted out: names are allowed and each is there once. */
  readonly labels: readonly string[];
  readonly value: number | HistogramValue;
}

export function toPrometheus({ families, resource }: MetricSnapshot): PrometheusFamily[] {
  const byName = new Map<string, Merging>();
  for (const { instrument, points } of families) {
    const { name, unit } = prometheusName(instrument);
    const names = instrument.labels.map(labelName);
    const known = byName.get(name);
    if (known !== undefined && known.kind !== instrument.kind) continue;
    const family = known ?? {
      name,
      kind: instrument.kind,
      help: instrument.help,
      unit,
      series: [],
      keys: undefined,
    };
    byName.set(name, family);
    if (known !== undefined) known.keys ??= new Set(known.series.map(({ labels }) => JSON.stringify(labels)));
    for (const { labels, value } of points) {
      const written = pairs(names, labels);
      if (family.keys !== undefined) {
        const key = JSON.stringify(written);
        if (family.keys.has(key)) continue;
        family.keys.add(key);
      }
      family.series.push({ labels: written, value });
    }
  }
  const facts = Object.entries(resource);
  const info: PrometheusFamily = {
    name: "target_info",
    kind: "gauge",
    help: "The process that tells.",
    unit: "",
    series: [
      {
        labels: pairs(
          facts.map(([name]) => labelName(name)),
          facts.map(([, value]) => value),
        ),
        value: 1,
      },
    ],
  };
  return [...(byName.has(info.name) || facts.length === 0 ? [] : [info]), ...byName.values()];
}

interface Merging {
  readonly name: string;
  readonly kind: InstrumentKind;
  readonly help: string;
  readonly unit: string;
  readonly series: PrometheusSeries[];
  /** Those that are there, once a second source adds to them. */
  keys: Set<string> | undefined;
}

/** Without `_total`, which is written behind counters. */
export function prometheusName({ name, kind, unit }: Pick<Instrument, "name" | "kind" | "unit">): {
  readonly name: string;
  readonly unit: string;
} {
  let base = name.replace(/[^a-zA-Z0-9_:]+/g, "_").replace(/^(?=\d)/, "_");
  if (kind === "counter") base = base.replace(/_total$/, "");
  const word = unitWord(unit, kind);
  if (word !== "" && !base.endsWith(`_${word}`)) base += `_${word}`;
  return { name: base, unit: word };
}

export function labelName(name: string): string {
  return name.replace(/[^a-zA-Z0-9_]+/g, "_").replace(/^(?=\d)/, "_");
}

function unitWord(unit: string, kind: InstrumentKind): string {
  if (unit === "1") return kind === "gauge" ? "ratio" : "";
  if (unit.startsWith("{")) return "";
  return UNITS[unit] ?? unit.replace(/[^a-zA-Z0-9]+/g, "_").replace(/^_+|_+$/g, "");
}

const UNITS: Readonly<Record<string, string>> = {
  s: "seconds",
  ms: "milliseconds",
  us: "microseconds",
  ns: "nanoseconds",
  min: "minutes",
  h: "hours",
  d: "days",
  By: "bytes",
  KiBy: "kibibytes",
  MiBy: "mebibytes",
  "%": "percent",
  Cel: "celsius",
};

/** A label without a value is one that is not there. Two names that became one are joined, as in OpenTelemetry's rules. */
function pairs(names: readonly string[], values: readonly string[]): string[] {
  const written: string[] = [];
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    const value = values[i] ?? "";
    if (value === "" || name === "") continue;
    const shown = value.length > MOST_CHARACTERS ? `${value.slice(0, MOST_CHARACTERS)}…` : value;
    const at = written.indexOf(name);
    if (at >= 0 && at % 2 === 0) written[at + 1] = `${written[at + 1]};${shown.toWellFormed()}`;
    else written.push(name, shown.toWellFormed());
  }
  return written;
}

/** Of the value of a label. */
const MOST_CHARACTERS = 500;
