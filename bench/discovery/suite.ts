/**
 * The discovery suite: registries that grow from 1 000 to 100 000 instances in 1 000 services, each with 1 000 watchers. All
 * registries stand at the same time, and are measured in turns. A change is one of a known instance in each service, so
 * that at every size the same instances change, for the same watchers, and only what else is registered has grown.
 */
import { setTimeout as delay } from "node:timers/promises";
import { median } from "../harness/statistics.ts";
import type { CalleeTasks } from "./callee.ts";
import { type Contender, type ContenderName, startContender } from "./contenders.ts";
import { measurePickers, type PickerFigures } from "./picker-times.ts";
import { cpuSecondsOf, rssBytesOf } from "./process-figures.ts";
import type { RegistrantTasks } from "./registrants.ts";
import { percentile } from "./percentile.ts";
import { measureUnitCosts, type UnitCosts } from "./unit-costs.ts";
import { startWorker, type Worker } from "./worker.ts";
import type { WatcherTasks } from "./watchers.ts";

export interface DiscoveryPlan {
  readonly contenders: readonly ContenderName[];
  readonly services: number;
  /** Instances of each service, growing; the first must be 1. */
  readonly sizes: readonly number[];
  /** How often each contender is measured at each size. */
  readonly rounds: number;
  readonly idleMs: number;
  readonly changeMs: number;
  readonly pickers: number;
  readonly pickerRounds: number;
  readonly onProgress: (text: string) => void;
}

/** A contender at one size. */
export interface SizeRow {
  readonly contender: ContenderName;
  readonly instances: number;
  readonly perSecond: number;
  /** Changes that reached their watcher in the measured time, by those that were made. */
  readonly arrived: number;
  /** Processor time of the registry for a change, without what it needs while nothing changes. */
  readonly cpuMicros: number;
  /** Share of a core that it needs while nothing changes. */
  readonly idleCpu: number;
  /** Share of a core that it needs meanwhile. */
  readonly busyCpu: number;
  /** From the change to its watcher. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface ContenderFigures {
  readonly contender: ContenderName;
  /** For one instance more, between the smallest and the largest size. */
  readonly rssBytesPerInstance: number;
  readonly heapBytesPerInstance: number | undefined;
  readonly rssBytesPerWatcher: number;
  readonly heapBytesPerWatcher: number | undefined;
  /** Everything, at the largest size. */
  readonly rssBytes: number;
  /** Registering the instances of the largest size, in the cheapest way there is, per second. */
  readonly fillPerSecond: number;
  /** A new watch of a service on a connection that stands. */
  readonly snapshotMs: number;
  readonly snapshotP99Ms: number;
  /** Everything in one answer. */
  readonly wholeMs: number | undefined;
  readonly wholeBytes: number | undefined;
  /** All watchers anew, each with a new connection, until the last knows its instances. */
  readonly reopenMs: number;
  readonly reopenCpuSeconds: number;
  readonly pickers: PickerFigures;
}

export interface DiscoveryMeasurements {
  readonly sizes: readonly SizeRow[];
  readonly contenders: readonly ContenderFigures[];
  /** Of Heddle, where it takes part. */
  readonly unitCosts: UnitCosts | undefined;
}

/**
 * Changes a second, registrations at a time, and which part of the services there is. One Consul server on this machine takes
 * some tens of registrations a second, so it gets a tenth of everything.
 */
const LOADS: Readonly<Record<ContenderName, { perSecond: number; atOnce: number; share: number }>> = {
  heddle: { perSecond: 1_000, atOnce: 256, share: 1 },
  etcd: { perSecond: 1_000, atOnce: 256, share: 1 },
  consul: { perSecond: 20, atOnce: 8, share: 0.1 },
};
const WATCHER_PROCESSES = 2;
const WARM_UP_ROUNDS = 2;
/** What is still on its way when the last change was made. */
const TAIL_MS = 300;
const SETTLE_MS = 1_500;

/** A contender with the processes around it. */
interface Stage {
  readonly contender: Contender;
  readonly services: readonly number[];
  readonly mover: Worker<RegistrantTasks>;
  readonly watchers: readonly Worker<WatcherTasks>[];
}

interface Memory {
  readonly rss: number;
  readonly heap: number | undefined;
}

