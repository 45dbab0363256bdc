/**
 * What the policies share that compare instances: the members with their state, and finding a good one. Policies say
 * which of two is better; how many are compared is decided here.
 *
 * Small sets are scanned as a whole; those who tie take turns, for the scan starts behind its last pick. (Two
 * choices among two instances, drawn with replacement as Envoy does, pick the busier one a quarter of the time.)
 * Large sets use the better of two distinct random ones, drawn in proportion to weight: a pick costs the same for a
 * thousand instances, and the longest queue grows with log log n instead of log n (Mitzenmacher, "The Power of Two
 * Choices in Randomized Load Balancing", 2001).
 */
import type { Random } from "../runtime/random.ts";
import type { Candidate } from "./balancer.ts";
import { isAvoided } from "./balancer.ts";
import { carryTurn } from "./turn-order.ts";
import { createWeightedDraw } from "./weighted-draw.ts";
import { effectiveWeights } from "./weights.ts";

/** An instance and what a policy knows of it. The same object for as long as the id stays in the set. */
export interface Member<C extends Candidate, S> {
  candidate: C;
  /** 0 or more, and above 0 for at least one member of a set. */
  weight: number;
  readonly state: S;
}

export interface ChoiceSet<C extends Candidate, S> {
  readonly members: readonly Member<C, S>[];
  update(candidates: readonly C[]): void;
  /** The member with the id of `candidate`; undefined when it has left. */
  find(candidate: Candidate): Member<C, S> | undefined;
  /** A good one that is not avoided, by full scan or by two choices. Undefined: all are avoided, or there is none. */
  pick(avoid: readonly Candidate[] | undefined): Member<C, S> | undefined;
  /** A member at random, in proportion to weight. There must be members. */
  draw(): Member<C, S>;
}

export interface ChoiceSetOptions<C extends Candidate, S> {
  random: Random;
  /** Largest set that is scanned as a whole. */
  fullScanUpTo: number;
  createState(candidate: C): S;
  /** Whether a call is better sent to `a`. */
  isBetter(a: Member<C, S>, b: Member<C, S>): boolean;
}

export function createChoiceSet<C extends Candidate, S>(options: ChoiceSetOptions<C, S>): ChoiceSet<C, S> {
  const { random, fullScanUpTo, createState, isBetter } = options;
  const drawing = createWeightedDraw(random);
  const byId = new Map<string, Member<C, S>>();
  let members: Member<C, S>[] = [];
  let order: readonly C[] = [];
  /** Where the next scan starts. */
  let turn = 0;

  function scan(avoid: readonly Candidate[] | undefined): Member<C, S> | undefined {
    let best: Member<C, S> | undefined;
    let bestIndex = -1;
    for (let step = 0, i = turn; step < members.length; step++, i++) {
      if (i >= members.length) i = 0;
      const member = members[i] as Member<C, S>;
      if (avoid !== undefined && isAvoided(member.candidate, avoid)) continue;
      if (best === undefined || isBetter(member, best)) {
        best = member;
        bestIndex = i;
      }
    }
    if (best !== undefined) turn = bestIndex + 1;
    return best;
  }

  /** A drawn member that is neither `other` nor avoided; undefined when luck does not find one soon. */
  function drawEligible(
    avoid: readonly Candidate[] | undefined,
    other: Member<C, S> | undefined,
  ): Member<C, S> | undefined {
    for (let attempt = 0; attempt < maxDraws; attempt++) {
      const member = members[drawing.draw()] as Member<C, S>;
      if (member !== other && !isAvoided(member.candidate, avoid)) return member;
    }
    return undefined;
  }

  return {
    get members() {
      return members;
    },

    update(candidates) {
      ({ order, turn } = carryTurn({ order, turn }, candidates, random));
      const weights = effectiveWeights(order);
      drawing.reset(weights);
      members = order.map((candidate, index) => {
        const weight = weights[index] as number;
        const known = byId.get(candidate.id);
        if (known === undefined) return { candidate, weight, state: createState(candidate) };
        known.candidate = candidate;
        known.weight = weight;
        return known;
      });
      byId.clear();
      for (const member of members) byId.set(member.candidate.id, member);
    },

    find: (candidate) => byId.get(candidate.id),

    pick(avoid) {
      if (members.length <= fullScanUpTo) return scan(avoid);
      const first = drawEligible(avoid, undefined);
      const second = first === undefined ? undefined : drawEligible(avoid, first);
      if (first === undefined || second === undefined) return scan(avoid);
      return isBetter(second, first) ? second : first;
    },

    draw: () => members[drawing.draw()] as Member<C, S>,
  };
}

/** Whether `a` carries less of our calls for its weight; cross-multiplied, so that a weight of 0 comes last. */
export function isLessLoaded(a: Member<Candidate, unknown>, b: Member<Candidate, unknown>): boolean {
  return (a.candidate.inFlight + 1) * b.weight < (b.candidate.inFlight + 1) * a.weight;
}

/** Draws before a scan settles it: reached where most are avoided, or one weight outweighs all others. */
const maxDraws = 8;
