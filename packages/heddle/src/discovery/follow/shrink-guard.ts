/**
 * Judges whether a loss of endpoints is believed at once. A registry that lost its data, was restored from yesterday or
 * can't see half of its network says "complete" and means it, and a caller that believes it at once has nobody left
 * to call. So a sudden loss of most of a set waits for a second opinion (see `known-set.ts`).
 *
 * What counts is the sum of losses in a short while. Endpoints that are replaced by others in one answer are no loss, and
 * neither are those that announced their end (draining).
 */
export interface ShrinkGuardOptions {
  /** A loss of more than this share of the set is not believed at once. Default 0.5. */
  readonly share?: number;
  /** Sets of fewer endpoints are not guarded: one of two may well be stopped. Default 4. */
  readonly minimum?: number;
  /** Losses within so many milliseconds are one loss. Default 1 000. */
  readonly windowMs?: number;
}

export interface ShrinkGuard {
  /** Whether `lost` of `size` endpoints may go, while `gained` come. What it does not believe counts too. */
  believes(lost: number, gained: number, size: number, nowMs: number): boolean;
}

export function createShrinkGuard(options: ShrinkGuardOptions = {}): ShrinkGuard {
  const { share = 0.5, minimum = 4, windowMs = 1_000 } = options;
  let windowEndsAtMs = Number.NEGATIVE_INFINITY;
  let sizeAtStart = 0;
  let lostInWindow = 0;

  return {
    believes(lost, gained, size, nowMs) {
      if (lost === 0) return true;
      if (nowMs >= windowEndsAtMs) {
        windowEndsAtMs = nowMs + windowMs;
        sizeAtStart = size;
        lostInWindow = 0;
      }
      lostInWindow += Math.max(0, lost - gained);
      return sizeAtStart < minimum || lostInWindow <= sizeAtStart * share;
    },
  };
}