export async function runDiscoverySuite(plan: DiscoveryPlan): Promise<DiscoveryMeasurements> {
  await using owned = new AsyncDisposableStack();
  const callee = owned.use(await startWorker<CalleeTasks>("callee.ts"));
  const calleeAddress = await callee.ask("start", undefined);
  const stages: Stage[] = [];
  const perWatcher = new Map<Stage, Memory>();
  for (const name of plan.contenders) {
    const count = Math.round(plan.services * LOADS[name].share);
    const services = Array.from({ length: count }, (_, service) => service);
    const stage = await raise(name, services, owned);
    stages.push(stage);
    const before = await memoryOf(stage);
    plan.onProgress(`${name}: ${count} instances registered`);
    await openWatchers(stage, 1);
    await delay(SETTLE_MS);
    perWatcher.set(stage, difference(before, await memoryOf(stage), count));
    plan.onProgress(`${name}: ${count} watchers`);
  }

  // Whoever compiles while running has it behind him when the figures begin.
  for (let round = 0; round < WARM_UP_ROUNDS; round++)
    for (const stage of stages) await measureRound(plan, stage, 1);

  const pickers = await measurePickers({
    registries: stages.map(({ contender, mover }) => ({ url: contender.url, registrant: mover })),
    calleeAddress,
    pickers: plan.pickers,
    rounds: plan.pickerRounds,
    onProgress: plan.onProgress,
  });

  const rows: SizeRow[] = [];
  const small = new Map<Stage, Memory>();
  const fillRates = new Map<Stage, number>();
  let filled = 1;
  for (const size of plan.sizes) {
    if (size > filled) {
      for (const stage of stages) {
        const startedAtMs = performance.now();
        await stage.contender.fill(stage.services, filled, size);
        const added = (size - filled) * stage.services.length;
        fillRates.set(stage, added / ((performance.now() - startedAtMs) / 1_000));
        plan.onProgress(`${stage.contender.name}: ${size * stage.services.length} instances registered`);
      }
      await delay(SETTLE_MS);
    }
    for (const stage of stages) {
      if (size === plan.sizes[0]) small.set(stage, await memoryOf(stage));
      // What came in by filling is nobody's lag.
      await Promise.all(stage.watchers.map((watcher) => watcher.ask("takeLags", undefined)));
    }
    rows.push(...(await measureSize(plan, stages, size)));
    filled = size;
  }

  const figures: ContenderFigures[] = [];
  for (const [nth, stage] of stages.entries()) {
    const { contender } = stage;
    const [smallest, watcher, pickerFigures] = [small.get(stage), perWatcher.get(stage), pickers[nth]];
    if (smallest === undefined || watcher === undefined || pickerFigures === undefined)
      throw new Error("no size was measured");
    const snapshots = await timeSnapshots(stage);
    const whole = await contender.readAll?.();
    const reopened = await reopen(stage, filled);
    // Last, for it stops the process for a while.
    const large = await memoryOf(stage);
    const each = difference(smallest, large, (filled - 1) * stage.services.length);
    plan.onProgress(`${contender.name}: snapshots and memory measured`);
    figures.push({
      contender: contender.name,
      rssBytesPerInstance: each.rss,
      heapBytesPerInstance: each.heap,
      rssBytesPerWatcher: watcher.rss,
      heapBytesPerWatcher: watcher.heap,
      rssBytes: large.rss,
      fillPerSecond: fillRates.get(stage) ?? Number.NaN,
      snapshotMs: percentile(snapshots, 50),
      snapshotP99Ms: percentile(snapshots, 99),
      wholeMs: whole?.ms,
      wholeBytes: whole?.bytes,
      ...reopened,
      pickers: pickerFigures,
    });
  }
  await owned.disposeAsync();
  const unitCosts = plan.contenders.includes("heddle") ? await measureUnitCosts() : undefined;
  return { sizes: rows, contenders: figures, unitCosts };
}

/** Starts a contender, with one instance in each service. */
async function raise(
  name: ContenderName,
  services: readonly number[],
  owned: AsyncDisposableStack,
): Promise<Stage> {
  const contender = owned.use(await startContender(name));
  const mover = owned.use(await startWorker<RegistrantTasks>("registrants.ts"));
  const watchers: Worker<WatcherTasks>[] = [];
  for (let i = 0; i < WATCHER_PROCESSES; i++)
    watchers.push(owned.use(await startWorker<WatcherTasks>("watchers.ts")));
  await mover.ask("connect", { url: contender.url });
  await mover.ask("register", { services: [...services], from: 0, to: 1, atOnce: LOADS[name].atOnce });
  return { contender, services, mover, watchers };
}

async function openWatchers({ contender, services, watchers }: Stage, size: number): Promise<void> {
  await Promise.all(
    watchers.map((watcher, nth) =>
      watcher.ask("open", {
        url: contender.url,
        services: services.filter((service) => service % watchers.length === nth),
        size,
      }),
    ),
  );
}

