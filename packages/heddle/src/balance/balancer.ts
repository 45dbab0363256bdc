/**
 * The seam of load balancing: which of the ready instances gets the next attempt. A channel owns one balancer,
 * tells it the set on every change, and asks it once per attempt. Built-in policies and yours go through the same
 * methods, and all of them must pass `balancer-contract.ts`.
 *
 * Two methods are enough. A policy that learns from calls also has `ended`; one that learns from what instances
 * say of themselves has `reported`, and `probeTargets` to ask them. Time comes as an argument, in milliseconds of
 * a clock that never goes backwards; where it is left out, no time has passed since a balancer was last told.
 *
 * Health, ejection and draining are decided before: a balancer sees only instances that may be chosen.
 */
import type { LoadReport } from "../call/load-report.ts";

export type { LoadReport };

export interface Candidate {
  /** Unique in the set, and the same across updates: state belongs to the id. */
  readonly id: string;
  /** Share of the load relative to the others. Usually 1; 0 takes calls only when no other can. */
  readonly weight: number;
  /** Calls in flight from this client, kept by the channel. */
  inFlight: number;
}

export interface Balancer<C extends Candidate = Candidate> {
  /** The policy's name, for logs and metrics. */
  readonly name: string;
  /**
   * The whole set of ready candidates, on every change of it or of a weight. State of those that stay (by id) is
   * kept; the objects given last are the ones that `pick` returns. The array is not kept.
   */
  update(candidates: readonly C[], nowMs?: number): void;
  /**
   * The candidate for the next attempt; undefined only when the set is empty or all of it is in `avoid`, the
   * instances that this call has tried already. `key` is a 32-bit hash of what the call is about (`hashKey`), for
   * the policies that send the same key to the same instance. Called for every attempt: allocates nothing.
   */
  pick(avoid?: readonly C[], nowMs?: number, key?: number): C | undefined;
  /**
   * An attempt on it ended, `latencyMs` after it was sent. "cancelled" says nothing about the instance but how long
   * it had not answered. Absent where the policy learns nothing from calls.
   */
  ended?(candidate: C, nowMs: number, latencyMs: number, outcome: AttemptOutcome): void;
  /** A load report of it arrived: with an answer, or as the answer to a probe (`probed`). */
  reported?(candidate: C, nowMs: number, report: LoadReport, probed: boolean): void;
  /** Whom to probe now; asked once after each pick. The array is reused by the next call. Empty: nobody. */
  probeTargets?(nowMs: number): readonly C[];
}

export type AttemptOutcome = "ok" | "failed" | "cancelled";

/** Whether the call has tried this instance. By id, since an instance may have reconnected in between. */
export function isAvoided(candidate: Candidate, avoid: readonly Candidate[] | undefined): boolean {
  if (avoid === undefined) return false;
  for (let i = 0; i < avoid.length; i++) {
    if ((avoid[i] as Candidate).id === candidate.id) return true;
  }
  return false;
}
