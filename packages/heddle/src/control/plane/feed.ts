/**
 * The instances behind one name (and one filter), and what changed among them, for all its watchers together.
 *
 * Every instance has one place in a list ordered by its last change, and one that left keeps its place until every
 * watcher has been told. A watcher is then no more than a revision: what it has not been told is the end of the list,
 * walked back to that revision. So changes of one instance fold by themselves, a change costs one step in a list however
 * many instances and watchers there are, and watchers that were told the same so far get the same event, made once.
 *
 * A watcher that lags so far that even the folded changes exceed the bound is cut off and must watch again: the
 * registry neither waits for a reader nor drops a change in silence.
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
type InstanceDelta = Extract<WatchEvent, { kind: "delta" }>;

/** A watcher's end. */
export interface Subscription {
  /** The next event, or undefined when there is nothing new. The first event is a snapshot. Equal ones are the same object. */
  take(): WatchEvent | undefined;
  /** Revision of the last event taken; what keepalives carry. */
  readonly revision: bigint;
  close(): void;
}

export interface FeedOptions {
  /** Instances that may have changed between two readings before the watcher is cut off. */
  readonly maxPending: number;
  /** Makes a snapshot of these instances, as of now. */
  readonly toSnapshot: (instances: readonly Instance[]) => InstanceSnapshot;
}

export class Feed {
  readonly #options: FeedOptions;
  readonly #present = new Map<string, Entry>();
  /** Those that left, oldest first, while a watcher may not know it. */
  readonly #gone = new Map<string, Entry>();
  readonly #watchers = new Set<Watcher>();
  #newest: Entry | undefined;
  /** Watchers whose last word is older than this were cut off: departures up to here are forgotten. */
  #forgottenRevision = 0;
  /** Watchers that have something to take. */
  #behind = 0;
  #lastDelta: InstanceDelta | undefined;
  #lastSnapshot: InstanceSnapshot | undefined;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /** How many instances there are. */
  get size(): number {
    return this.#present.size;
  }

  get watched(): boolean {
    return this.#watchers.size > 0;
  }

  has(id: string): boolean {
    return this.#present.has(id);
  }

