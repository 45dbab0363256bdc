/** What renewing leases costs Heddle's registry: its instances send a heartbeat every third of their lease. */
import { setTimeout as delay } from "node:timers/promises";
import { cpuSecondsOf } from "./process-figures.ts";
import type { RegistrantTasks } from "./registrants.ts";
import type { RegistryTasks } from "./registry.ts";
import { startWorker } from "./worker.ts";

export interface Heartbeats {
  readonly perSecond: number;
  /** Processor time of the registry for one. */
  readonly cpuMicros: number;
}

const LEASE_MS = 3_000;
const SERVICES = 30;
const PER_SERVICE = 100;
const SETTLE_MS = 2_000;
const MEASURE_MS = 4_000;

export async function measureHeartbeats(): Promise<Heartbeats> {
  await using registry = await startWorker<RegistryTasks>("registry.ts", ["--expose-gc"]);
  await using registrants = await startWorker<RegistrantTasks>("registrants.ts");
  const address = await registry.ask("start", { leaseTtlMs: LEASE_MS });
  await registrants.ask("connect", { url: `heddle://${address}` });
  const services = Array.from({ length: SERVICES }, (_, service) => service);
  await registrants.ask("register", { services, from: 0, to: PER_SERVICE, atOnce: 64 });
  await delay(SETTLE_MS);
  const before = cpuSecondsOf(registry.pid);
  await delay(MEASURE_MS);
  const cpuSeconds = cpuSecondsOf(registry.pid) - before;
  const standing = await registrants.ask("standing", undefined);
  if (standing !== SERVICES * PER_SERVICE) throw new Error(`${standing} registrations stand`);
  const perSecond = standing / (LEASE_MS / 3 / 1_000);
  return { perSecond, cpuMicros: (cpuSeconds / (perSecond * (MEASURE_MS / 1_000))) * 1e6 };
}
