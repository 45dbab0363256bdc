// The parts of documents that are made from code or from measurements. Each stands between two markers,
// `<!-- name -->` and `<!-- /name -->`. `npm run docs:update` writes them; the docs gate compares.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describeKind } from "../packages/heddle/src/policy/field.ts";
import { serviceFields } from "../packages/heddle/src/policy/service-config-fields.ts";
import { clientStack } from "../packages/heddle/src/client/stack.ts";
import { serverStack } from "../packages/heddle/src/server/stack.ts";
import { labelName, prometheusName } from "../packages/heddle/src/telemetry/export/prometheus-family.ts";
import { instruments } from "../packages/heddle/src/telemetry/instruments.ts";
import { DEFAULT_LIMITS } from "../packages/heddle/src/wire/http2/limits.ts";
import { root } from "./workspace.mjs";

const read = (path) => (existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : "");

/** Document → name of the section → what has to stand there. */
export const sections = {
  "README.md": {
    "file examples/greeter/proto/greeter/v1/greeter.proto": () =>
      fence("proto", read("examples/greeter/proto/greeter/v1/greeter.proto")),
    "file examples/greeter/server.ts": () => fence("ts", read("examples/greeter/server.ts")),
    "file examples/greeter/client.ts": () => fence("ts", read("examples/greeter/client.ts")),
    stack: () =>
      `${stackTable("client: what a request meets on its way out", clientStack)}\n\n` +
      stackTable("server: what it meets on its way in", serverStack),
    "bench:rpc": () => renderBench(read("bench/RESULTS.md")),
  },
  "docs/reference/service-config.md": {
    fields: () => renderFields("The config", serviceFields),
  },
  "docs/reference/metrics.md": {
    metrics: () => renderMetrics(instruments),
  },
  "SECURITY.md": {
    limits: () => renderLimits(DEFAULT_LIMITS, read("packages/heddle/src/wire/http2/limits.ts")),
  },
};

/** The text between the markers of a section; undefined when they are not there. */
export function findSection(text, name) {
  const { start, end } = bounds(text, name);
  return start === -1 || end === -1 ? undefined : text.slice(start, end).trim();
}

/** The document with the section's content replaced. */
export function replaceSection(text, name, content) {
  const { start, end } = bounds(text, name);
  if (start === -1 || end === -1) return text;
  return `${text.slice(0, start)}\n${content === "" ? "" : `${content}\n`}${text.slice(end)}`;
}

/** One line a layer, from the arrays that `heddle stack` prints. */
function stackTable(title, layers) {
  const rows = layers.map(({ name, does, order }) => [`\`${name}\``, does, order]);
  return `**${title}**\n\n${table([["layer", "what it does", "where it stands, and why"], ...rows])}`;
}

/** Every row of the table of instruments, with the name that Prometheus shows. */
export function renderMetrics(rows) {
  const shown = Object.values(rows).map((row) => {
    const { name } = prometheusName(row);
    const bounds = row.bounds === undefined ? "" : ` Bounds: ${row.bounds.join(", ")}.`;
    return [
      `\`${name}${row.kind === "counter" ? "_total" : ""}\``,
      `\`${row.name}\``,
      row.kind,
      row.unit === "" ? "" : `\`${row.unit}\``,
      row.labels.map((label) => `\`${labelName(label)}\``).join(", "),
      row.help + bounds,
    ];
  });
  return table([["Prometheus", "OpenTelemetry", "kind", "unit", "labels", "what it says"], ...shown]);
}

/** The defaults of the running code, with what the docstring of each says about it. */
export function renderLimits(defaults, source) {
  const rows = Object.entries(defaults).map(([name, value]) => {
    const doc =
      new RegExp(String.raw`/\*\*((?:(?!\*/)[\s\S])*)\*/\s+readonly ${name}:`).exec(source)?.[1] ?? "";
    const prose = doc.replace(/\s*\n\s*\*?\s*/g, " ").trim();
    // The default stands in a column of its own, taken from the value and not from the words.
    return [`\`${name}\``, describeValue(value), prose.replace(/ ?Default [^.]*\./, "")];
  });
  return table([["limit", "default", "what it bounds, and the attack it answers"], ...rows]);
}

