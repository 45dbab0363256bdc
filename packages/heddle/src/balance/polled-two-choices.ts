/**
 * Two choices by the RIF that instances told when last asked, each asked at a fixed interval: "YARP-Po2C" of the
 * Prequal paper (NSDI 2024, §5.2; YARP itself goes by its own calls in flight, which is `least_request`). Between two
 * polls all clients see the same number and run to the same instances, which is why fresh probes do better.
 */
import type { Random } from "../runtime/random.ts";
import { systemRandom } from "../runtime/random.ts";
import type { Balancer, Candidate } from "./balancer.ts";
import { createChoiceSet, isLessLoaded } from "./choice-set.ts";

export interface PolledTwoChoicesOptions {
  random?: Random;
  /** Time between two polls of an instance. Default 500, the paper's; YARP's own health polls are 15 000. */
  everyMs?: number;
}

export function createPolledTwoChoices<C extends Candidate>(
  options: PolledTwoChoicesOptions = {},
): Required<Omit<Balancer<C>, "ended">> {
  const { random = systemRandom, everyMs = 500 } = options;
  const clock = { nowMs: 0 };
  const targets: C[] = [];
  let dueMs = Number.NEGATIVE_INFINITY;
  const set = createChoiceSet<C, { rif: number; dueMs: number }>({
    random,
    fullScanUpTo: 0,
    createState: () => ({ rif: -1, dueMs: Number.NEGATIVE_INFINITY }),
    isBetter(a, b) {
      const { rif: rifA } = a.state;
      const { rif: rifB } = b.state;
      // One that has told nothing yet is compared by what we know ourselves.
      if (rifA < 0 || rifB < 0 || rifA === rifB) return isLessLoaded(a, b);
      return (rifA + 1) * b.weight < (rifB + 1) * a.weight;
    },
  });

  return {
    name: "polled_two_choices",

    update(candidates, nowMs = clock.nowMs) {
      clock.nowMs = nowMs;
      set.update(candidates);
      targets.length = 0;
      dueMs = Number.NEGATIVE_INFINITY;
    },

    pick(avoid, nowMs = clock.nowMs) {
      clock.nowMs = nowMs;
      return set.pick(avoid)?.candidate;
    },

    reported(candidate, _nowMs, report, probed) {
      const member = set.find(candidate);
      if (probed && member !== undefined) member.state.rif = report.requestsInFlight;
    },

    probeTargets(nowMs) {
      targets.length = 0;
      if (nowMs < dueMs) return targets;
      dueMs = Number.POSITIVE_INFINITY;
      for (const { candidate, state } of set.members) {
        if (nowMs >= state.dueMs) {
          targets.push(candidate);
          // The first interval is a random part of it, so that clients do not poll in step.
          const isFirst = state.dueMs === Number.NEGATIVE_INFINITY;
          state.dueMs = nowMs + (isFirst ? random.next() * everyMs : everyMs);
        }
        dueMs = Math.min(dueMs, state.dueMs);
      }
      return targets;
    },
  };
}
