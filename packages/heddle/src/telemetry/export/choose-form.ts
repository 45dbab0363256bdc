/**
 * In which form a scraper gets metrics, by its `accept` (RFC 9110 §12.5.1). Prometheus lists what it can read with
 * weights: Protobuf first when it takes native histograms, else OpenMetrics first. Whoever says nothing, such as a person
 * with curl, gets the text that every tool reads.
 */
export type ExpositionForm = "protobuf" | "openmetrics" | "text";

export const contentTypes: Readonly<Record<ExpositionForm, string>> = {
  protobuf: "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
  text: "text/plain; version=0.0.4; charset=utf-8",
};

export function chooseForm(accept: string | undefined): ExpositionForm {
  let best: ExpositionForm = "text";
  let bestWeight = 0;
  for (const range of (accept ?? "").slice(0, MOST_CHARACTERS).split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const weight = weightOf(parameters);
    const form = formOf(type, parameters);
    if (form === undefined || !(weight > bestWeight)) continue;
    best = form;
    bestWeight = weight;
  }
  return best;
}

/** What a client sends beyond it is not read. */
const MOST_CHARACTERS = 2000;

function formOf(type: string, parameters: readonly string[]): ExpositionForm | undefined {
  switch (type) {
    case "application/vnd.google.protobuf":
      return parameters.includes("encoding=delimited") &&
        parameters.includes("proto=io.prometheus.client.metricfamily")
        ? "protobuf"
        : undefined;
    case "application/openmetrics-text": {
      const version = parameters.find((each) => each.startsWith("version="));
      return version === undefined || version === "version=1.0.0" || version === "version=0.0.1"
        ? "openmetrics"
        : undefined;
    }
    case "text/plain":
    case "text/*":
    case "*/*":
      return "text";
    default:
      return undefined;
  }
}

function weightOf(parameters: readonly string[]): number {
  const given = parameters.find((each) => each.startsWith("q="));
  if (given === undefined) return 1;
  const weight = Number(given.slice(2));
  return weight >= 0 && weight <= 1 ? weight : 0;
}