/** A table of fields, and then one for each field that has fields itself. The tables are what the parser goes by. */
export function renderFields(title, fields) {
  const rows = Object.entries(fields).map(([name, { is, does, otherwise, grpc, required }]) => [
    `\`${name}\`${required ? " (needed)" : ""}`,
    describeKind(is),
    does,
    otherwise,
    grpc === undefined ? "" : `\`${grpc}\``,
  ]);
  const own = `### ${title}\n\n${table([["field", "holds", "what it does", "default", "gRPC"], ...rows])}`;
  // Balancers last: they are many, and few people set anything of them.
  const inner = Object.entries(fields)
    .toSorted(([, a], [, b]) => Number(a.is.kind === "choice") - Number(b.is.kind === "choice"))
    .flatMap(([name, { is }]) => fieldsWithin(name, is));
  return [own, ...inner].join("\n\n");
}

function fieldsWithin(name, is) {
  switch (is.kind) {
    case "object":
      return [renderFields(`\`${name}\``, is.fields)];
    case "list":
      return fieldsWithin(`${name}[]`, is.of);
    case "optional":
      return fieldsWithin(name, is.of);
    case "choice":
      return Object.entries(is.of)
        .filter(([, settings]) => Object.keys(settings).length > 0)
        .map(([choice, settings]) => renderFields(`\`${name}: ${choice}\``, settings));
    default:
      return [];
  }
}

function describeValue(value) {
  if (typeof value === "number") return grouped(value);
  return `${grouped(value.burst)} at once, ${grouped(value.perSecond)} a second`;
}

/** The heading and the figures of the last recorded run; nothing at all while there is none. */
export function renderBench(results) {
  const rows = tableRows(results, "peer");
  if (rows.length === 0) return "";
  const fact = (name) => tableRows(results, "").find(([key]) => key === name)?.[1] ?? "unknown";
  const levels = [...new Set(rows.map(([, inflight]) => inflight))];
  const peers = [...new Set(rows.map(([peer]) => peer))];
  const figure = (peer, level) => rows.find(([p, l]) => p === peer && l === level)?.[2] ?? "";
  const figures = peers.map((peer) => [`\`${peer}\``, ...levels.map((level) => figure(peer, level))]);
  const ratios = tableRows(results, "ratio").map(([pair, ...values]) => [`\`${pair}\``, ...values]);
  const ratioHeader = ["calls/s over calls/s", ...levels.map((level) => `at ${level}`)];
  return `## Measured

Unary calls per second of one client process on one server process, medians, by the number of calls in
flight. ${fact("date")}, ${fact("machine")}, Node ${fact("Node").replace(/^v/, "")};
\`${fact("command").replaceAll("`", "")}\` repeats it. [bench/](bench/README.md) says what each peer is and what differs.

${table([["peer", ...levels.map((level) => `${level} in flight`)], ...figures], "---:")}

${table([ratioHeader, ...ratios], "---:")}`;
}

/** The rows of the Markdown table whose first heading is `first`. */
function tableRows(text, first) {
  const lines = text.split("\n");
  const cells = (line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim());
  const at = lines.findIndex((line) => line.startsWith("|") && cells(line)[0] === first);
  if (at === -1) return [];
  const rest = lines.slice(at + 2);
  const end = rest.findIndex((line) => !line.startsWith("|"));
  return (end === -1 ? rest : rest.slice(0, end)).map(cells);
}

function table([header, ...rows], alignment = "---") {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const rule = header.map((_, column) => (column === 0 ? "---" : alignment));
  return [line(header), line(rule), ...rows.map(line)].join("\n");
}

function fence(language, text) {
  return `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``;
}

function grouped(number) {
  return number.toLocaleString("en").replaceAll(",", " ");
}

function bounds(text, name) {
  const opening = `<!-- ${name} -->`;
  const at = text.indexOf(opening);
  if (at === -1) return { start: -1, end: -1 };
  return { start: at + opening.length, end: text.indexOf(`<!-- /${name.split(" ")[0]} -->`, at) };
}
