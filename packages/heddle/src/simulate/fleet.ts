/**
 * The replicas of a run: a server model each, and the load meter of production beside it, fed as a server feeds it.
 */
import { createLoadMeter, type LoadMeter } from "../balance/load-meter.ts";
import type { CapacityChange } from "./machines.ts";
import type { Scenario } from "./scenario.ts";
import type { Capacity, ServerModel } from "./server-model.ts";
import type { FleetView } from "./simulated-policy.ts";

export interface Fleet extends FleetView {
  readonly servers: readonly ServerModel[];
  readonly meters: readonly LoadMeter[];
  /** When each is to be stepped; NaN when that has to be found out anew. */
  readonly alarmNs: Float64Array;
  /** An alarm of an earlier generation is void. */
  readonly alarmGeneration: Int32Array;
  setCapacity(change: CapacityChange, nowNs: number): void;
  /** Measures what each replica has used since the last time; utilization is in units of the allocation. */
  sample(nowNs: number, onReplica: (replica: number, utilization: number) => void): void;
}

/** Of what is measured ten times a second: a time constant of about a second. */
const smoothing = 0.1;

export function createFleet({ replicas, machines, createServer, failing }: Scenario): Fleet {
  const servers = Array.from({ length: replicas }, createServer);
  const meters = Array.from({ length: replicas }, () => createLoadMeter());
  const capacity: Capacity[] = Array.from({ length: replicas }, () => ({
    cores: machines.cores,
    speed: 1,
    contendedSpeed: 1,
  }));
  const usedNs = new Float64Array(replicas);
  let sampledNs = 0;

  return {
    servers,
    meters,
    capacity,
    assigned: new Int32Array(replicas),
    alarmNs: new Float64Array(replicas).fill(Number.POSITIVE_INFINITY),
    alarmGeneration: new Int32Array(replicas),
    isFailing: (replica, nowMs) =>
      failing !== undefined && replica < failing.replicas && nowMs >= failing.fromMs,
    setCapacity(change, nowNs) {
      capacity[change.replica] = change;
      (servers[change.replica] as ServerModel).setCapacity(change, nowNs);
    },
    sample(nowNs, onReplica) {
      const elapsedNs = nowNs - sampledNs;
      sampledNs = nowNs;
      for (let replica = 0; replica < replicas; replica++) {
        const used = (servers[replica] as ServerModel).usedCoreNs(nowNs);
        const utilization = (used - (usedNs[replica] as number)) / (elapsedNs * machines.cores);
        usedNs[replica] = used;
        const meter = meters[replica] as LoadMeter;
        meter.utilization =
          meter.utilization < 0
            ? utilization
            : meter.utilization + smoothing * (utilization - meter.utilization);
        onReplica(replica, utilization);
      }
    },
  };
}
