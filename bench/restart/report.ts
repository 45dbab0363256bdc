/** A run of the restart suite as people read it: on the terminal, and as its section of RESULTS.md. */
import { circumstancesTable, type RunCircumstances } from "../harness/report.ts";
import { alignedText, grouped, markdownTable, type Table } from "../harness/table.ts";
import type { RestartRun } from "./suite.ts";

export interface RestartResult extends RunCircumstances {
  readonly suite: "restart";
  readonly run: RestartRun;
  /** `restarting/steady@p99` and others, and `failed`. */
  readonly figures: Readonly<Record<string, number>>;
}

export function toRestartFigures({ steady, restarting }: RestartRun): Record<string, number> {
  return {
    "restarting/steady@p50": Number((restarting.p50Ms / steady.p50Ms).toFixed(3)),
    "restarting/steady@p99": Number((restarting.p99Ms / steady.p99Ms).toFixed(3)),
    "restarting/steady@p99.9": Number((restarting.p999Ms / steady.p999Ms).toFixed(3)),
    failed: restarting.failed,
  };
}

export function toText({ run, figures }: RestartResult): string {
  const said = run.restarting.failures.join("\n");
  return `${alignedText(toTable(run))}\n\n${JSON.stringify(figures)}${said === "" ? "" : `\n${said}`}`;
}

export function toMarkdown(result: RestartResult): string {
  const { run, figures } = result;
  return `## restart: every instance of a fleet, ${run.restarts} times, under load

${circumstancesTable(result)}

${markdownTable(toTable(run))}

${run.instances} instances, each with room for 4 calls at a time of 80 ms each, under ${grouped(run.perSecond)} calls a second, which is 80 % of
what they can do. One after the other is told to stop (SIGTERM) and started again, ${run.kills} of
${run.instances * run.restarts} times killed instead (SIGKILL). While one is away the others work at
${((80 * run.instances) / (run.instances - 1)).toFixed(0)} %. p99 meanwhile is ${figures["restarting/steady@p99"]?.toFixed(2)} times that of the steady state.
`;
}

function toTable({ steady, restarting }: RestartRun): Table {
  const toLine = (name: string, { calls, failed, p50Ms, p99Ms, p999Ms }: typeof steady) => [
    name,
    grouped(calls),
    grouped(failed),
    ...[p50Ms, p99Ms, p999Ms].map((ms) => ms.toFixed(1)),
  ];
  return [
    ["", "calls", "failed", "p50 ms", "p99 ms", "p99.9 ms"],
    toLine("steady", steady),
    toLine("restarting", restarting),
  ];
}
