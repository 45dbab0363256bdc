/**
 * Prequal's rule "hot, cold, lexicographic" (NSDI 2024, §4). An instance is hot when it has more calls in flight than
 * the Q_RIF quantile of those lately probed. A cold one is better than a hot one; among cold ones the lower latency
 * wins, among hot ones the lower RIF: latency decides while there is room, and RIF, which shows first that there is
 * none, when there is not. Also the whole of synchronous Prequal, which asks a few and waits for all but one.
 */
export interface Load {
  readonly rif: number;
  /** -1: unknown, and tried first: nothing has come back that would speak against it. */
  readonly latencyMs: number;
}

/** Whether a call is better sent to `a`, with `threshold` as the highest RIF that is cold. */
export function isBetterByHotCold(a: Load, b: Load, threshold: number): boolean {
  const isHotA = a.rif > threshold;
  const isHotB = b.rif > threshold;
  if (isHotA !== isHotB) return isHotB;
  if (isHotA) return a.rif === b.rif ? a.latencyMs < b.latencyMs : a.rif < b.rif;
  return a.latencyMs === b.latencyMs ? a.rif < b.rif : a.latencyMs < b.latencyMs;
}

/** Synchronous Prequal: the index of the best of the answers to a call's own probes (3 to 5 are asked); -1: none. */
export function chooseByHotCold(answers: readonly Load[], threshold: number): number {
  let best = -1;
  for (let i = 0; i < answers.length; i++) {
    if (best < 0 || isBetterByHotCold(answers[i] as Load, answers[best] as Load, threshold)) best = i;
  }
  return best;
}

export interface RifWindow {
  add(rif: number): void;
  /** The RIF below or at which a share `quantile` of the answers lie; above it is hot. */
  threshold(quantile: number): number;
}

/** The RIFs of the last `length` probe answers (default 128), sorted as they come. */
export function createRifWindow(length = 128): RifWindow {
  const inOrder = new Float64Array(length);
  const sorted = new Float64Array(length);
  let added = 0;
  let size = 0;

  /** Where `rif` stands, or is to stand, among the sorted. */
  function place(rif: number): number {
    let low = 0;
    let high = size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((sorted[middle] as number) < rif) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  return {
    add(rif) {
      const slot = added++ % length;
      if (size === length) {
        const gone = place(inOrder[slot] as number);
        sorted.copyWithin(gone, gone + 1, size);
        size--;
      }
      inOrder[slot] = rif;
      const at = place(rif);
      sorted.copyWithin(at + 1, at, size);
      sorted[at] = rif;
      size++;
    },

    threshold(quantile) {
      if (quantile <= 0) return -1;
      if (quantile >= 1) return Number.POSITIVE_INFINITY;
      return size === 0 ? 0 : (sorted[Math.max(0, Math.ceil(quantile * size) - 1)] as number);
    },
  };
}
