/**
 * Judges whether a loss of endpoints is believed at once. A registry that lost its data, was restored from yesterday or
 * can't see half of its network says "complete" and means it, and a caller that believes it at once has nobody left
 * to call. So a sudden loss of most of a set waits for a second opinion (see `known-set.ts`).
 *
 * What counts is the net loss in a short while: endpoints that are replaced by as many others are no loss, and neither
 * are those that announced their end (draining).
 */
export interface ShrinkGuardOptions {
  /** A net loss of more than this share of the set is not believed at once. Default 0.5. */
  readonly share?: number;
  /** Sets of fewer endpoints are not guarded: one of two may well be stopped. Default 4. */
  readonly minimum?: number;
  /** Losses within so many milliseconds are one loss. Default 1 000. */
  readonly windowMs?: number;
}

export interface ShrinkGuard {
  /** Whether `lost` of `size` endpoints may go, while `gained` come. Counts them in either case. */
  believes(lost: number, gained: number, size: number, nowMs: number): boolean;
}

export function createShrinkGuard(options: ShrinkGuardOptions = {}): ShrinkGuard {
  const { share = 0.5, minimum = 4, windowMs = 1_000 } = options;
  let windowEndsAtMs = Number.NEGATIVE_INFINITY;
  let sizeAtStart = 0;
  let netLoss = 0;

  return {
    believes(lost, gained, size, nowMs) {
      if (nowMs >= windowEndsAtMs) {
        windowEndsAtMs = nowMs + windowMs;
        sizeAtStart = size;
        netLoss = 0;
      }
      netLoss += lost - gained;
      return lost === 0 || sizeAtStart < minimum || netLoss <= sizeAtStart * share;
    },
  };
}
