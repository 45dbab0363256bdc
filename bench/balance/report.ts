/** A run of the balance suite as people read it: on the terminal, and as its section of RESULTS.md. */
import { bootstrapMean, pairedDifference } from "heddle/simulate";
import { circumstancesTable, type RunCircumstances } from "../harness/report.ts";
import { alignedText, grouped, markdownTable, type Table } from "../harness/table.ts";
import { loadRamp, nineRules } from "./paper.ts";
import { type Study, type StudyName, studies, studyNames } from "./studies.ts";
import type { Run } from "./suite.ts";
import { meanOf, p90, p99, p999, perSeed, toVerdicts, type Verdict } from "./verdicts.ts";

export interface BalanceResult extends RunCircumstances {
  readonly suite: "balance";
  readonly rows: readonly Run[];
  /** As `toBalanceRatios` has them. */
  readonly ratios: Readonly<Record<string, number>>;
  readonly verdicts: readonly Verdict[];
  /** Steps of the simulation per second of processor time. */
  readonly eventsPerSecond: number;
}

export function toBalanceResult(circumstances: RunCircumstances, rows: readonly Run[]): BalanceResult {
  const total = (value: (run: Run) => number) => rows.reduce((sum, run) => sum + value(run), 0);
  return {
    suite: "balance",
    node: circumstances.node,
    date: circumstances.date,
    command: circumstances.command,
    machine: circumstances.machine,
    rows,
    ratios: toBalanceRatios(rows),
    verdicts: toVerdicts(rows),
    eventsPerSecond: Math.round((1000 * total((run) => run.events)) / total((run) => run.cpuMs)),
  };
}

/**
 * `roundRobin/default@p99`: that policy's p99 over the default's, at 90 % load in the paper's setting. Of the other
 * fleets the cell follows: `peakEwma/default@p99.9:10x10`.
 */
export function toBalanceRatios(rows: readonly Run[]): Record<string, number> {
  const ratios: Record<string, number> = {};
  const add = (study: StudyName, cell: string, suffix: string) => {
    const runs = rows.filter((run) => run.study === study);
    const present = new Set(runs.map((run) => run.policy));
    for (const policy of present) {
      if (policy === "default" || !present.has("default")) continue;
      for (const [name, tail] of [
        ["p99", p99],
        ["p99.9", p999],
      ] as const) {
        const ratio = meanOf(runs, cell, policy, tail) / meanOf(runs, cell, "default", tail);
        ratios[`${policy}/default@${name}${suffix}`] = Number(ratio.toFixed(3));
      }
    }
  };
  if (rows.some((run) => run.study === "nine")) add("nine", "90", "");
  if (rows.some((run) => run.study === "fleets")) {
    for (const cell of Object.keys(studies.fleets.cells)) add("fleets", cell, `:${cell}`);
  }
  return ratios;
}

export function toText(result: BalanceResult): string {
  const sections = toSections(result).map(({ title, table }) => `${title}\n\n${alignedText(table)}`);
  const verdicts = result.verdicts.map(
    ({ name, holds, found }) => `${holds ? "yes" : "NO "}  ${name}\n     ${found}`,
  );
  return [
    ...sections,
    verdicts.join("\n"),
    `${grouped(result.eventsPerSecond)} events per second of processor time`,
  ].join("\n\n");
}

/** A section for each study, so that one may be run and recorded again without the others. */
export function toMarkdown(result: BalanceResult): string[] {
  return studyNames.flatMap((study) => {
    const rows = result.rows.filter((run) => run.study === study);
    if (rows.length === 0) return [];
    const own = toBalanceResult(result, rows);
    const tables = toSections(own).map(({ title, table }) => `### ${title}\n\n${markdownTable(table)}`);
    const verdicts: Table = [
      ["holds", "what", "found"],
      ...own.verdicts.map(({ name, holds, found }) => [holds ? "yes" : "**no**", name, found]),
    ];
    return [
      `## balance-${study}: ${(studies[study] as Study).title}, simulated

${circumstancesTable(result)}

${worldsOf(rows)}; every policy of a cell meets the same ones. Milliseconds: means over the worlds, with the bounds within which
the mean lies with 95 % confidence (bootstrap); differences are taken world by world. A call that fails counts as its
deadline, 5000 ms. ${grouped(own.eventsPerSecond)} events per second of processor time.

${tables.join("\n\n")}
${own.verdicts.length === 0 ? "" : `\n${markdownTable(verdicts)}\n`}`,
    ];
  });
}

