/** A policy as the simulator takes it: the production balancer, or one that may look where no client can. */
import type { Balancer, Candidate } from "../balance/balancer.ts";
import type { Random } from "../runtime/random.ts";
import type { Capacity } from "./server-model.ts";

export interface SimulatedPolicy {
  readonly name: string;
  /** The balancer of one client. */
  create(context: PolicyContext): Balancer<SimulatedCandidate>;
}

export interface SimulatedCandidate extends Candidate {
  readonly replica: number;
}

export interface PolicyContext {
  readonly random: Random;
  readonly client: number;
  readonly clients: number;
  /** The truth, of this moment. Only for what is to be a bound on all policies. */
  readonly fleet: FleetView;
}

export interface FleetView {
  /** By replica: calls of all clients that are on the way to it or in it. */
  readonly assigned: Int32Array;
  readonly capacity: readonly Capacity[];
  /** Whether it answers with errors from now on. */
  isFailing(replica: number, nowMs: number): boolean;
}
