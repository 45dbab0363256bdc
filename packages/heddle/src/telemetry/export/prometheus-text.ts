/**
 * Prometheus' text, in both of its forms: 0.0.4, which every tool reads, and OpenMetrics 1.0, which has units and
 * examples. Formats: https://prometheus.io/docs/instrumenting/exposition_formats/ and
 * https://prometheus.io/docs/specs/om/open_metrics_spec/.
 */
import type { Exemplar, HistogramValue, MetricSnapshot } from "../snapshot.ts";
import { type PrometheusFamily, toPrometheus } from "./prometheus-family.ts";

export type TextForm = "0.0.4" | "openmetrics";

export function writePrometheusText(snapshot: MetricSnapshot, form: TextForm): string {
  const writer = new Writer(form, snapshot.epochMs);
  for (const family of toPrometheus(snapshot)) writer.family(family);
  return writer.end();
}

class Writer {
  readonly #isOpenMetrics: boolean;
  readonly #epochMs: number;
  #text = "";

  constructor(form: TextForm, epochMs: number) {
    this.#isOpenMetrics = form === "openmetrics";
    this.#epochMs = epochMs;
  }

  family({ name, kind, help, unit, series }: PrometheusFamily): void {
    // In the older form the name of a counter is that of its one line.
    const shown = kind === "counter" && !this.#isOpenMetrics ? `${name}_total` : name;
    this.#text += `# HELP ${shown} ${this.#isOpenMetrics ? escapeValue(help) : escapeHelp(help)}\n`;
    this.#text += `# TYPE ${shown} ${kind}\n`;
    if (this.#isOpenMetrics && unit !== "") this.#text += `# UNIT ${shown} ${unit}\n`;
    for (const { labels, value } of series) {
      const written = writeLabels(labels);
      if (typeof value !== "number") this.#histogram(name, written, value);
      else this.#line(kind === "counter" ? `${name}_total` : name, written, value);
    }
  }

  end(): string {
    if (this.#isOpenMetrics) this.#text += "# EOF\n";
    return this.#text;
  }

  #line(name: string, labels: string, value: number, exemplar = ""): void {
    this.#text += `${name}${labels === "" ? "" : `{${labels}}`} ${writeNumber(value)}${exemplar}\n`;
  }

  #histogram(
    name: string,
    labels: string,
    { count, sum, bounds, bucketCounts, exemplars }: HistogramValue,
  ): void {
    const before = labels === "" ? "" : `${labels},`;
    let below = 0;
    for (let i = 0; i <= bounds.length; i++) {
      below += bucketCounts[i] ?? 0;
      const bound = bounds[i];
      const edge = bound === undefined ? "+Inf" : this.#isOpenMetrics ? canonical(bound) : writeNumber(bound);
      const exemplar = this.#isOpenMetrics ? this.#exemplar(exemplars?.[i]) : "";
      this.#line(`${name}_bucket`, `${before}le="${edge}"`, below, exemplar);
    }
    this.#line(`${name}_sum`, labels, sum);
    this.#line(`${name}_count`, labels, count);
  }

  #exemplar(exemplar: Exemplar | undefined): string {
    if (exemplar === undefined) return "";
    const { traceId, spanId, value, atMs } = exemplar;
    const span = spanId === undefined ? "" : `,span_id="${escapeValue(spanId)}"`;
    const at = ((this.#epochMs + atMs) / 1000).toFixed(3);
    return ` # {trace_id="${escapeValue(traceId)}"${span}} ${writeNumber(value)} ${at}`;
  }
}

function writeLabels(labels: readonly string[]): string {
  let text = "";
  for (let i = 0; i < labels.length; i += 2)
    text += `${i === 0 ? "" : ","}${labels[i]}="${escapeValue(labels[i + 1] as string)}"`;
  return text;
}

function escapeValue(text: string): string {
  return /[\\"\n]/.test(text)
    ? text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")
    : text;
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function writeNumber(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return String(value);
}

/** OpenMetrics wants one way to write a bound: `1.0`, `1e+06`. */
function canonical(bound: number): string {
  const size = Math.abs(bound);
  if (size !== 0 && (size >= 1e6 || size < 1e-4))
    return bound.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  return Number.isInteger(bound) ? `${bound}.0` : String(bound);
}
