/**
 * Round robin: each in turn, from a random start. Simple, exact, and the right choice where calls cost the same and
 * instances are alike. Weights do not count here.
 */
import type { Random } from "../runtime/random.ts";
import { systemRandom } from "../runtime/random.ts";
import type { Balancer, Candidate } from "./balancer.ts";
import { isAvoided } from "./balancer.ts";
import { carryTurn } from "./turn-order.ts";

export function createRoundRobin<C extends Candidate>(options: { random?: Random } = {}): Balancer<C> {
  const { random = systemRandom } = options;
  let order: readonly C[] = [];
  let turn = 0;

  return {
    name: "round_robin",

    update(candidates) {
      ({ order, turn } = carryTurn({ order, turn }, candidates, random));
    },

    pick(avoid) {
      for (let step = 0; step < order.length; step++) {
        if (turn >= order.length) turn = 0;
        const candidate = order[turn++] as C;
        if (!isAvoided(candidate, avoid)) return candidate;
      }
      return undefined;
    },
  };
}
