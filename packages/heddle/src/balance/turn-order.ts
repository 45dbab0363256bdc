/**
 * Taking turns through changes of the set. Those that stay keep their order, whatever order they arrive in (a
 * registry may list them anew each time), the one that was next stays next, and newcomers join at the end. The
 * first set starts at a random place: a thousand clients that start together and all begin with the first address
 * would send their first thousand calls to it.
 */
import type { Random } from "../runtime/random.ts";
import type { Candidate } from "./balancer.ts";

export interface TurnOrder<C extends Candidate> {
  readonly order: readonly C[];
  /** Index of the one that is next; may equal the length, which means the first. */
  readonly turn: number;
}

/** The order after an update. */
export function carryTurn<C extends Candidate>(
  before: TurnOrder<C>,
  candidates: readonly C[],
  random: Random,
): TurnOrder<C> {
  const arriving = new Map(candidates.map((candidate) => [candidate.id, candidate]));
  const order: C[] = [];
  let turn = 0;
  for (const [index, { id }] of before.order.entries()) {
    const staying = arriving.get(id);
    if (staying === undefined) continue;
    if (index < before.turn) turn++;
    order.push(staying);
    arriving.delete(id);
  }
  const isFresh = order.length === 0;
  order.push(...arriving.values());
  return { order, turn: isFresh && order.length > 0 ? random.below(order.length) : turn };
}
