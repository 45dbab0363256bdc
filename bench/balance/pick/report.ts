/** What choosing costs as people read it: on the terminal, and as its section of RESULTS.md. */
import { percentile } from "../../discovery/percentile.ts";
import { circumstancesTable, type RunCircumstances } from "../../harness/report.ts";
import { alignedText, markdownTable, type Table } from "../../harness/table.ts";
import type { PickRow } from "./worker.ts";

export interface PickResult extends RunCircumstances {
  readonly suite: "balance-pick";
  readonly rows: readonly PickRow[];
}

export function toText({ rows }: PickResult): string {
  return alignedText(toTable(rows));
}

export function toMarkdown(result: PickResult): string {
  const [first] = result.rows;
  return `## balance: what choosing costs

${circumstancesTable(result)}

${markdownTable(toTable(result.rows))}

Nanoseconds, median of ${first?.pickNs.length} rounds: one pick / all that a call costs in its policy (the pick, its end, the probes that it entails and their
answers).
`;
}

function toTable(rows: readonly PickRow[]): Table {
  const sizes = [...new Set(rows.map(({ instances }) => instances))];
  const policies = [...new Set(rows.map(({ policy }) => policy))];
  const median = (values: readonly number[]) => percentile(values, 50).toFixed(0);
  return [
    ["instances", ...sizes.map(String)],
    ...policies.map((policy) => [
      policy,
      ...sizes.map((size) => {
        const row = rows.find((each) => each.policy === policy && each.instances === size);
        return row === undefined ? "" : `${median(row.pickNs)} / ${median(row.callNs)}`;
      }),
    ]),
  ];
}
