/**
 * Leases in the order in which they run out, at a constant cost each. All leases of one queue have the same length
 * and time never goes back, so renewing one is moving it to the end: insertion order is expiry order, and neither a
 * heap nor a scan is needed however many instances there are.
 */
export interface LeaseQueue {
  readonly lengthMs: number;
  /** Starts or renews the lease of an id at `nowMs`, which must not go backwards. */
  renew(id: string, nowMs: number): void;
  delete(id: string): void;
  /** When the lease of an id runs out; undefined when it holds none. */
  expiresAt(id: string): number | undefined;
  /** When the first lease runs out; infinity when there is none. */
  nextExpiry(): number;
  /** Removes and returns the ids of the leases that have run out at `nowMs`, oldest first. */
  takeExpired(nowMs: number): string[];
  /** Renews every lease, in the order in which they stand. */
  renewAll(nowMs: number): void;
}

export function createLeaseQueue(lengthMs: number): LeaseQueue {
  const expiries = new Map<string, number>();
  return {
    lengthMs,
    renew(id, nowMs) {
      expiries.delete(id);
      expiries.set(id, nowMs + lengthMs);
    },
    delete: (id) => void expiries.delete(id),
    expiresAt: (id) => expiries.get(id),
    nextExpiry: () => expiries.values().next().value ?? Number.POSITIVE_INFINITY,
    takeExpired(nowMs) {
      const expired: string[] = [];
      for (const [id, expiresAt] of expiries) {
        if (expiresAt > nowMs) break;
        expiries.delete(id);
        expired.push(id);
      }
      return expired;
    },
    renewAll(nowMs) {
      for (const id of expiries.keys()) expiries.set(id, nowMs + lengthMs);
    },
  };
}
