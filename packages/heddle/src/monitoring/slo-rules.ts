/**
 * Rules of an objective: how fast its error budget burns, over seven windows, and alerts as Google's SRE workbook has them
 * (https://sre.google/workbook/alerting-on-slos/, "multiwindow, multi-burn-rate alerts"). Somebody is woken when
 * two per cent of the budget are gone within an hour or five within six; a ticket is opened when ten are gone within a day or
 * three. The short window beside each says that it still burns, so an alert ends soon after its cause.
 *
 * Where nobody calls there is no share of bad calls, and no alert: `> 0` below leaves such times out.
 */
import { instruments } from "../telemetry/instruments.ts";
import { labelOf, literally, quoted, seriesOf, timeText } from "./promql.ts";
import type { AlertingRule, RecordingRule, RuleGroup, RuleTiming } from "./rule-group.ts";
import { SERVER_FAULTS, type Slo } from "./slo.ts";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Seconds, by the name that recording rules have for them. */
const WINDOWS = {
  "5m": 5 * MINUTE,
  "30m": 30 * MINUTE,
  "1h": HOUR,
  "2h": 2 * HOUR,
  "6h": 6 * HOUR,
  "1d": DAY,
  "3d": 3 * DAY,
} as const;

type Window = keyof typeof WINDOWS;

interface Burn {
  readonly severity: "page" | "ticket";
  readonly long: Window;
  readonly short: Window;
  /** Of the whole budget, what is gone within the long window. */
  readonly budgetShare: number;
}

/** Table 5-8 of the workbook, with its third row in both of the windows that it names. */
const BURNS: readonly Burn[] = [
  { severity: "page", long: "1h", short: "5m", budgetShare: 0.02 },
  { severity: "page", long: "6h", short: "30m", budgetShare: 0.05 },
  { severity: "ticket", long: "1d", short: "2h", budgetShare: 0.1 },
  { severity: "ticket", long: "3d", short: "6h", budgetShare: 0.1 },
];

export const sloSeries = {
  objective: "slo:objective:ratio",
  calls: "slo:calls:rate5m",
  badCalls: "slo:calls_bad:rate5m",
  burnRate: "slo:burn_rate:ratio",
  budgetLeft: "slo:budget_left:ratio",
  errorRatio: (window: Window) => `slo:sli_error:ratio_rate${window}`,
} as const;

/** One group for each of the indicators of the objective: their rules are evaluated in order. */
export function sloRules(slo: Slo, timing: RuleTiming): readonly RuleGroup[] {
  return indicatorsOf(slo).map((indicator) => ({
    name: `slo-${indicator.name}`,
    interval: timeText(30 * timing.timeScale),
    rules: [...recordingRulesOf(slo, indicator, timing), ...alertsOf(slo, indicator)],
  }));
}

interface Indicator {
  /** The value of the label `slo`. */
  readonly name: string;
  /** Share of the calls that is to be good. */
  readonly objective: number;
  readonly promise: string;
  /** Calls per second that count, and those of them that are bad. */
  readonly calls: (window: string) => string;
  readonly badCalls: (window: string) => string;
}

function indicatorsOf(slo: Slo): Indicator[] {
  const { name, objective, measuredAt = "server", badCodes = SERVER_FAULTS } = slo;
  const measured = measuredAt === "server" ? instruments.serverCallDuration : instruments.clientCallDuration;
  const code = labelOf(measured, "rpc.status_code");
  const chosen = selectorOf(slo);
  const rate = (part: "count" | "bucket", filters: readonly string[], window: string) =>
    `sum(rate(${seriesOf(measured, part)}{${[...chosen, ...filters].join(", ")}}[${window}]))`;
  const indicators: Indicator[] = [];

  const { availability, latency } = objective;
  if (availability !== undefined) {
    const calls = (window: string) => rate("count", [], window);
    const bad = `${code}=~${quoted(badCodes.join("|"))}`;
    indicators.push({
      name: `${name}-availability`,
      objective: exactly(availability),
      promise: `${availability} % of the calls do not fail`,
      calls,
      badCalls: (window) => `(${rate("count", [bad], window)} or 0 * ${calls(window)})`,
    });
  }
  if (latency !== undefined) {
    // A failure is the business of availability: a fast one is not good, and a slow one would count twice.
    const ok = `${code}="OK"`;
    const calls = (window: string) => rate("count", [ok], window);
    const inTime = (window: string) => rate("bucket", [ok, boundFilter(latency.belowMs / 1000)], window);
    indicators.push({
      name: `${name}-latency`,
      objective: exactly(latency.percent),
      promise: `${latency.percent} % of the answers come within ${latency.belowMs} ms`,
      calls,
      badCalls: (window) => `(${calls(window)} - ${inTime(window)})`,
    });
  }
  return indicators;
}

