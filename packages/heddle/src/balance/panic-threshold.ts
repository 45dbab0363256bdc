/**
 * Panic threshold, as in Envoy: only healthy instances get calls, unless fewer than half are healthy. Then all get
 * calls. The rest could not carry the load and would fail one after the other; and what calls so many unhealthy at
 * once is more often wrong itself.
 */
import type { Balancer, Candidate } from "./balancer.ts";
import { createOtherSet } from "./other-set.ts";

export interface PanicThresholdOptions<C extends Candidate> {
  inner: Balancer<C>;
  /** Asked at each update, which must therefore follow when health changes. */
  isHealthy(candidate: C): boolean;
  /** Percent of the set that must be healthy for health to count. Default 50; 0 never panics. */
  thresholdPercent?: number;
}

export function createPanicThreshold<C extends Candidate>(options: PanicThresholdOptions<C>): Balancer<C> {
  const { inner, isHealthy, thresholdPercent } = options;
  return createOtherSet(inner, (candidates) => healthyOrAll(candidates, isHealthy, thresholdPercent));
}

/** Those that are healthy, or all in a panic. */
export function healthyOrAll<C>(
  candidates: readonly C[],
  isHealthy: (candidate: C) => boolean,
  thresholdPercent = 50,
): readonly C[] {
  const healthy = candidates.filter((candidate) => isHealthy(candidate));
  const isPanic = healthy.length * 100 < candidates.length * thresholdPercent;
  return isPanic ? candidates : healthy;
}
