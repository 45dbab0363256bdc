/** One watcher of etcd: what its stream has heard for it and its reader has not taken yet. */
import { Code, ConnectError } from "@connectrpc/connect";
import type { Event } from "../../gen/etcd/kv_pb.ts";
import type { WatchResponse } from "../../gen/etcd/rpc_pb.ts";
import type { EtcdWatchNews } from "./watch-hub.ts";

/** More events than this that nobody has read mean that the reader can't follow: a list is cheaper than to catch up. */
export const MAX_UNREAD_EVENTS = 20_000;

export class Watcher {
  /** Within its stream. */
  readonly id: bigint;
  /** The first revision that is wanted. */
  readonly #from: bigint;
  #unread: EtcdWatchNews[] = [];
  #unreadEvents = 0;
  /** Of a revision whose end has not come yet. */
  #fragments: Event[] = [];
  #failure: { readonly error: unknown } | undefined;
  #wake = () => {};

  constructor(id: bigint, from: bigint) {
    this.id = id;
    this.#from = from;
  }

  /** Waits. Rejects with what `fail` was given, once all that came before has been read. */
  async next(): Promise<EtcdWatchNews> {
    for (;;) {
      const news = this.#unread.shift();
      if (news !== undefined) {
        if (news.kind === "events") this.#unreadEvents -= news.events.length;
        return news;
      }
      if (this.#failure !== undefined) throw this.#failure.error;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  alive(): void {
    if (this.#unread.length === 0) this.#add({ kind: "alive" });
  }

  take({ events: all, fragment, header }: WatchResponse): "taken" | "overflow" {
    const events = all.filter(({ kv }) => kv !== undefined && kv.modRevision >= this.#from);
    if (this.#unreadEvents + this.#fragments.length + events.length > MAX_UNREAD_EVENTS) {
      this.fail(
        new ConnectError(`more than ${MAX_UNREAD_EVENTS} changes are unread`, Code.ResourceExhausted),
      );
      return "overflow";
    }
    const whole = this.#fragments.length === 0 ? events : [...this.#fragments, ...events];
    this.#fragments = fragment ? whole : [];
    if (fragment) return "taken";
    this.#unreadEvents += whole.length;
    const revision = header?.revision ?? 0n;
    this.#add(whole.length === 0 ? { kind: "alive" } : { kind: "events", events: whole, revision });
    return "taken";
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake();
  }

  #add(news: EtcdWatchNews): void {
    this.#unread.push(news);
    this.#wake();
  }
}
