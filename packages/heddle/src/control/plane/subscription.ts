/**
 * What one watcher has not been told yet. Between two readings changes are folded by instance, so a reader that lags
 * a little gets fewer and larger deltas. One that lags so far that even the folded changes exceed the bound is
 * cut off and must watch again: the registry neither waits for a reader nor drops a change in silence.
 */
import type { Instance } from "../../gen/heddle/registry/v1/registry_pb.ts";

export type WatchEvent =
  | {
      readonly kind: "snapshot";
      readonly epoch: string;
      readonly revision: bigint;
      readonly complete: boolean;
      readonly instances: readonly Instance[];
    }
  | {
      readonly kind: "delta";
      readonly revision: bigint;
      readonly previousRevision: bigint;
      readonly upserted: readonly Instance[];
      readonly removed: readonly string[];
    }
  /** The last event: changes were lost, watch again. */
  | { readonly kind: "overflow" };

/** What the registry knows about a name at this moment. */
export type InstanceSnapshot = Extract<WatchEvent, { kind: "snapshot" }>;

/** The watcher's end. */
export interface Subscription {
  /** The next event, or undefined when there is nothing new. The first event is a snapshot. */
  take(): WatchEvent | undefined;
  /** Revision of the last event taken; what keepalives carry. */
  readonly revision: bigint;
  close(): void;
}

/** The registry's end. */
export interface SubscriptionFeed extends Subscription {
  /** Notes that an instance is now like this for the watcher, or gone (undefined). */
  offer(id: string, instance: Instance | undefined): void;
  /** Makes the next event a snapshot. */
  reset(): void;
}

export interface SubscriptionOptions {
  /** Instances that may have changed between two readings before the watcher is cut off. */
  readonly maxPending: number;
  readonly snapshot: () => InstanceSnapshot;
  readonly revisionNow: () => bigint;
  /** Called when there is something to take; possibly more than once. */
  readonly onReady: () => void;
  readonly onClose: (subscription: SubscriptionFeed) => void;
}

export function createSubscription(options: SubscriptionOptions): SubscriptionFeed {
  const { maxPending, snapshot, revisionNow, onReady, onClose } = options;
  const pending = new Map<string, Instance | undefined>();
  let resetDue = true;
  let overflowed = false;
  let closed = false;
  let revision = 0n;

  const subscription: SubscriptionFeed = {
    get revision() {
      return revision;
    },
    offer(id, instance) {
      if (closed || resetDue || overflowed) return;
      pending.set(id, instance);
      if (pending.size > maxPending) {
        overflowed = true;
        pending.clear();
      }
      onReady();
    },
    reset() {
      if (closed || overflowed) return;
      resetDue = true;
      pending.clear();
      onReady();
    },
    take() {
      if (closed) return undefined;
      if (overflowed) {
        subscription.close();
        return { kind: "overflow" };
      }
      if (resetDue) {
        resetDue = false;
        const event = snapshot();
        revision = event.revision;
        return event;
      }
      if (pending.size === 0) return undefined;
      const event = toDelta(pending, revision, revisionNow());
      pending.clear();
      revision = event.revision;
      return event;
    },
    close() {
      if (closed) return;
      closed = true;
      pending.clear();
      onClose(subscription);
    },
  };
  return subscription;
}

function toDelta(
  pending: ReadonlyMap<string, Instance | undefined>,
  previousRevision: bigint,
  revision: bigint,
): Extract<WatchEvent, { kind: "delta" }> {
  const upserted: Instance[] = [];
  const removed: string[] = [];
  for (const [id, instance] of pending) {
    if (instance) upserted.push(instance);
    else removed.push(id);
  }
  return { kind: "delta", revision, previousRevision, upserted, removed };
}
