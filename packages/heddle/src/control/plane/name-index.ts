/**
 * From a name to its instances and watchers: one feed a name, and one for each filter that somebody watches it
 * through. A change touches the feeds of the names of its instance and no others.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import type { Instance } from "../../gen/heddle/registry/v1/registry_pb.ts";
import { Feed, type FeedOptions, type InstanceSnapshot, type Subscription } from "./feed.ts";
import type { InstanceMatch } from "./instance-filter.ts";

export interface NameIndexOptions extends FeedOptions {
  readonly maxWatchers: number;
  readonly maxFiltersPerName: number;
  readonly maxFilteredInstances: number;
}

export class NameIndex {
  readonly #options: NameIndexOptions;
  readonly #names = new Map<string, NamedFeeds>();
  #watchers = 0;
  /** Entries in the feeds of all filters. */
  #filteredInstances = 0;

  constructor(options: NameIndexOptions) {
    this.#options = options;
  }

  /** An instance was like `before` (undefined: not there) and is now like `after` (undefined: gone). */
  change(before: Instance | undefined, after: Instance | undefined, revision: number): void {
    const id = (after ?? before)?.id ?? "";
    if (after !== undefined) this.#set("", id, after, revision);
    else this.#set("", id, undefined, revision);
    for (const name of namesOf(before)) if (!hasName(after, name)) this.#set(name, id, undefined, revision);
    for (const name of namesOf(after)) this.#set(name, id, after, revision);
  }

  list(name: string, match: InstanceMatch): InstanceSnapshot {
    const feeds = this.#names.get(name);
    if (feeds === undefined) return this.#options.toSnapshot([]);
    const filtered = feeds.filtered.get(match.key)?.feed;
    if (match.key === "" || filtered !== undefined) return (filtered ?? feeds.all).list();
    return this.#options.toSnapshot([...feeds.all.instances()].filter((one) => match.matches(one)));
  }

  /** Throws RESOURCE_EXHAUSTED when there are too many. */
  watch(name: string, match: InstanceMatch, onReady: () => void): Subscription {
    if (this.#watchers >= this.#options.maxWatchers) {
      const text = `the registry has ${this.#watchers} watchers and takes no more`;
      throw new ConnectError(text, Code.ResourceExhausted);
    }
    const feeds = this.#open(name);
    let feed = feeds.all;
    try {
      if (match.key !== "") feed = this.#openFiltered(feeds, match);
    } catch (error) {
      this.#dropUnused(name, feeds);
      throw error;
    }
    this.#watchers++;
    return feed.watch(onReady, () => {
      this.#watchers--;
      if (match.key !== "" && !feed.watched) {
        feeds.filtered.delete(match.key);
        this.#filteredInstances -= feed.size;
      }
      this.#dropUnused(name, feeds);
    });
  }

  /** Makes the next event of every watcher a snapshot. */
  reset(): void {
    for (const { all, filtered } of this.#names.values()) {
      all.reset();
      for (const { feed } of filtered.values()) feed.reset();
    }
  }

  #set(name: string, id: string, instance: Instance | undefined, revision: number): void {
    const feeds = instance === undefined ? this.#names.get(name) : this.#open(name);
    if (feeds === undefined) return;
    feeds.all.set(id, instance, revision);
    for (const { feed, match } of feeds.filtered.values()) {
      const visible = instance !== undefined && match.matches(instance) ? instance : undefined;
      if (visible === undefined && !feed.has(id)) continue;
      this.#filteredInstances -= feed.size;
      feed.set(id, visible, revision);
      this.#filteredInstances += feed.size;
    }
    this.#dropUnused(name, feeds);
  }

  #open(name: string): NamedFeeds {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    const opened: NamedFeeds = { all: new Feed(this.#options), filtered: new Map() };
    this.#names.set(name, opened);
    return opened;
  }

  #openFiltered(feeds: NamedFeeds, match: InstanceMatch): Feed {
    const known = feeds.filtered.get(match.key);
    if (known !== undefined) return known.feed;
    this.#checkRoom(feeds);
    const feed = new Feed(this.#options);
    // Its watchers begin with a snapshot, so that revisions of what is there now don't matter.
    for (const instance of feeds.all.instances())
      if (match.matches(instance)) feed.set(instance.id, instance, 0);
    feeds.filtered.set(match.key, { feed, match });
    this.#filteredInstances += feed.size;
    return feed;
  }

  /** Each change is held against every filter of its names, and each filter has a list of its own. */
  #checkRoom({ filtered }: NamedFeeds): void {
    const { maxFiltersPerName, maxFilteredInstances } = this.#options;
    if (filtered.size < maxFiltersPerName && this.#filteredInstances < maxFilteredInstances) return;
    const text = "filter: the registry is watched through too many different ones, and takes no more";
    throw new ConnectError(text, Code.ResourceExhausted);
  }

  #dropUnused(name: string, { all, filtered }: NamedFeeds): void {
    if (all.size === 0 && !all.watched && filtered.size === 0) this.#names.delete(name);
  }
}

interface NamedFeeds {
  readonly all: Feed;
  /** By the key of their filter. */
  readonly filtered: Map<string, { readonly feed: Feed; readonly match: InstanceMatch }>;
}

/** The names under which an instance is found, besides the empty one. */
function namesOf(instance: Instance | undefined): readonly string[] {
  if (instance === undefined) return [];
  const { service, contracts } = instance;
  if (contracts.length === 0) return [service];
  if (contracts.length === 1) return contracts[0] === service ? [service] : [service, contracts[0] as string];
  return [...new Set([service, ...contracts])];
}

function hasName(instance: Instance | undefined, name: string): boolean {
  return instance !== undefined && (instance.service === name || instance.contracts.includes(name));
}
