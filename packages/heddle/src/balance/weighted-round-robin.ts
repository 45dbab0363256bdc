/**
 * Smooth weighted round robin, as in nginx (src/http/ngx_http_upstream_round_robin.c): at each pick everyone's
 * score grows by its weight, the highest score wins and pays the sum of all weights. With weights 5, 1, 1 the
 * sequence is a a b a c a a: the shares are exact and the heavy one's turns are spread out. A pick costs O(n).
 *
 * nginx starts every client at the same point of that sequence, so that clients started together meet on the
 * heaviest instance. Given a `random`, scores start spread out; without one, the sequence is nginx's.
 */
import type { Random } from "../runtime/random.ts";
import type { Balancer, Candidate } from "./balancer.ts";
import { isAvoided } from "./balancer.ts";
import { effectiveWeights } from "./weights.ts";

export function createWeightedRoundRobin<C extends Candidate>(
  options: { random?: Random } = {},
): Balancer<C> {
  const { random } = options;
  let set: C[] = [];
  let weights = new Float64Array(0);
  let scores = new Float64Array(0);

  return {
    name: "weighted_round_robin",

    update(candidates) {
      const nextWeights = effectiveWeights(candidates);
      const newcomerScore = (index: number) =>
        random === undefined ? 0 : (random.next() - 0.5) * (nextWeights[index] as number);
      scores = carryScores(candidates, nextWeights, { set, weights, scores }, newcomerScore);
      weights = nextWeights;
      set = [...candidates];
    },

    pick(avoid) {
      const anyAvoided = avoid !== undefined && avoid.length > 0;
      let best = -1;
      let bestScore = Number.NEGATIVE_INFINITY;
      let total = 0;
      for (let i = 0; i < set.length; i++) {
        if (anyAvoided && isAvoided(set[i] as C, avoid)) continue;
        const weight = weights[i] as number;
        if (weight === 0) continue;
        const score = (scores[i] as number) + weight;
        scores[i] = score;
        total += weight;
        if (score > bestScore) {
          best = i;
          bestScore = score;
        }
      }
      if (best < 0) return firstNotAvoided(set, avoid);
      scores[best] = bestScore - total;
      return set[best];
    },
  };
}

/** Where only weights of 0 are left. Apart from `pick`, which would otherwise make a closure per call. */
function firstNotAvoided<C extends Candidate>(
  set: readonly C[],
  avoid: readonly C[] | undefined,
): C | undefined {
  return set.find((candidate) => !isAvoided(candidate, avoid));
}

/**
 * Scores of the next set. Those that stay keep theirs, in proportion when the sum of the weights changes, since a
 * score is a debt in units of weight. Newcomers start around 0 and not at the mean of the others: what those who
 * left had saved up goes to those who came, so that instances which restart often still get their share.
 */
function carryScores(
  candidates: readonly Candidate[],
  weights: Float64Array,
  before: { set: readonly Candidate[]; weights: Float64Array; scores: Float64Array },
  newcomerScore: (index: number) => number,
): Float64Array<ArrayBuffer> {
  const indexBefore = new Map(before.set.map(({ id }, index) => [id, index]));
  const scale = sum(weights) / sum(before.weights);
  return Float64Array.from(candidates, ({ id }, index) => {
    const old = indexBefore.get(id);
    return old === undefined ? newcomerScore(index) : (before.scores[old] as number) * scale;
  });
}

function sum(values: Float64Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
