/**
 * Round robin: each in turn. The order starts at a random place, because a thousand clients that start together
 * and all begin with the first address would send their first thousand calls to it.
 *
 * An update does not disturb the turn: those that stay keep their order, whatever order they arrive in, the one
 * that was next stays next, and newcomers join at the end.
 */
import type { Random } from "../runtime/random.ts";
import { systemRandom } from "../runtime/random.ts";
import type { Balancer, Candidate } from "./balancer.ts";
import { isAvoided } from "./balancer.ts";

export function createRoundRobin<C extends Candidate>(options: { random?: Random } = {}): Balancer<C> {
  const { random = systemRandom } = options;
  let ring: C[] = [];
  /** Index of the one whose turn it is. */
  let turn = 0;

  return {
    name: "round_robin",

    update(candidates) {
      const arriving = new Map(candidates.map((candidate) => [candidate.id, candidate]));
      const next: C[] = [];
      let nextTurn = 0;
      for (const [index, { id }] of ring.entries()) {
        const staying = arriving.get(id);
        if (staying === undefined) continue;
        if (index < turn) nextTurn++;
        next.push(staying);
        arriving.delete(id);
      }
      const isFresh = next.length === 0;
      next.push(...arriving.values());
      ring = next;
      turn = isFresh && next.length > 0 ? random.below(next.length) : nextTurn;
    },

    pick(avoid) {
      for (let step = 0; step < ring.length; step++) {
        if (turn >= ring.length) turn = 0;
        const candidate = ring[turn++] as C;
        if (!isAvoided(candidate, avoid)) return candidate;
      }
      return undefined;
    },
  };
}
