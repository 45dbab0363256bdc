/** A run against real processes as people read it: on the terminal, and as its section of RESULTS.md. */
import { percentile } from "../../discovery/percentile.ts";
import { circumstancesTable, type RunCircumstances } from "../../harness/report.ts";
import { alignedText, grouped, markdownTable, type Table } from "../../harness/table.ts";
import type { Verdict } from "../verdicts.ts";
import { type ContestantName, contestantNames } from "./contestants.ts";
import { capacityPerSecond, fleet, type RealRun, timeoutMs } from "./suite.ts";

export interface RealFigures {
  readonly contestant: ContestantName;
  readonly calls: number;
  readonly failed: number;
  readonly firstFailure: string | undefined;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** p99 of each round. */
  readonly roundsP99Ms: readonly number[];
  readonly slowShare: number;
  readonly lateMs: number;
}

export interface RealResult extends RunCircumstances {
  readonly suite: "balance-real";
  readonly rows: readonly RealFigures[];
  /** `grpc-js round_robin/heddle default@p99` and so on. */
  readonly ratios: Readonly<Record<string, number>>;
  readonly verdicts: readonly Verdict[];
}

export function toRealResult(circumstances: RunCircumstances, runs: readonly RealRun[]): RealResult {
  const rows = contestantNames.map((contestant) => toFigures(contestant, runs));
  const ratios: Record<string, number> = {};
  const [own] = rows;
  for (const row of rows.slice(1)) {
    if (own === undefined) break;
    ratios[`${row.contestant}/${own.contestant}@p99`] = Number((row.p99Ms / own.p99Ms).toFixed(3));
    ratios[`${row.contestant}/${own.contestant}@p99.9`] = Number((row.p999Ms / own.p999Ms).toFixed(3));
  }
  return { suite: "balance-real", ...circumstances, rows, ratios, verdicts: judge(ratios) };
}

/** Over all rounds: a quantile of all calls, not a mean of quantiles. */
function toFigures(contestant: ContestantName, runs: readonly RealRun[]): RealFigures {
  const own = runs.filter((run) => run.contestant === contestant);
  const timesMs = own.flatMap((run) => run.timesMs);
  return {
    contestant,
    calls: timesMs.length,
    failed: own.reduce((sum, run) => sum + run.failed, 0),
    firstFailure: own.find((run) => run.firstFailure !== undefined)?.firstFailure,
    p50Ms: percentile(timesMs, 50),
    p90Ms: percentile(timesMs, 90),
    p99Ms: percentile(timesMs, 99),
    p999Ms: percentile(timesMs, 99.9),
    roundsP99Ms: own.map((run) => percentile(run.timesMs, 99)),
    slowShare: own.reduce((sum, run) => sum + run.slowShare, 0) / own.length,
    lateMs: Math.max(...own.map((run) => run.lateMs)),
  };
}

function judge(ratios: Readonly<Record<string, number>>): Verdict[] {
  const least = (peer: ContestantName, ratio: number): Verdict => {
    const found = ratios[`${peer}/heddle default@p99`] ?? Number.NaN;
    return {
      name: `p99 of ${peer} is at least ${ratio} times that of the default`,
      holds: found >= ratio,
      found: `${found} times`,
    };
  };
  return [least("heddle round_robin", 2), least("grpc-js round_robin", 1), least("nginx least_conn", 1)];
}

export function toText({ rows, verdicts }: RealResult): string {
  const lines = verdicts.map(({ name, holds, found }) => `${holds ? "yes" : "NO "}  ${name}: ${found}`);
  const failures = rows.flatMap(({ contestant, firstFailure }) =>
    firstFailure === undefined ? [] : [`${contestant}: ${firstFailure}`],
  );
  return [alignedText(toTable(rows)), lines.join("\n"), failures.join("\n")].filter(Boolean).join("\n\n");
}

export function toMarkdown(result: RealResult): string {
  const { rows, verdicts } = result;
  const { instances, slow, slowdown, slots, meanMs, load, callers } = fleet;
  return `## balance-real: real processes, two of ten slow

${circumstancesTable(result)}

${instances} instances, each a process with ${slots} places for calls that take ${meanMs} ms on average (exponential, by the clock and not by computing),
${slow} of them ${slowdown} times as long; the rest wait in line. ${callers} callers send ${grouped(Math.round(capacityPerSecond() * load))} calls a second together, ${100 * load} % of what the fleet can do,
at times drawn beforehand, and latency counts from these. A call that fails counts as its deadline, ${timeoutMs} ms. Contestants
take turns within each round, with new callers and the same arrivals. All calls go to the same servers (Heddle's, without
admission) as gRPC; nginx is the proxy of three Heddle clients. Quantiles are of the calls of all rounds together; the range is that of
the rounds' p99.

${markdownTable(toTable(rows))}

${markdownTable([["holds", "what", "found"], ...verdicts.map(({ name, holds, found }) => [holds ? "yes" : "**no**", name, found])])}
`;
}

function toTable(rows: readonly RealFigures[]): Table {
  return [
    [
      "who chooses",
      "calls",
      "p50 ms",
      "p90 ms",
      "p99 ms",
      "rounds",
      "p99.9 ms",
      "failed",
      "to slow ones",
      "generator late ms",
    ],
    ...rows.map((row) => [
      row.contestant,
      grouped(row.calls),
      row.p50Ms.toFixed(0),
      row.p90Ms.toFixed(0),
      row.p99Ms.toFixed(0),
      `${Math.min(...row.roundsP99Ms).toFixed(0)}–${Math.max(...row.roundsP99Ms).toFixed(0)}`,
      row.p999Ms.toFixed(0),
      grouped(row.failed),
      `${(100 * row.slowShare).toFixed(1)} %`,
      row.lateMs.toFixed(1),
    ]),
  ];
}