  /** Oldest entry first. */
  *instances(): Generator<Instance> {
    for (const { instance } of this.#present.values()) if (instance !== undefined) yield instance;
  }

  list(): InstanceSnapshot {
    this.#lastSnapshot ??= this.#options.toSnapshot([...this.instances()]);
    const snapshot = this.#lastSnapshot;
    if (this.#behind === 0) this.#lastSnapshot = undefined;
    return snapshot;
  }

  /** An instance is now like this, or gone. `revision` is greater than any before it. */
  set(id: string, instance: Instance | undefined, revision: number): void {
    const present = this.#present.get(id);
    const known = present ?? (this.#gone.size > 0 ? this.#gone.get(id) : undefined);
    if (known === undefined && instance === undefined) return;
    const entry = known ?? { id, instance, revision, older: undefined, newer: undefined };
    if (known !== undefined) this.#unlink(known);
    entry.instance = instance;
    entry.revision = revision;
    this.#lastDelta = undefined;
    this.#lastSnapshot = undefined;
    if (instance === undefined) {
      if (present !== undefined) this.#present.delete(id);
      if (!this.watched) return;
      this.#gone.set(id, entry);
    } else if (present === undefined) {
      if (known !== undefined) this.#gone.delete(id);
      this.#present.set(id, entry);
    }
    this.#append(entry);
    if (this.#gone.size > this.#options.maxPending) this.#forgetOldest();
    for (const watcher of this.#watchers) watcher.wake();
  }

  /** Makes the next event of every watcher a snapshot. */
  reset(): void {
    this.#lastSnapshot = undefined;
    for (const watcher of this.#watchers) watcher.reset();
  }

  /** `onReady` is called once when there is something to take, and then not before it was taken. */
  watch(onReady: () => void, onClose: () => void): Subscription {
    const watcher: Watcher = new Watcher(onReady, {
      snapshot: () => this.list(),
      deltaSince: (revision) => this.#deltaSince(revision),
      onBehind: (by) => {
        this.#behind += by;
        if (this.#behind === 0) this.#forget();
      },
      onClose: () => {
        this.#watchers.delete(watcher);
        onClose();
      },
    });
    this.#watchers.add(watcher);
    return watcher;
  }

  #deltaSince(revision: number): InstanceDelta | "nothing" | "overflow" {
    const newest = this.#newest;
    if (newest === undefined || newest.revision <= revision) return "nothing";
    if (revision < this.#forgottenRevision) return "overflow";
    const previousRevision = BigInt(revision);
    if (this.#lastDelta?.previousRevision === previousRevision) return this.#lastDelta;
    const upserted: Instance[] = [];
    const removed: string[] = [];
    let entry: Entry | undefined = newest;
    for (let count = 1; entry !== undefined && entry.revision > revision; entry = entry.older, count++) {
      if (count > this.#options.maxPending) return "overflow";
      if (entry.instance !== undefined) upserted.push(entry.instance);
      else removed.push(entry.id);
    }
    // What happened first stands first.
    upserted.reverse();
    removed.reverse();
    this.#lastDelta = {
      kind: "delta",
      revision: BigInt(newest.revision),
      previousRevision,
      upserted,
      removed,
    };
    return this.#lastDelta;
  }

  /** Every watcher has been told everything: departures need not be kept, nor events that could be shared. */
  #forget(): void {
    for (const entry of this.#gone.values()) this.#unlink(entry);
    this.#gone.clear();
    this.#lastDelta = undefined;
    this.#lastSnapshot = undefined;
  }

  #forgetOldest(): void {
    const [oldest] = this.#gone.values();
    if (oldest === undefined) return;
    this.#unlink(oldest);
    this.#gone.delete(oldest.id);
    this.#forgottenRevision = oldest.revision;
  }

  #append(entry: Entry): void {
    entry.older = this.#newest;
    entry.newer = undefined;
    if (this.#newest !== undefined) this.#newest.newer = entry;
    this.#newest = entry;
  }

  #unlink(entry: Entry): void {
    const { older, newer } = entry;
    if (older !== undefined) older.newer = newer;
    if (newer !== undefined) newer.older = older;
    if (this.#newest === entry) this.#newest = older;
    entry.older = undefined;
    entry.newer = undefined;
  }
}

interface Entry {
  readonly id: string;
  /** Undefined once it left. */
  instance: Instance | undefined;
  /** Of its last change. */
  revision: number;
  older: Entry | undefined;
  newer: Entry | undefined;
}

interface WatcherFeed {
  snapshot(): InstanceSnapshot;
  deltaSince(revision: number): InstanceDelta | "nothing" | "overflow";
  /** One more, or one less, has something to take. */
  onBehind(by: 1 | -1): void;
  onClose(): void;
}

class Watcher implements Subscription {
  readonly #onReady: () => void;
  readonly #feed: WatcherFeed;
  #revision = 0;
  #resetDue = true;
  #behind = true;
  #closed = false;

  constructor(onReady: () => void, feed: WatcherFeed) {
    this.#onReady = onReady;
    this.#feed = feed;
    feed.onBehind(1);
  }

  get revision(): bigint {
    return BigInt(this.#revision);
  }

  wake(): void {
    if (this.#behind) return;
    this.#behind = true;
    this.#feed.onBehind(1);
    this.#onReady();
  }

  reset(): void {
    this.#resetDue = true;
    this.wake();
  }

  take(): WatchEvent | undefined {
    if (this.#closed) return undefined;
    const event = this.#resetDue ? this.#feed.snapshot() : this.#feed.deltaSince(this.#revision);
    if (event === "overflow") {
      this.close();
      return { kind: "overflow" };
    }
    this.#resetDue = false;
    if (event !== "nothing") this.#revision = Number(event.revision);
    this.#caughtUp();
    return event === "nothing" ? undefined : event;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#feed.onClose();
    this.#caughtUp();
  }

  #caughtUp(): void {
    if (!this.#behind) return;
    this.#behind = false;
    this.#feed.onBehind(-1);
  }
}