function selectorOf({ service, method }: Slo): string[] {
  const label = labelOf(instruments.serverCallDuration, "rpc.method");
  const isWhole = method?.includes("/") === false;
  return [
    ...(service === undefined ? [] : [`service=${quoted(service)}`]),
    ...(method === undefined
      ? []
      : [isWhole ? `${label}=~${quoted(`${literally(method)}/.*`)}` : `${label}=${quoted(method)}`]),
  ];
}

/** A whole bound is written with and without its fraction, by the form in which it was scraped. */
function boundFilter(seconds: number): string {
  return Number.isInteger(seconds) ? `le=~"${seconds}([.]0)?"` : `le="${seconds}"`;
}

function recordingRulesOf(slo: Slo, indicator: Indicator, { timeScale }: RuleTiming): RecordingRule[] {
  const labels = labelsOf(slo, indicator);
  const mine = `{slo=${quoted(indicator.name)}}`;
  const shortest = timeText(WINDOWS["5m"] * timeScale);
  const period = timeText((slo.windowDays ?? 30) * DAY * timeScale);
  const budget = exactly(100 - indicator.objective * 100);
  return [
    { record: sloSeries.objective, expr: `vector(${indicator.objective})`, labels },
    { record: sloSeries.calls, expr: indicator.calls(shortest), labels },
    { record: sloSeries.badCalls, expr: indicator.badCalls(shortest), labels },
    ...Object.entries(WINDOWS).map(([name, seconds]): RecordingRule => {
      const window = timeText(seconds * timeScale);
      return {
        record: sloSeries.errorRatio(name as Window),
        expr: `${indicator.badCalls(window)} / (${indicator.calls(window)} > 0)`,
        labels,
      };
    }),
    { record: sloSeries.burnRate, expr: `${sloSeries.errorRatio("1h")}${mine} / ${budget}`, labels },
    {
      // From what was recorded: a rate over so many days of every bucket would be too much to ask for.
      record: sloSeries.budgetLeft,
      expr:
        `1 - (sum_over_time(${sloSeries.badCalls}${mine}[${period}]) / ` +
        `(sum_over_time(${sloSeries.calls}${mine}[${period}]) > 0)) / ${budget}`,
      labels,
    },
  ];
}

function alertsOf(slo: Slo, indicator: Indicator): AlertingRule[] {
  const budget = exactly(100 - indicator.objective * 100);
  const mine = `{slo=${quoted(indicator.name)}}`;
  const windowDays = slo.windowDays ?? 30;
  return (["page", "ticket"] as const).map((severity) => {
    const burns = BURNS.filter((burn) => burn.severity === severity);
    return {
      alert: severity === "page" ? "HeddleErrorBudgetBurnsFast" : "HeddleErrorBudgetBurns",
      expr: burns
        .map(({ long, short, budgetShare }) => {
          const limit = `${round((budgetShare * windowDays * DAY) / WINDOWS[long])} * ${budget}`;
          return (
            `(${sloSeries.errorRatio(long)}${mine} > ${limit}` +
            ` and ${sloSeries.errorRatio(short)}${mine} > ${limit})`
          );
        })
        .join(" or "),
      labels: { ...labelsOf(slo, indicator), ...slo.labels, severity },
      annotations: {
        summary: `${indicator.name}: the error budget burns${severity === "page" ? " fast" : ""}`,
        description:
          `Promised over ${windowDays} days: ${indicator.promise}. At present {{ $value | humanizePercentage }} are bad; ` +
          `with ${round(budget * 100)} % the budget would just last.`,
      },
    };
  });
}

function labelsOf({ service }: Slo, { name }: Indicator): Record<string, string> {
  return { slo: name, ...(service === undefined ? {} : { service }) };
}

/** Percent as a share, without the noise of binary fractions. */
function exactly(percent: number): number {
  return Number((percent / 100).toFixed(8));
}

function round(value: number): number {
  return Number(value.toFixed(4));
}
