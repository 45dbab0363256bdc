/**
 * Subsetting: of a large set, each client uses a part, so that a thousand clients of a thousand instances are not a
 * million connections. Which part is drawn by rendezvous hashing with the client's own seed (gRPC A68): all clients
 * together use all alike, and when one instance comes or leaves, each client's part changes by one at most.
 */
import type { Random } from "../runtime/random.ts";
import { systemRandom } from "../runtime/random.ts";
import type { Balancer, Candidate } from "./balancer.ts";
import { hashKey } from "./hash-key.ts";
import { createOtherSet } from "./other-set.ts";

export interface SubsetOptions<C extends Candidate> {
  inner: Balancer<C>;
  random?: Random;
  /** How many to use. Default 50; fewer than 12 spread badly. */
  size?: number;
  /** Sets up to this large are used whole. Default 100. */
  above?: number;
}

export function createSubset<C extends Candidate>(options: SubsetOptions<C>): Balancer<C> {
  const { inner, random = systemRandom, size = 50, above = 100 } = options;
  const seed = random.below(2 ** 32);

  return createOtherSet(inner, (candidates) =>
    candidates.length > above ? subsetOf(candidates, size, seed) : candidates,
  );
}

/** The `size` candidates whose hash with this client's seed is lowest. Those of weight 0 come last. */
export function subsetOf<C extends Pick<Candidate, "id" | "weight">>(
  candidates: readonly C[],
  size: number,
  seed: number,
): C[] {
  const ranked = candidates.map((candidate) => ({ candidate, rank: hashKey(candidate.id, seed) }));
  ranked.sort((a, b) => {
    const isOutA = !(a.candidate.weight > 0);
    const isOutB = !(b.candidate.weight > 0);
    if (isOutA !== isOutB) return isOutA ? 1 : -1;
    return a.rank - b.rank || (a.candidate.id < b.candidate.id ? -1 : 1);
  });
  return ranked.slice(0, size).map(({ candidate }) => candidate);
}
