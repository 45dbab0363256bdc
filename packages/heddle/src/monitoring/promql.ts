/**
 * PromQL over the table of instruments: names of series, labels and times as Prometheus writes them. A query is put together
 * from rows of the table, so that one over a metric or a label that nobody measures does not compile.
 */
import type { Instrument } from "../telemetry/instrument.ts";
import { labelName, prometheusName } from "../telemetry/export/prometheus-family.ts";

/** Of a histogram: one of its three series; of a counter and a gauge there is one only. */
export function seriesOf(instrument: Instrument, part?: "bucket" | "count" | "sum"): string {
  const { name } = prometheusName(instrument);
  if (instrument.kind === "histogram") return `${name}_${part ?? "count"}`;
  return instrument.kind === "counter" ? `${name}_total` : name;
}

/** A label of the instrument, as Prometheus calls it. */
export function labelOf<One extends Instrument>(_instrument: One, label: One["labels"][number]): string {
  return labelName(label);
}

/** A time as Prometheus' configuration has it, in the largest units that divide it: `1h`, `90s`. At least a second. */
export function timeText(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds));
  const [unit, length] = UNITS.find(([, each]) => whole % each === 0) ?? ["s", 1];
  return `${whole / length}${unit}`;
}

const UNITS = [
  ["d", 86_400],
  ["h", 3_600],
  ["m", 60],
  ["s", 1],
] as const;

/** A string of PromQL. */
export function quoted(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}

/** Matches exactly this text where a regular expression (RE2) is asked for. */
export function literally(text: string): string {
  return text.replace(/[\\^$.|?*+()[\]{}]/g, "\\$&");
}
