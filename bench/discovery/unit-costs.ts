/**
 * Two figures of Heddle's registry that a large deployment is computed from: what renewing a lease costs, and what it costs
 * to tell one watcher more of a change.
 */
import { setTimeout as delay } from "node:timers/promises";
import { cpuSecondsOf } from "./process-figures.ts";
import type { RegistrantTasks } from "./registrants.ts";
import type { RegistryTasks } from "./registry.ts";
import type { WatcherTasks } from "./watchers.ts";
import { startWorker, type Worker } from "./worker.ts";

export interface UnitCosts {
  /** Processor time of the registry for a heartbeat. */
  readonly heartbeatMicros: number;
  readonly heartbeatsPerSecond: number;
  /** Processor time of the registry for a change and one of its many watchers, each on a connection of its own. */
  readonly deliveryMicros: number;
  readonly deliveriesPerSecond: number;
}

const SETTLE_MS = 2_000;
const MEASURE_MS = 4_000;

export async function measureUnitCosts(): Promise<UnitCosts> {
  return { ...(await measureHeartbeats()), ...(await measureDeliveries()) };
}

async function measureHeartbeats(): Promise<Pick<UnitCosts, "heartbeatMicros" | "heartbeatsPerSecond">> {
  const [leaseMs, services, perService] = [3_000, 30, 100];
  await using stage = await raise(leaseMs, services, perService);
  await delay(SETTLE_MS);
  const cpuSeconds = await cpuDuring(stage.registry, () => delay(MEASURE_MS));
  const standing = await stage.registrants.ask("standing", undefined);
  if (standing !== services * perService) throw new Error(`${standing} registrations stand`);
  const heartbeatsPerSecond = standing / (leaseMs / 3 / 1_000);
  const heartbeats = heartbeatsPerSecond * (MEASURE_MS / 1_000);
  return { heartbeatsPerSecond, heartbeatMicros: (cpuSeconds / heartbeats) * 1e6 };
}

async function measureDeliveries(): Promise<Pick<UnitCosts, "deliveryMicros" | "deliveriesPerSecond">> {
  const [count, perSecond, size] = [500, 10, 50];
  await using stage = await raise(900_000, 1, size);
  await using watchers = await startWorker<WatcherTasks>("watchers.ts");
  await watchers.ask("open", { url: stage.url, services: Array<number>(count).fill(0), size });
  await delay(SETTLE_MS);
  const change = () => stage.registrants.ask("change", { perSecond, ms: MEASURE_MS });
  await change();
  const idleSeconds = await cpuDuring(stage.registry, () => delay(MEASURE_MS));
  await watchers.ask("takeLags", undefined);
  const busySeconds = await cpuDuring(stage.registry, change);
  await delay(SETTLE_MS / 10);
  const told = (await watchers.ask("takeLags", undefined)).length;
  return {
    deliveriesPerSecond: told / (MEASURE_MS / 1_000),
    deliveryMicros: ((busySeconds - idleSeconds) / told) * 1e6,
  };
}

interface SmallStage extends AsyncDisposable {
  readonly url: string;
  readonly registry: Worker<RegistryTasks>;
  readonly registrants: Worker<RegistrantTasks>;
}

async function raise(leaseTtlMs: number, services: number, perService: number): Promise<SmallStage> {
  await using owned = new AsyncDisposableStack();
  const registry = owned.use(await startWorker<RegistryTasks>("registry.ts", ["--expose-gc"]));
  const registrants = owned.use(await startWorker<RegistrantTasks>("registrants.ts"));
  const url = `heddle://${await registry.ask("start", { leaseTtlMs })}`;
  await registrants.ask("connect", { url });
  await registrants.ask("register", {
    services: Array.from({ length: services }, (_, service) => service),
    from: 0,
    to: perService,
    atOnce: 64,
  });
  const parts = owned.move();
  return { url, registry, registrants, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

async function cpuDuring(worker: Worker<RegistryTasks>, act: () => Promise<unknown>): Promise<number> {
  const before = cpuSecondsOf(worker.pid);
  await act();
  return cpuSecondsOf(worker.pid) - before;
}
