/**
 * How a replica does work. A model holds jobs, numbered by the simulation, and says when the next of them is done;
 * the simulation calls it at that time. Three models stand beside this file: `processor-sharing.ts` (threads),
 * `worker-pool.ts` (first come, first served by k workers) and `event-loop.ts` (a Node process).
 */
export interface ServerModel {
  /** Jobs in it: running, waiting for input or output, and queued. */
  readonly size: number;
  /** When a job next ends or moves on by itself, as a whole nanosecond; Infinity when nothing is in it. */
  readonly nextNs: number;
  /** Cores that are busy now. */
  readonly busyCores: number;
  /** Core-nanoseconds used until `nowNs`, since the start. */
  usedCoreNs(nowNs: number): number;
  /** Takes a job of `workNs` core-nanoseconds at full speed. */
  start(job: number, workNs: number, nowNs: number): void;
  /** Takes a job out, wherever it is. It must be in. */
  withdraw(job: number, nowNs: number): void;
  /** To be called at `nextNs`. The job that is done, or -1 when one has only moved on. */
  step(nowNs: number): number;
  setCapacity(capacity: Capacity, nowNs: number): void;
}

/** What the machine gives the replica. Constant between two changes of the capacity trace. */
export interface Capacity {
  /** Cores that it may use, above 0. May be a fraction: the scheduler shares out time. */
  readonly cores: number;
  /** Speed of a core relative to nominal, above 0: hyper-threading, memory bandwidth, slow hardware. */
  readonly speed: number;
  /** Factor on the speed of all its jobs while it has more of them than cores: isolation is not perfect. */
  readonly contendedSpeed: number;
}
