/** A run of the overload suite as people read it: on the terminal, and as its section of RESULTS.md. */
import { circumstancesTable, type RunCircumstances } from "../harness/report.ts";
import { alignedText, grouped, markdownTable, type Table } from "../harness/table.ts";
import { contestants } from "./contestants.ts";
import { type OverloadRow, percent } from "./suite.ts";

export interface OverloadResult extends RunCircumstances {
  readonly suite: "overload";
  readonly rows: readonly OverloadRow[];
  /** `goodput:heddle@3`, `critical:heddle@3`, `work:heddle@3`, `recoveryMs:heddle@3` (absent: did not recover). */
  readonly figures: Readonly<Record<string, number>>;
}

export function toOverloadFigures(rows: readonly OverloadRow[]): Record<string, number> {
  const figures: Record<string, number> = {};
  for (const { contestant, factor, goodput, criticalShare, workPerAnswer, recoveryMs } of rows) {
    const at = `${contestant}@${factor}`;
    figures[`goodput:${at}`] = Number(goodput.toFixed(3));
    figures[`critical:${at}`] = Number(criticalShare.toFixed(4));
    figures[`work:${at}`] = Number(workPerAnswer.toFixed(3));
    if (recoveryMs !== undefined) figures[`recoveryMs:${at}`] = recoveryMs;
  }
  return figures;
}

export function toText({ rows }: OverloadResult): string {
  return alignedText(toTable(rows));
}

export function toMarkdown(result: OverloadResult): string {
  return `## overload: two and three times what a server can do

${circumstancesTable(result)}

${markdownTable(toTable(result.rows))}

One server whose calls take its thread for 4 ms each; callers by the clock, who wait for an answer for a second. Six tenths of
what it can do is critical, all that comes on top is sheddable; afterwards seven tenths of it are wanted. **goodput**: answers in time
during the overload, as a share of what the server can do. **work**: calls that it began for each answer in time. **recovered**:
from the end of the overload until 98 % of the calls are answered, for a second and a half at least.
`;
}

function toTable(rows: readonly OverloadRow[]): Table {
  return [
    ["", "wanted", "capacity", "goodput", "critical", "sheddable", "work", "recovered"],
    ...rows.map((row) => [
      contestants[row.contestant].label,
      `${row.factor} ×`,
      `${grouped(row.capacity)}/s`,
      percent(row.goodput),
      percent(row.criticalShare),
      percent(row.sheddableShare),
      row.workPerAnswer.toFixed(2),
      row.recoveryMs === undefined ? "no" : `${(row.recoveryMs / 1000).toFixed(1)} s`,
    ]),
  ];
}
