/** What `npm start` prints at the end: a page of plain text, at most 100 columns wide. */
import { styleText } from "node:util";
import type { CallTally } from "../call-tally.ts";
import type { BooksCheck } from "./books.ts";
import type { BurstResult } from "./burst.ts";
import { count, milliseconds, percent, seconds } from "./format.ts";
import { callsCutBy, type Outage } from "./outage.ts";
import type { DemoRegistry } from "./registry.ts";
import { SERVICES } from "./services.ts";

export interface Report {
  readonly registry: Pick<DemoRegistry, "url" | "isOurs">;
  readonly processes: number;
  readonly inFlight: number;
  readonly burst: BurstResult;
  readonly outage: Outage;
  /** Of the customer and of every order instance. */
  readonly tallies: readonly CallTally[];
  readonly books: readonly BooksCheck[];
  /** Name of the instance that is or was at an address. */
  readonly nameAt: (address: string) => string | undefined;
}

/** The run went as it should: no order failed, and the books balance. */
export function isGood({ burst, books }: Report): boolean {
  return burst.failed.length === 0 && books.every(({ differences }) => differences.length === 0);
}

export function formatReport(report: Report): string {
  return [ordersPart(report), callsPart(report), outagePart(report), booksPart(report)]
    .map((lines) => `${lines.join("\n")}\n`)
    .join("\n");
}

function ordersPart({ burst, processes, inFlight, registry }: Report): string[] {
  const { placed, declined, outOfStock, failed, latencies, elapsedMs } = burst;
  const rate = count(Math.round((1000 * latencies.length) / elapsedMs));
  return [
    heading("Orders"),
    `  ${count(latencies.length)} orders in ${seconds(elapsedMs)}: ${rate} a second through ${processes} processes, ${inFlight} in flight`,
    `  found through ${withoutOptions(registry.url)}${registry.isOurs ? ", started for this run" : ""}`,
    "",
    `  ${"placed".padEnd(14)}${count(placed.size).padStart(8)}      PlaceOrder p50 ${milliseconds(quantile(latencies, 0.5))}`,
    `  ${"declined".padEnd(14)}${count(declined).padStart(8)}                 p99 ${milliseconds(quantile(latencies, 0.99))}`,
    `  ${"out of stock".padEnd(14)}${count(outOfStock).padStart(8)}                 max ${milliseconds(quantile(latencies, 1))}`,
    `  ${"failed".padEnd(14)}${verdict(failed.length === 0, count(failed.length).padStart(8))}`,
    ...failed
      .slice(0, 5)
      .map(({ id, error }) => `    ${id}: ${error instanceof Error ? error.message : String(error)}`),
  ];
}

function callsPart({ tallies, outage, nameAt }: Report): string[] {
  const byAddress = new Map<string, { instance: string; address: string; calls: number }>();
  for (const { instance, address, answered } of tallies.flatMap((tally) => tally.instances)) {
    const entry = byAddress.get(address) ?? { instance: nameAt(address) ?? instance, address, calls: 0 };
    byAddress.set(address, { ...entry, calls: entry.calls + answered });
  }
  const rows = SERVICES.flatMap((service) => {
    const own = [...byAddress.values()].filter(({ instance }) => instance.startsWith(`${service}-`));
    const all = own.reduce((total, { calls }) => total + calls, 0);
    own.sort((a, b) =>
      a.instance === b.instance ? (a.address === outage.address ? -1 : 1) : a.instance < b.instance ? -1 : 1,
    );
    return own.map(({ instance, address, calls }) => {
      const note =
        instance !== outage.instance
          ? ""
          : address === outage.address
            ? "   until it was killed"
            : "   since it is back";
      return `  ${instance.padEnd(18)}${count(calls).padStart(10)}${percent(calls, all).padStart(12)}${note}`;
    });
  });
  return [heading(`${"  Instance".padEnd(20)}${"Calls".padStart(10)}${"Share".padStart(12)}`), ...rows];
}

function outagePart({ outage, tallies }: Report): string[] {
  const { instance, killedAtMs, atOrder, droppedAtMs, backAtMs } = outage;
  const { lost, repeated } = callsCutBy(outage, tallies);
  const answered = repeated.filter(({ status }) => status !== "UNAVAILABLE");
  const slowest = Math.max(0, ...repeated.map(({ elapsedMs }) => elapsedMs));
  const given = lost - answered.length;
  const inFlight =
    lost === 0
      ? "no call was in flight on it"
      : `${count(lost)} in flight on it, ${count(answered.length)} answered by another instance within ${milliseconds(slowest)}, ` +
        `${count(given)} failed`;
  return [
    heading("The kill"),
    `  ${at(killedAtMs)}${instance} gets SIGKILL at order ${count(atOrder)}`,
    `  ${at(undefined)}calls: ${inFlight}`,
    droppedAtMs === undefined
      ? `  ${at(undefined)}the registry still has it; it is started again`
      : `  ${at(droppedAtMs)}the registry drops it, ${seconds(droppedAtMs - killedAtMs)} after the kill, and it is started again`,
    `  ${at(backAtMs)}it is back, ${seconds(backAtMs - killedAtMs)} after the kill`,
  ];
}

function booksPart(report: Report): string[] {
  const lines = report.books.flatMap(({ what, text, differences }) => [
    `  ${verdict(differences.length === 0, differences.length === 0 ? "✓" : "✗")} ${what.padEnd(15)}${text}`,
    ...differences.slice(0, 5).map((difference) => `      ${difference}`),
    ...(differences.length > 5 ? [`      and ${count(differences.length - 5)} more`] : []),
  ]);
  const isBalanced = report.books.every(({ differences }) => differences.length === 0);
  return [
    heading("The books"),
    ...lines,
    `  ${verdict(isBalanced, isBalanced ? "books balance" : "books do not balance")}`,
  ];
}

/** A registry's URL for people: options are long, and they and the user may hold secrets. */
export function withoutOptions(url: string): string {
  return url.replace(/\?.*/, "").replace(/\/\/[^/@]*@/, "//");
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

function at(ms: number | undefined): string {
  return ms === undefined ? " ".repeat(10) : seconds(ms).padStart(8).padEnd(10);
}

function heading(text: string): string {
  return styleText("bold", text);
}

function verdict(isGood: boolean, text: string): string {
  return styleText(isGood ? "green" : "red", text);
}
