/**
 * Random: each instance with the same chance, whatever its weight. It needs no state and, unlike round robin, does
 * not hand the share of an instance that is gone to its neighbour; over few calls its spread is worse.
 */
import type { Random } from "../runtime/random.ts";
import { systemRandom } from "../runtime/random.ts";
import type { Balancer, Candidate } from "./balancer.ts";
import { isAvoided } from "./balancer.ts";

export function createRandom<C extends Candidate>(options: { random?: Random } = {}): Balancer<C> {
  const { random = systemRandom } = options;
  let set: C[] = [];

  return {
    name: "random",

    update(candidates) {
      set = [...candidates];
    },

    pick(avoid) {
      if (avoid === undefined || avoid.length === 0) {
        return set.length === 0 ? undefined : set[random.below(set.length)];
      }
      let eligible = 0;
      for (const candidate of set) if (!isAvoided(candidate, avoid)) eligible++;
      if (eligible === 0) return undefined;
      let skip = random.below(eligible);
      for (const candidate of set) {
        if (!isAvoided(candidate, avoid) && skip-- === 0) return candidate;
      }
      return undefined;
    },
  };
}
