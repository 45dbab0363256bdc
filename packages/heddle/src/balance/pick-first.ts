/**
 * Pick first: one instance takes all calls of this client for as long as it is there; the others stand by. It spreads
 * clients instead of calls: each begins with another one at random, in proportion to weight (gRPC A62, A113). Right
 * for few large clients with sessions or caches; wrong where one client makes most of the calls.
 */
import type { Random } from "../runtime/random.ts";
import { systemRandom } from "../runtime/random.ts";
import type { Balancer, Candidate } from "./balancer.ts";
import { isAvoided } from "./balancer.ts";
import { effectiveWeights } from "./weights.ts";

export function createPickFirst<C extends Candidate>(options: { random?: Random } = {}): Balancer<C> {
  const { random = systemRandom } = options;
  /** Places in line, smaller first: -ln(u) / weight, so that chances to lead are in proportion to weight. */
  let places = new Map<string, number>();
  let line: C[] = [];
  let firstId: string | undefined;

  return {
    name: "pick_first",

    update(candidates) {
      const weights = effectiveWeights(candidates);
      places = new Map(
        candidates.map(({ id }, index) => {
          const weight = weights[index] as number;
          const drawn = weight > 0 ? -Math.log(1 - random.next()) / weight : Number.POSITIVE_INFINITY;
          return [id, places.get(id) ?? drawn];
        }),
      );
      // A newcomer with a better place does not take over from one that works.
      const placeOf = ({ id }: C) => (id === firstId ? -1 : (places.get(id) as number));
      line = [...candidates].sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : placeOf(a) > placeOf(b) ? 1 : 0));
      firstId = line[0]?.id;
    },

    pick(avoid) {
      for (const candidate of line) if (!isAvoided(candidate, avoid)) return candidate;
      return undefined;
    },
  };
}
