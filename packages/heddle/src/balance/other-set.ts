/** A balancer that sees another set than it is given: what the wrappers share that only choose who takes part. */
import type { Balancer, Candidate } from "./balancer.ts";

export function createOtherSet<C extends Candidate>(
  inner: Balancer<C>,
  choose: (candidates: readonly C[]) => readonly C[],
): Required<Balancer<C>> {
  return {
    name: inner.name,
    update: (candidates, nowMs) => inner.update(choose(candidates), nowMs),
    pick: (avoid, nowMs, key) => inner.pick(avoid, nowMs, key),
    ended: (candidate, nowMs, latencyMs, outcome) => inner.ended?.(candidate, nowMs, latencyMs, outcome),
    reported: (candidate, nowMs, report, probed) => inner.reported?.(candidate, nowMs, report, probed),
    probeTargets: (nowMs) => inner.probeTargets?.(nowMs) ?? nobody,
  };
}

const nobody: readonly never[] = [];
