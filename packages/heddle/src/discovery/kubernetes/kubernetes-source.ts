/**
 * One attempt at following a Service: list its slices, then watch from where the list ended. A watch that ends, as the
 * server makes it do every few minutes, is opened again from the last cursor; a cursor that the server has forgotten
 * means another list, whose difference is all that callers see of it.
 *
 * A frozen server is found by the heartbeat that doesn't come. Where a load balancer stands before several servers,
 * the heartbeat may reach another one than the watch: then by the bookmarks that used to come and don't any more.
 */
import { HeddleError } from "../../call/errors.ts";
import { RateGuard } from "../../runtime/rate-guard.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Endpoint } from "../endpoint.ts";
import { RegistryHttpError } from "../http/registry-http.ts";
import type { Source, SourceUpdate } from "../source.ts";
import type { Target } from "../target.ts";
import { createBell } from "../waiting/bell.ts";
import { CursorLost, ServerBusy } from "./api-faults.ts";
import type { Heartbeat } from "./heartbeat.ts";
import type { KubernetesApi, SliceEvent, SliceScope } from "./kubernetes-api.ts";
import { type SliceQuery, toSliceQuery } from "./kubernetes-target.ts";
import { createSliceUnion, type SliceUnion } from "./slice-union.ts";

export interface KubernetesSourceOptions {
  readonly api: KubernetesApi;
  readonly heartbeat: Heartbeat;
  /** Without a sign of life for so long the server counts as lost. */
  readonly silenceMs: number;
  /** Where the target says neither. */
  readonly namespace: string | undefined;
  readonly port: string | undefined;
  readonly runtime: Runtime;
}

export function createKubernetesSource(options: KubernetesSourceOptions): Source {
  const { silenceMs } = options;
  return {
    scheme: "kubernetes",
    silenceMs,
    async *open(target, signal) {
      const query = toSliceQuery(target);
      const namespace = query.namespace ?? options.namespace ?? (await options.api.namespace());
      yield* new Attempt(options, target, query, namespace, signal).run();
    },
  };
}

class Attempt {
  readonly #options: KubernetesSourceOptions;
  readonly #target: Target;
  readonly #query: SliceQuery;
  readonly #scope: SliceScope;
  readonly #signal: AbortSignal;
  #union: SliceUnion;
  #cursor = "";
  /** Watches in a row that ended before they were of use. */
  #shortWatches = 0;
  /** How often watches are opened, of use or not: one that tells something and ends at once would be opened without a pause. */
  readonly #openings = new RateGuard({ limit: 10, perMs: 30_000 });

  constructor(
    options: KubernetesSourceOptions,
    target: Target,
    query: SliceQuery,
    namespace: string,
    signal: AbortSignal,
  ) {
    this.#options = options;
    this.#target = target;
    this.#query = query;
    this.#scope = { namespace, labelSelector: query.labelSelector };
    this.#signal = signal;
    this.#union = this.#newUnion();
  }

  async *run(): AsyncGenerator<SourceUpdate> {
    for (;;) {
      yield* this.#patiently(() => this.#list());
      yield { kind: "snapshot", endpoints: this.#told([...this.#union.endpoints.values()]) };
      try {
        for (;;) yield* this.#patiently(() => this.#watch());
      } catch (error) {
        if (!(error instanceof CursorLost)) throw error;
        this.#countShortWatch(error);
      }
    }
  }

  /** Does a step again after the pause for which the server asks. */
  async *#patiently(step: () => AsyncGenerator<SourceUpdate>): AsyncGenerator<SourceUpdate> {
    const { runtime, silenceMs } = this.#options;
    for (;;) {
      try {
        return yield* step();
      } catch (error) {
        if (!(error instanceof ServerBusy)) throw error;
        const waitMs = error.waitMs * (1 + 0.2 * runtime.random.next());
        yield { kind: "alive", silenceMs: waitMs + silenceMs };
        using bell = createBell(this.#signal, runtime.timers);
        await bell.wait(waitMs);
        this.#signal.throwIfAborted();
        yield { kind: "alive", silenceMs };
      }
    }
  }

  /** A list whose pages are no longer to be had from one state begins anew once. */
  async *#list(): AsyncGenerator<SourceUpdate> {
    for (let isFirst = true; ; isFirst = false) {
      const union = this.#newUnion();
      try {
        for await (const { slices, cursor } of this.#options.api.list(this.#scope, this.#signal)) {
          for (const slice of slices) union.put(slice);
          this.#cursor = cursor;
          yield { kind: "alive" };
        }
        this.#union = union;
        return;
      } catch (error) {
        if (!isFirst || !(error instanceof CursorLost)) throw error;
      }
    }
  }

