/** The results as people read them: a table and ratios, as aligned text or as a Markdown page. */
import type { Machine } from "../machine.ts";
import type { Row } from "./suite.ts";

export interface RpcResult {
  readonly suite: "rpc";
  /** Version of Node. */
  readonly node: string;
  /** When the run began, ISO 8601. */
  readonly date: string;
  readonly command: string;
  readonly machine: Machine;
  readonly rows: readonly Row[];
  readonly ratios: Readonly<Record<string, number>>;
}

const columns = ["peer", "in flight", "calls/s", "p50 µs", "p99 µs", "CPU s/1000", "client", "server"];

export function toText({ rows, ratios }: RpcResult): string {
  return [...alignText([columns, ...rows.map(toCells)]), "", ...alignText(toRatioTable(ratios))].join("\n");
}

export function toMarkdown(result: RpcResult): string {
  const { machine, rows, ratios } = result;
  const date = result.date.slice(0, 10);
  return `# Results of the last full run

| | |
|---|---|
| date | ${date} |
| machine | ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.os} |
| load average at the start | ${machine.loadAtStart} |
| Node | ${result.node} |
| command | \`${result.command}\` |

Client and server share these cores. Read the ratios rather than the calls per second: both sides of a
ratio come from the same run on the same machine. \`README.md\` says what is measured and what differs
between the peers.

## Unary calls

${markdownTable([columns, ...rows.map(toCells)])}

CPU s/1000: seconds of processor time per 1 000 calls, client and server together, then each.

## Ratios, calls/s over calls/s

${markdownTable(toRatioTable(ratios))}
`;
}

function toCells(row: Row): string[] {
  return [
    row.peer,
    String(row.inflight),
    Math.round(row.callsPerSecond).toLocaleString("en"),
    row.p50Us.toFixed(0),
    row.p99Us.toFixed(0),
    row.cpuSecondsPer1000Calls.toFixed(4),
    row.clientCpuSecondsPer1000Calls.toFixed(4),
    row.serverCpuSecondsPer1000Calls.toFixed(4),
  ];
}

/** One line per pair of peers, one column per number in flight. */
function toRatioTable(ratios: Readonly<Record<string, number>>): string[][] {
  const lines = new Map<string, Map<string, number>>();
  const levels = new Set<string>();
  for (const [key, value] of Object.entries(ratios)) {
    const [pair = "", level = ""] = key.split("@");
    levels.add(level);
    lines.set(pair, (lines.get(pair) ?? new Map<string, number>()).set(level, value));
  }
  if (lines.size === 0) return [];
  const header = ["ratio", ...[...levels].map((level) => `@${level}`)];
  return [
    header,
    ...[...lines].map(([pair, values]) => [
      pair,
      ...[...levels].map((level) => values.get(level)?.toFixed(2) ?? ""),
    ]),
  ];
}

function alignText(table: readonly string[][]): string[] {
  const widths = (table[0] ?? []).map((_, column) =>
    Math.max(...table.map((line) => line[column]?.length ?? 0)),
  );
  return table.map((line) =>
    line
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
}

function markdownTable([header = [], ...lines]: readonly string[][]): string {
  const toLine = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = `|${header.map((_, column) => (column === 0 ? "---" : "---:")).join("|")}|`;
  return [toLine(header), rule, ...lines.map(toLine)].join("\n");
}