async function memoryOf({ contender }: Stage): Promise<Memory> {
  const heap = await contender.heapBytes?.();
  return { rss: rssBytesOf(contender.pid), heap };
}

function difference(before: Memory, after: Memory, count: number): Memory {
  const heap =
    before.heap === undefined || after.heap === undefined ? undefined : (after.heap - before.heap) / count;
  return { rss: (after.rss - before.rss) / count, heap };
}

/** All contenders in turns; each row is the median of its rounds. */
async function measureSize(plan: DiscoveryPlan, stages: readonly Stage[], size: number): Promise<SizeRow[]> {
  const rounds = new Map<Stage, SizeRow[]>(stages.map((stage) => [stage, []]));
  for (let round = 0; round < plan.rounds; round++)
    for (const [stage, rows] of rounds) rows.push(await measureRound(plan, stage, size));
  return [...rounds].map(([{ contender, services }, rows]) => {
    const instances = services.length * size;
    const middle = (pick: (row: SizeRow) => number) => median(rows.map(pick));
    // An idle second may hold a collection that the changes of other rounds paid for.
    const idleCpu = middle((one) => one.idleCpu);
    const secondsPerChange = (plan.changeMs + TAIL_MS) / plan.changeMs / LOADS[contender.name].perSecond;
    const row: SizeRow = {
      contender: contender.name,
      instances,
      perSecond: LOADS[contender.name].perSecond,
      arrived: middle((one) => one.arrived),
      cpuMicros: middle(
        ({ cpuMicros, idleCpu: own }) => cpuMicros + (own - idleCpu) * secondsPerChange * 1e6,
      ),
      idleCpu,
      busyCpu: middle((one) => one.busyCpu),
      p50Ms: middle((one) => one.p50Ms),
      p99Ms: middle((one) => one.p99Ms),
    };
    plan.onProgress(
      `${row.contender} at ${instances}: ${row.cpuMicros.toFixed(0)} µs and ${row.p50Ms.toFixed(2)} ms a change ` +
        `(rounds: ${rows.map(({ cpuMicros }) => cpuMicros.toFixed(0)).join(", ")} µs)`,
    );
    return row;
  });
}

async function measureRound(plan: DiscoveryPlan, stage: Stage, size: number): Promise<SizeRow> {
  const { contender, mover, watchers } = stage;
  const perSecond = LOADS[contender.name].perSecond;
  const idle = await cpuDuring(contender.pid, () => delay(plan.idleMs));
  let changes = 0;
  const busy = await cpuDuring(contender.pid, async () => {
    changes = await mover.ask("change", { perSecond, ms: plan.changeMs });
    await delay(TAIL_MS);
  });
  const lags = (await Promise.all(watchers.map((watcher) => watcher.ask("takeLags", undefined)))).flat();
  const idleCpu = idle.cpuSeconds / idle.seconds;
  return {
    contender: contender.name,
    instances: stage.services.length * size,
    perSecond,
    arrived: lags.length / changes,
    cpuMicros: ((busy.cpuSeconds - idleCpu * busy.seconds) / lags.length) * 1e6,
    idleCpu,
    busyCpu: busy.cpuSeconds / (plan.changeMs / 1_000),
    p50Ms: percentile(lags, 50),
    p99Ms: percentile(lags, 99),
  };
}

async function cpuDuring(
  pid: number,
  act: () => Promise<unknown>,
): Promise<{ cpuSeconds: number; seconds: number }> {
  const [cpuBefore, startedAtMs] = [cpuSecondsOf(pid), performance.now()];
  await act();
  return { cpuSeconds: cpuSecondsOf(pid) - cpuBefore, seconds: (performance.now() - startedAtMs) / 1_000 };
}

async function timeSnapshots(stage: Stage): Promise<number[]> {
  const chosen = stage.services.slice(0, 101);
  const [watcher] = stage.watchers;
  return (await watcher?.ask("timeSnapshots", { url: stage.contender.url, services: chosen })) ?? [];
}

async function reopen(stage: Stage, size: number): Promise<{ reopenMs: number; reopenCpuSeconds: number }> {
  await Promise.all(stage.watchers.map((watcher) => watcher.ask("close", undefined)));
  await delay(SETTLE_MS);
  const { cpuSeconds, seconds } = await cpuDuring(stage.contender.pid, () => openWatchers(stage, size));
  return { reopenMs: seconds * 1_000, reopenCpuSeconds: cpuSeconds };
}
