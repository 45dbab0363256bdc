/**
 * The seam of load balancing: which of the ready instances gets the next attempt. A channel owns one balancer,
 * tells it the set on every change, and asks it once per attempt. Built-in policies and yours go through the same
 * two methods, and all of them must pass `balancer-contract.ts`.
 *
 * Health, ejection, draining and subsetting are decided before: a balancer sees only instances that may be chosen.
 */
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
  update(candidates: readonly C[]): void;
  /**
   * The candidate for the next attempt; undefined only when the set is empty or all of it is in `avoid`, the
   * instances that this call has tried already. Called for every attempt: allocates nothing.
   */
  pick(avoid?: readonly C[]): C | undefined;
}

/** Whether the call has tried this instance. By id, since an instance may have reconnected in between. */
export function isAvoided(candidate: Candidate, avoid: readonly Candidate[] | undefined): boolean {
  if (avoid === undefined) return false;
  for (let i = 0; i < avoid.length; i++) {
    if ((avoid[i] as Candidate).id === candidate.id) return true;
  }
  return false;
}
