/** What a simulation is about: the fleet, its machines, the load on it, and how long it is watched. */
import type { Distribution } from "./distributions.ts";
import type { Machines } from "./machines.ts";
import type { ServerModel } from "./server-model.ts";
import type { Traffic } from "./traffic.ts";

export interface Scenario {
  readonly name: string;
  readonly clients: number;
  readonly replicas: number;
  readonly machines: Machines;
  /** How a replica does its work. Called once per replica. */
  createServer(): ServerModel;
  /** Offered work over what the replicas are guaranteed: 1 uses exactly the allocation. */
  readonly load: number;
  /** Milliseconds of a core at nominal speed. */
  readonly work: Distribution;
  readonly traffic: Traffic;
  /** See `drawClients`. */
  readonly clientSkew: number;
  /** Runs before anything is counted. Weights need 20 s and more to settle. */
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** Traffic goes on for so long after what is counted, so that its end is not served by a fleet at rest. */
  readonly coolDownMs: number;
  /** A call that has no answer by then has failed, and counts as this long. */
  readonly deadlineMs: number;
  /** Whether a replica stops the work of a call whose deadline has passed, or goes on for nobody. */
  readonly cancels: boolean;
  readonly network: Network;
  /** Work of answering a probe, in milliseconds of a core. */
  readonly probeWorkMs: number;
  /** A probe without an answer by then is forgotten. */
  readonly probeTimeoutMs: number;
  readonly failing?: Failing;
}

export interface Network {
  /** Median of the round trip. */
  readonly roundTripMs: number;
  /** Standard deviation of its logarithm. */
  readonly jitter: number;
  /** Share of probes that are lost. Calls are sent again by the transport and are not. */
  readonly probeLoss: number;
}

/** Replicas that answer every call at once with an error, and so look idle. */
export interface Failing {
  /** The first so many replicas. */
  readonly replicas: number;
  readonly afterMs: number;
  /** From when on, since the start. */
  readonly fromMs: number;
}

/** Calls per second, of all clients together. */
export function callsPerSecond({ load, replicas, machines, work }: Scenario): number {
  return (load * replicas * machines.cores * 1000) / work.mean;
}
