/** The discovery suite as people read it. */
import { circumstancesTable, type RunCircumstances } from "../harness/report.ts";
import { alignedText, grouped, markdownTable, type Table } from "../harness/table.ts";
import { percentile } from "./percentile.ts";
import type { ContenderFigures, DiscoveryMeasurements, SizeRow } from "./suite.ts";

export interface DiscoveryResult extends RunCircumstances, DiscoveryMeasurements {
  readonly suite: "discovery";
  readonly ratios: Readonly<Record<string, number>>;
}

export function toText(result: DiscoveryResult): string {
  return tablesOf(result).map(alignedText).join("\n\n");
}

export function toMarkdown(result: DiscoveryResult): string {
  const [sizes = [], each = [], pickers = [], ratios = []] = tablesOf(result);
  const { unitCosts } = result;
  const units =
    unitCosts === undefined
      ? ""
      : `
Heddle's registry needs ${unitCosts.heartbeatMicros.toFixed(0)} µs for a heartbeat, of which an instance sends one every third of its lease (at
${grouped(unitCosts.heartbeatsPerSecond)} a second), and ${unitCosts.deliveryMicros.toFixed(1)} µs to tell one of many watchers of a change (500 of one service, ${grouped(unitCosts.deliveriesPerSecond)} a second).
`;
  return `## discovery: registries that grow

${circumstancesTable(result)}

${markdownTable(sizes)}

Instances: in 1 000 services, with 1 000 watchers on 1 000 connections, one for each service. Each change is one of one instance's
labels, stamped with the time, and reaches one watcher. CPU µs: processor time of the registry for a change, without what it
needs when nothing changes; idle and busy: its share of a core without and with the changes. p50, p99: from the change to
its watcher, both ends by Heddle's own clients.

${markdownTable(each)}

${markdownTable(pickers)}

From the registration of an instance to the pickers of 100 channels, each with its own connection to the registry; "last" is the last of the
100; at the smallest size. A picker has an instance when the channel is connected with it, and has it no more when no call can be
given to it.
${units}
${markdownTable(ratios)}

Flat: what a change costs at the largest size, by what it costs at the smallest. Others: by Heddle's figure, so more than 1 means that Heddle
needs less.
`;
}

/** Heddle's figures and those of the others; of each contender the largest size by the smallest. */
export function toRatios({ sizes, contenders }: DiscoveryMeasurements): Record<string, number> {
  const ratios: Record<string, number> = {};
  const names = [...new Set(sizes.map(({ contender }) => contender))];
  const ofName = (name: string) => sizes.filter(({ contender }) => contender === name);
  for (const name of names) {
    const [first, last] = [ofName(name)[0], ofName(name).at(-1)];
    if (first === undefined || last === undefined || first === last) continue;
    ratios[`flat/${name}@CPU of a change`] = last.cpuMicros / first.cpuMicros;
    ratios[`flat/${name}@latency of a change, p50`] = last.p50Ms / first.p50Ms;
  }
  const [ourRow, ours] = [
    ofName("heddle").at(-1),
    contenders.find(({ contender }) => contender === "heddle"),
  ];
  if (ourRow === undefined || ours === undefined) return ratios;
  for (const name of names.filter((other) => other !== "heddle")) {
    const [row, theirs] = [ofName(name).at(-1), contenders.find(({ contender }) => contender === name)];
    if (row === undefined || theirs === undefined) continue;
    ratios[`${name}/heddle@CPU of a change`] = row.cpuMicros / ourRow.cpuMicros;
    ratios[`${name}/heddle@latency of a change, p50`] = row.p50Ms / ourRow.p50Ms;
    ratios[`${name}/heddle@latency of a change, p99`] = row.p99Ms / ourRow.p99Ms;
    ratios[`${name}/heddle@registration to last picker, p50`] =
      percentile(theirs.pickers.comeLast, 50) / percentile(ours.pickers.comeLast, 50);
    ratios[`${name}/heddle@deregistration to last picker, p50`] =
      percentile(theirs.pickers.goLast, 50) / percentile(ours.pickers.goLast, 50);
    ratios[`${name}/heddle@snapshot of a service`] = theirs.snapshotMs / ours.snapshotMs;
    ratios[`${name}/heddle@memory in all`] = theirs.rssBytes / ours.rssBytes;
  }
  return ratios;
}

function tablesOf({ sizes, contenders, ratios }: DiscoveryResult): Table[] {
  return [
    [
      ["registry", "instances", "changes/s", "arrived", "CPU µs", "idle", "busy", "p50 ms", "p99 ms"],
      ...sizes.map(toSizeCells),
    ],
    transposed(contenders.map(toFigureCells)),
    [
      ["registry", "comes p50", "p99", "last p50", "last p99", "goes p50", "p99", "last p50", "last p99"],
      ...contenders.map(({ contender, pickers }) => [
        contender,
        ...[pickers.come, pickers.comeLast, pickers.go, pickers.goLast].flatMap((times) => [
          percentile(times, 50).toFixed(1),
          percentile(times, 99).toFixed(1),
        ]),
      ]),
    ],
    [
      ["ratio", ""],
      ...Object.entries(ratios).map(([name, value]) => [name.replace("@", ": "), value.toFixed(2)]),
    ],
  ];
}

function toSizeCells(row: SizeRow): string[] {
  const { contender, instances, perSecond, arrived, cpuMicros, idleCpu, busyCpu, p50Ms, p99Ms } = row;
  return [
    contender,
    grouped(instances),
    grouped(perSecond),
    `${(arrived * 100).toFixed(1)} %`,
    cpuMicros.toFixed(0),
    `${(idleCpu * 100).toFixed(1)} %`,
    `${(busyCpu * 100).toFixed(1)} %`,
    p50Ms.toFixed(2),
    p99Ms.toFixed(2),
  ];
}

function toFigureCells(figure: ContenderFigures): readonly (readonly [string, string])[] {
  const toBytes = (bytes: number | undefined) => (bytes === undefined ? "" : grouped(bytes));
  const toMiB = (bytes: number | undefined) => (bytes === undefined ? "" : (bytes / 2 ** 20).toFixed(1));
  return [
    ["", figure.contender],
    ["RSS for each instance, bytes", toBytes(figure.rssBytesPerInstance)],
    ["heap for each instance, bytes", toBytes(figure.heapBytesPerInstance)],
    ["RSS for each watcher, bytes", toBytes(figure.rssBytesPerWatcher)],
    ["heap for each watcher, bytes", toBytes(figure.heapBytesPerWatcher)],
    ["RSS with everything, MiB", toMiB(figure.rssBytes)],
    ["registrations a second while filling", grouped(figure.fillPerSecond)],
    ["snapshot of one service, p50 ms", figure.snapshotMs.toFixed(2)],
    ["snapshot of one service, p99 ms", figure.snapshotP99Ms.toFixed(2)],
    ["everything in one answer, ms", figure.wholeMs?.toFixed(0) ?? ""],
    ["everything in one answer, MiB", toMiB(figure.wholeBytes)],
    ["all watchers anew, ms", figure.reopenMs.toFixed(0)],
    ["all watchers anew, CPU s", figure.reopenCpuSeconds.toFixed(2)],
  ];
}

/** One column for each contender. */
function transposed(columns: readonly (readonly (readonly [string, string])[])[]): Table {
  const [first = []] = columns;
  return first.map(([label], line) => [label, ...columns.map((column) => column[line]?.[1] ?? "")]);
}
