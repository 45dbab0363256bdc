/** What `heddle contract check --live` prints: change by change, whom it breaks, or how much was looked at to say nobody. */
import type { LiveBreak, LiveCaller } from "../contract/compatibility/live-breaks.ts";
import { oneLine } from "../call/one-line.ts";
import { describe, placeText } from "./contract-words.ts";
import type { KnownContracts } from "./ask-control-planes.ts";

export interface Shown {
  readonly days: number;
  readonly known: KnownContracts;
}

export function printBreaks(
  found: readonly LiveBreak[],
  find: (file: string) => string | undefined,
  { days, known }: Shown,
): void {
  for (const { change, state, callers, looked, unknown, instances } of found) {
    const lines = [`${placeText(change, find)}: ${change.what}`];
    switch (state) {
      case "breaks":
        lines.push(
          ...callers.map(
            (caller) =>
              `${deed(change.rules[0] ?? "")} ${change.name} breaks ${callerText(caller, days, change.noticed === "rest")}`,
          ),
        );
        break;
      case "unused":
        lines.push(
          `no live ${isField(change.touched.kind) ? "reader" : "caller"}: ${lookedText(looked, days, known)}`,
        );
        break;
      case "unknown":
        lines.push("nobody is known to use it, but not all have said what they use");
        break;
      case "harmless":
        lines.push("no running program notices; programs that are built anew do");
    }
    lines.push(...unknown.map((reason) => `unknown: ${reason}`));
    lines.push(`answered by ${instances.join(", ")}`);
    // Names of a contract are what those who published it wrote there.
    const shown = lines.map(oneLine).map((line, i) => (i === 0 ? line : `  ${line}`));
    process.stdout.write(`${shown.join("\n")}\n`);
  }
  if (found.length === 0) process.stdout.write("no breaking changes against what is deployed\n");
}

export function printBreaksJson(
  found: readonly LiveBreak[],
  find: (file: string) => string | undefined,
  {
    days,
    silent,
    notes,
    known,
  }: Shown & { readonly silent: readonly string[]; readonly notes: readonly string[] },
): void {
  const changes = found.map(({ change, ...rest }) => ({ ...describe(change, find), ...rest }));
  const { today, since } = known;
  process.stdout.write(`${JSON.stringify({ version: 1, today, since, days, changes, silent, notes })}\n`);
}

export function summary(changes: number, breaking: number, unknown: number, deployed: number): string {
  if (deployed === 0) return "nothing that is deployed answers this contract, as far as it is known";
  const parts = [
    `${changes} breaking ${changes === 1 ? "change" : "changes"}`,
    `${breaking} of them for live callers`,
  ];
  return unknown === 0 ? parts.join(", ") : `${parts.join(", ")}, ${unknown} not known`;
}

function deed(rule: string): string {
  return rule.includes("NO_DELETE") ? "removing" : "changing";
}

/** "billing (read about 12 k times today, 84 k in 7 days, in answers of …)" */
function callerText(
  { caller, how, method, today, total, about }: LiveCaller,
  days: number,
  byRest: boolean,
): string {
  const verb = { calls: "called", reads: "read", sets: "set" }[how];
  const where = {
    calls: byRest ? ", over plain HTTP" : "",
    reads: `, in answers of ${method}`,
    sets: `, in requests of ${method}`,
  }[how];
  const count = (n: number) => `${about && n > 0 ? "about " : ""}${countText(n)}`;
  const all = days === 1 || total === today ? "" : `, ${count(total)} in ${days} days`;
  return `${caller} (${verb} ${count(today)} ${today === 1 ? "time" : "times"} today${all}${where})`;
}

function lookedText(
  { calls, sampledCalls }: LiveBreak["looked"],
  days: number,
  { since, today }: KnownContracts,
): string {
  if (calls === 0)
    return `nobody has called a method that has it ${days === 1 || since === today ? "today" : `in ${days} days`}${since === "" ? "" : `, and it is watched since ${since}`}`;
  // With none in n, the share is below 3/n in 95 of 100 cases.
  const bound =
    sampledCalls >= 30 && sampledCalls < calls
      ? ` (less than 1 in ${countText(Math.floor(sampledCalls / 3))}, with 95 %)`
      : "";
  const part =
    sampledCalls < calls
      ? `${countText(sampledCalls)} that were looked at, of ${countText(calls)}`
      : countText(calls);
  return `in none of ${part} calls since ${since}${bound}`;
}

/** 12 345 → 12 k, which is as exact as it is. */
function countText(count: number): string {
  if (count < 10_000) return String(count);
  if (count < 1_000_000) return `${Math.round(count / 1_000)} k`;
  return `${(count / 1_000_000).toFixed(1)} M`;
}

function isField(kind: string): boolean {
  return kind === "field" || kind === "message" || kind === "enum";
}