  /** One watch. Returns when it is to be opened again from the cursor. */
  async *#watch(): AsyncGenerator<SourceUpdate> {
    const { api, runtime } = this.#options;
    if (this.#openings.hit(runtime.clock.now()))
      throw new Error("the API server ends watches again and again");
    const ending = new AbortController();
    const signal = AbortSignal.any([this.#signal, ending.signal]);
    let usefulAtMs = Number.POSITIVE_INFINITY;
    const wasOfUse = () => runtime.clock.now() >= usefulAtMs;
    try {
      for await (const event of this.#withHeartbeat(api.watch(this.#scope, this.#cursor, signal))) {
        if (event?.kind === "open") usefulAtMs = runtime.clock.now() + SHORT_WATCH_MS;
        else if (event !== undefined) usefulAtMs = Number.NEGATIVE_INFINITY;
        yield event === undefined ? { kind: "alive" } : this.#apply(event);
      }
      if (!wasOfUse()) throw new ShortWatch("the API server ends each watch at once");
      this.#shortWatches = 0;
    } catch (error) {
      if (wasOfUse()) this.#shortWatches = 0;
      this.#signal.throwIfAborted();
      if (error instanceof ShortWatch) return this.#countShortWatch(error);
      // A connection that breaks under a watch that was of use is worth one more try. A server that is away isn't.
      const isFault = error instanceof RegistryHttpError || error instanceof BookmarksMissing;
      if (!isFault || !wasOfUse()) throw error;
    } finally {
      ending.abort();
    }
  }

  /** Throws the error when it is one of several in a row: a pause is due, and that is not ours to make. */
  #countShortWatch(error: Error): void {
    this.#shortWatches++;
    if (this.#shortWatches >= MAX_SHORT_WATCHES) throw error;
  }

  #apply(event: SliceEvent): SourceUpdate {
    if (event.kind === "open") return { kind: "alive" };
    this.#cursor = event.cursor || this.#cursor;
    if (event.kind === "bookmark") return { kind: "alive" };
    const { upserted, removed } =
      event.kind === "put" ? this.#union.put(event.slice) : this.#union.remove(event.slice.key);
    if (upserted.length === 0 && removed.length === 0) return { kind: "alive" };
    return { kind: "delta", upserted: this.#told(upserted), removed };
  }

  /** The events, and undefined for each heartbeat in between. */
  async *#withHeartbeat(events: AsyncIterable<SliceEvent>): AsyncGenerator<SliceEvent | undefined> {
    const { heartbeat, runtime } = this.#options;
    const { clock, timers } = runtime;
    using bell = createBell(this.#signal, timers);
    let beaten = false;
    using _ = heartbeat.listen(() => {
      beaten = true;
      bell.ring();
    });
    const reader = events[Symbol.asyncIterator]();
    let arrived: IteratorResult<SliceEvent> | undefined;
    let failure: { readonly error: unknown } | undefined;
    const read = () => {
      reader
        .next()
        .then(
          (result) => (arrived = result),
          (error: unknown) => (failure = { error }),
        )
        .finally(bell.ring);
    };
    let heardAtMs = clock.now();
    let sendsBookmarks = false;
    read();
    for (;;) {
      await bell.wait();
      this.#signal.throwIfAborted();
      if (failure !== undefined) throw failure.error;
      if (arrived !== undefined) {
        if (arrived.done) return;
        const event = arrived.value;
        arrived = undefined;
        heardAtMs = clock.now();
        sendsBookmarks ||= event.kind === "bookmark";
        read();
        yield event;
      }
      if (beaten) {
        beaten = false;
        if (sendsBookmarks && clock.now() - heardAtMs > BOOKMARK_SILENCE_MS)
          throw new BookmarksMissing(`no bookmark came for ${BOOKMARK_SILENCE_MS / 1000} s`);
        yield undefined;
      }
    }
  }

  #newUnion(): SliceUnion {
    return createSliceUnion({ port: this.#query.port ?? this.#options.port });
  }

  /**
   * Endpoints as they are told: of a contract whose name is too long for a label only who asks knows the name. Throws when
   * there would be endpoints, but none has a port that is meant.
   */
  #told(endpoints: readonly Endpoint[]): readonly Endpoint[] {
    const { contract } = this.#query;
    const ports = this.#union.unfitPorts;
    if (ports !== undefined) {
      const reason = `its slices have the ports ${ports}: say which with ?port=, or name one of them grpc`;
      throw new HeddleError("noInstance", { target: this.#target.text, reason });
    }
    if (contract === undefined) return endpoints;
    return endpoints.map((endpoint) =>
      endpoint.contracts.includes(contract)
        ? endpoint
        : { ...endpoint, contracts: [...endpoint.contracts, contract] },
    );
  }
}

class ShortWatch extends Error {
  override readonly name = "ShortWatch";
}

class BookmarksMissing extends Error {
  override readonly name = "BookmarksMissing";
}

/** A watch that neither told anything nor lasted so long was of no use. */
const SHORT_WATCH_MS = 1_000;
const MAX_SHORT_WATCHES = 3;
/** API servers send one about each minute. */
const BOOKMARK_SILENCE_MS = 180_000;
