/**
 * What one subscriber has not read yet. A slow reader costs nobody anything: changes fold by id, and when too many differ
 * they are forgotten in favour of one snapshot of a new epoch, taken when it is read. Nothing is dropped in silence.
 */
import type { Endpoint } from "../endpoint.ts";
import type { ResolverDelta, ResolverUpdate } from "../resolver.ts";

export interface UpdateQueue {
  /** The next update for the reader; undefined when it has read all. Throws what the queue failed with. */
  take(): ResolverUpdate | undefined;
  /** Resolves when there may be something to take. One waits at a time. */
  news(): Promise<void>;
  /** Deltas come in order, each following on the one before. */
  push(delta: ResolverDelta): void;
  /** The next thing to read is a snapshot. */
  resync(): void;
  /** There will be no more. */
  fail(error: Error): void;
  /** Lets a waiting reader look again. */
  wake(): void;
}

/** Where the queue finds what it takes a snapshot of. */
export interface QueueOrigin {
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  readonly complete: boolean;
  readonly serviceConfig?: unknown;
  readonly revision: bigint;
  /** False while nothing is known: there is no snapshot yet. */
  readonly answered: boolean;
}

/** `epoch` must be different for each queue of the process. `bound`: how many endpoints may differ, default 1 000. */
export function createUpdateQueue(origin: QueueOrigin, epoch: string, bound = 1_000): UpdateQueue {
  let snapshotDue = true;
  let resets = 0;
  /** The one delta that waits, as it was pushed: the usual case, and no copy. */
  let single: ResolverDelta | undefined;
  const folded = new Map<string, Endpoint | undefined>();
  let givenRevision = 0n;
  let revision = 0n;
  let failure: Error | undefined;
  let wake = () => {};

  function fold({ upserted, removed }: ResolverDelta): void {
    for (const endpoint of upserted) folded.set(endpoint.id, endpoint);
    for (const id of removed) folded.set(id, undefined);
  }

  function forget(): void {
    single = undefined;
    folded.clear();
  }

  function takeSnapshot(): ResolverUpdate | undefined {
    if (!origin.answered) return undefined;
    const { endpoints, complete, serviceConfig } = origin;
    snapshotDue = false;
    forget();
    revision = givenRevision = origin.revision;
    return {
      kind: "snapshot",
      epoch: `${epoch}.${resets}`,
      revision,
      endpoints: [...endpoints.values()],
      complete,
      ...(serviceConfig === undefined ? {} : { serviceConfig }),
    };
  }

  function takeDelta(): ResolverUpdate | undefined {
    const waiting = single;
    if (waiting === undefined && folded.size === 0) return undefined;
    const previousRevision = givenRevision;
    givenRevision = revision;
    if (waiting !== undefined) {
      single = undefined;
      return waiting;
    }
    const upserted: Endpoint[] = [];
    const removed: string[] = [];
    for (const [id, endpoint] of folded) {
      if (endpoint === undefined) removed.push(id);
      else upserted.push(endpoint);
    }
    folded.clear();
    return { kind: "delta", revision, previousRevision, upserted, removed };
  }

  return {
    take() {
      if (failure !== undefined) throw failure;
      return snapshotDue ? takeSnapshot() : takeDelta();
    },
    news: () =>
      new Promise((resolve) => {
        wake = resolve;
      }),
    push(delta) {
      if (snapshotDue) return wake();
      revision = delta.revision;
      if (single === undefined && folded.size === 0) {
        single = delta;
      } else {
        if (single !== undefined) fold(single);
        single = undefined;
        fold(delta);
      }
      if (folded.size > bound) {
        forget();
        snapshotDue = true;
        resets++;
      }
      wake();
    },
    resync() {
      snapshotDue = true;
      forget();
      wake();
    },
    fail(error) {
      failure = error;
      wake();
    },
    wake: () => wake(),
  };
}
