/**
 * Weights as the policies use them. They come from people and from registries, so that anything may arrive: what is
 * not a positive finite number counts as 0, and when nothing is above 0 all are equal.
 */
import type { Candidate } from "./balancer.ts";

/** The weights in the order of the candidates. Each is 0 or more, and at least one is above 0 unless empty. */
export function effectiveWeights(candidates: readonly Candidate[]): Float64Array<ArrayBuffer> {
  const weights = Float64Array.from(candidates, ({ weight }) =>
    weight > 0 && Number.isFinite(weight) ? weight : 0,
  );
  return weights.some((weight) => weight > 0) ? weights : weights.fill(1);
}