function worldsOf(rows: readonly Run[]): string {
  const perCell = new Map<string, Set<number>>();
  for (const { cell, seed } of rows) perCell.set(cell, (perCell.get(cell) ?? new Set()).add(seed));
  const counts = new Set([...perCell.values()].map((seeds) => seeds.size));
  if (counts.size === 1) return `${[...counts][0]} worlds`;
  return `Worlds: ${[...perCell].map(([cell, seeds]) => `${seeds.size} of ${cell}`).join(", ")}`;
}

interface Section {
  readonly title: string;
  readonly table: Table;
}

function toSections({ rows }: BalanceResult): Section[] {
  return Object.entries(studies as Readonly<Record<string, Study>>).flatMap(([name, study]) => {
    const runs = rows.filter((run) => run.study === name);
    if (runs.length === 0) return [];
    if (name === "nine") return [{ title: study.title, table: nineTable(runs, study) }];
    return Object.keys(study.cells).map((cell) => ({
      title: `${study.title}: ${cell}${paperNote(name, cell)}`,
      table: cellTable(runs, cell, study),
    }));
  });
}

function paperNote(study: string, cell: string): string {
  const noted = study === "ramp" ? loadRamp[cell] : undefined;
  return noted === undefined ? "" : ` (paper: weighted round robin ${noted.wrr}; Prequal ${noted.prequal})`;
}

/** Ours beside the paper's. */
function nineTable(runs: readonly Run[], { policies }: Study): Table {
  const columns = (["70", "90"] as const).flatMap((cell) =>
    ([p90, p99] as const).map((tail) => ({ cell, tail })),
  );
  return [
    [
      "rule",
      ...columns.flatMap(({ cell, tail }) => [`${cell} % ${tail === p90 ? "p90" : "p99"}`, "paper"]),
      "90 % p99.9",
      "failed",
    ],
    ...policies.map((policy) => [
      policy,
      ...columns.flatMap(({ cell, tail }, i) => [
        withBounds(perSeed(runs, cell, policy, tail)),
        toTimeout(nineRules[policy]?.[i]),
      ]),
      withBounds(perSeed(runs, "90", policy, p999)),
      failedShare(runs, "90", policy),
    ]),
  ];
}

function cellTable(runs: readonly Run[], cell: string, { policies }: Study): Table {
  const reference = policies.includes("default")
    ? "default"
    : policies.find((policy) => policy === "prequal");
  return [
    [
      "policy",
      "p50",
      "p90",
      "p99",
      "p99.9",
      `p99 over ${reference ?? "-"}`,
      "failed",
      "in flight p99",
      "probes",
      "amplification",
    ],
    ...policies.map((policy) => {
      const own = runs.filter((run) => run.cell === cell && run.policy === policy);
      const mean = (value: (run: Run) => number) =>
        own.reduce((sum, run) => sum + value(run), 0) / own.length;
      return [
        policy,
        ...[0, p90, p99, p999].map((tail) => withBounds(perSeed(runs, cell, policy, tail))),
        reference === undefined || policy === reference ? "" : difference(runs, cell, policy, reference),
        failedShare(runs, cell, policy),
        mean((run) => run.inFlightP99).toFixed(0),
        mean((run) => run.probes).toFixed(2),
        mean((run) => run.workAmplification).toFixed(2),
      ];
    }),
  ];
}

function difference(runs: readonly Run[], cell: string, policy: string, reference: string): string {
  const { mean, low, high } = pairedDifference(
    perSeed(runs, cell, policy, p99),
    perSeed(runs, cell, reference, p99),
  );
  return `${signed(mean)} [${signed(low)}, ${signed(high)}]`;
}

function withBounds(values: readonly number[]): string {
  const { mean, low, high } = bootstrapMean(values);
  return low === high ? toTimeout(mean) : `${digits(mean)} [${digits(low)}, ${digits(high)}]`;
}

function failedShare(runs: readonly Run[], cell: string, policy: string): string {
  const own = runs.filter((run) => run.cell === cell && run.policy === policy);
  const failed = own.reduce((sum, run) => sum + run.failed, 0);
  const calls = own.reduce((sum, run) => sum + run.calls, 0);
  return failed === 0 ? "0" : `${((100 * failed) / calls).toFixed(3)} %`;
}

function toTimeout(value: number | undefined): string {
  if (value === undefined) return "";
  return value >= 4999.5 ? "timeout" : digits(value);
}

function digits(value: number): string {
  return value < 20 ? value.toFixed(1) : value.toFixed(0);
}

function signed(value: number): string {
  return `${value < 0 ? "−" : "+"}${digits(Math.abs(value))}`;
}
