/**
 * A run as people read it: on the terminal, and as the suite's section of RESULTS.md. A run that is recorded
 * replaces its own section and leaves those of the other suites as they are.
 */
import { readFile, writeFile } from "node:fs/promises";
import type { Machine } from "../machine.ts";
import type { Row } from "./rounds.ts";
import { alignedText, markdownTable, ratioTable, type Table } from "./table.ts";

/** Where, when and how a run was made. */
export interface RunCircumstances {
  /** Version of Node. */
  readonly node: string;
  /** When the run began, ISO 8601. */
  readonly date: string;
  readonly command: string;
  readonly machine: Machine;
}

export interface RunResult extends RunCircumstances {
  readonly suite: string;
  readonly rows: readonly Row[];
  readonly ratios: Readonly<Record<string, number>>;
}

/** How a suite shows its rows. */
export interface Report {
  /** What was measured, as in "unary calls". */
  readonly title: string;
  readonly columns: readonly string[];
  toCells(row: Row): string[];
  /** A level as the heading of a column of ratios. */
  toLevel(level: number): string;
  /** What the columns mean, for the page. */
  readonly legend: string;
}

export function toText(result: RunResult, report: Report): string {
  const { rows, ratios } = toTables(result, report);
  return `${alignedText(rows)}\n\n${alignedText(ratios)}`.trimEnd();
}

export function toMarkdown(result: RunResult, report: Report): string {
  const { rows, ratios } = toTables(result, report);
  return `## ${result.suite}: ${report.title}

${circumstancesTable(result)}

${markdownTable(rows)}

${report.legend}

${markdownTable(ratios)}
`;
}

export function circumstancesTable({ date, machine, node, command }: RunCircumstances): string {
  return `| | |
|---|---|
| date | ${date.slice(0, 10)} |
| machine | ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.os} |
| load average at the start | ${machine.loadAtStart} |
| Node | ${node} |
| command | \`${command}\` |`;
}

function toTables({ rows, ratios }: RunResult, report: Report): { rows: Table; ratios: Table } {
  return {
    rows: [report.columns, ...rows.map((row) => report.toCells(row))],
    ratios: ratioTable(ratios, (level) => report.toLevel(level)),
  };
}

/** Puts a section, which begins with `## suite:`, in the place of the one that the page has, or at its end. */
export function withSection(page: string, section: string): string {
  const suiteOf = (text: string) => /^## ([\w-]+)/.exec(text)?.[1];
  const [head = "", ...sections] = page.split(/^(?=## )/m).map((part) => `${part.trimEnd()}\n`);
  const at = sections.findIndex((other) => suiteOf(other) === suiteOf(section));
  const placed = at === -1 ? [...sections, section] : sections.with(at, section);
  return [head, ...placed]
    .map((part) => part.trimEnd())
    .join("\n\n")
    .concat("\n");
}

/** Records the section in RESULTS.md. */
export async function writeSection(section: string): Promise<void> {
  const path = new URL("../RESULTS.md", import.meta.url);
  await writeFile(path, withSection(await readFile(path, "utf8"), section));
}
