/**
 * Earliest deadline first: weighted turns at O(log n) a pick, as gRPC (A58) and Envoy schedule them. Each has a next
 * turn; the earliest is picked, and its next one is 1/weight later. Turns start at random within the first interval, or
 * clients that start together would all send their first calls to the heaviest.
 *
 * A weight may be another one at each turn: what it is when picked decides when the next turn comes.
 */
import type { Random } from "../runtime/random.ts";

export interface EdfSchedule {
  /** Starts anew with `length` members, of which `weightOf` gives a number above 0. */
  reset(length: number, weightOf: (index: number) => number): void;
  /** The index whose turn it is among those that may be picked; -1 when none may. */
  pick(mayBePicked: ((index: number) => boolean) | undefined): number;
}

export function createEdfSchedule(random: Random): EdfSchedule {
  let turns = new Float64Array(0);
  /** A heap of indexes, the earliest turn on top. */
  let heap = new Int32Array(0);
  let weightAt: (index: number) => number = () => 1;

  const turnAt = (place: number) => turns[heap[place] as number] as number;

  function sink(from: number): void {
    let place = from;
    const index = heap[place] as number;
    const turn = turns[index] as number;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && turnAt(child + 1) < turnAt(child)) child++;
      if (turnAt(child) >= turn) break;
      heap[place] = heap[child] as number;
      place = child;
    }
    heap[place] = index;
  }

  /** For a call that tried some already: they keep their turns. */
  function earliestOf(mayBePicked: (index: number) => boolean): number {
    let best = -1;
    for (let place = 0; place < heap.length; place++) {
      if (best >= 0 && turnAt(place) >= turnAt(best)) continue;
      if (mayBePicked(heap[place] as number)) best = place;
    }
    return best;
  }

  return {
    reset(length, weightOf) {
      weightAt = weightOf;
      turns = Float64Array.from({ length }, (_, index) => random.next() / weightOf(index));
      heap = Int32Array.from({ length }, (_, index) => index);
      for (let place = (length >> 1) - 1; place >= 0; place--) sink(place);
    },

    pick(mayBePicked) {
      if (heap.length === 0) return -1;
      const place = mayBePicked === undefined || mayBePicked(heap[0] as number) ? 0 : earliestOf(mayBePicked);
      if (place < 0) return -1;
      const index = heap[place] as number;
      turns[index] = (turns[index] as number) + 1 / weightAt(index);
      sink(place);
      return index;
    },
  };
}
