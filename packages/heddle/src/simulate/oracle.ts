/**
 * The bound: a balancer that sees every replica and every other client's calls at this moment, and sends the call
 * where it expects it to end first. Nobody can build it; it tells how much is left to win.
 */
import type { Capacity } from "./server-model.ts";
import type { PolicyContext, SimulatedCandidate, SimulatedPolicy } from "./simulated-policy.ts";

export const oracle: SimulatedPolicy = {
  name: "oracle",
  create: ({ fleet, random }: PolicyContext) => {
    let set: readonly SimulatedCandidate[] = [];
    return {
      name: "oracle",
      update(candidates) {
        set = [...candidates];
      },
      pick(_avoid, nowMs = 0) {
        // A random start, so that ties between idle replicas do not all go to the first.
        const start = set.length === 0 ? 0 : random.below(set.length);
        let best: SimulatedCandidate | undefined;
        let bestSlowdown = Number.POSITIVE_INFINITY;
        let bestUse = Number.POSITIVE_INFINITY;
        for (let i = 0; i < set.length; i++) {
          const candidate = set[(start + i) % set.length] as SimulatedCandidate;
          if (fleet.isFailing(candidate.replica, nowMs)) continue;
          const { cores, speed, contendedSpeed } = fleet.capacity[candidate.replica] as Capacity;
          const use = ((fleet.assigned[candidate.replica] as number) + 1) / cores;
          const slowdown = use <= 1 ? 1 / speed : use / (speed * contendedSpeed);
          // Among those that are as fast, the one with most room: the next calls slow this one down too.
          if (slowdown > bestSlowdown || (slowdown === bestSlowdown && use >= bestUse)) continue;
          best = candidate;
          bestSlowdown = slowdown;
          bestUse = use;
        }
        return best;
      },
    };
  },
};
