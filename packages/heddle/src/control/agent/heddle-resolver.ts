/**
 * Resolves `heddle:///name` by watching Heddle's registry. The watch is restarted with a jittered pause whenever it
 * ends, falls silent or turns out to have missed something, and what is known stays known meanwhile.
 *
 * The set saved on disk is used only while the registry hasn't answered: it may name instances that died long
 * ago, so it is better than nothing and worse than any answer. And only a set that the registry called complete is
 * saved, so that a registry that has just started can't make a good file poorer.
 */
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import { createEndpointSet, type EndpointSet } from "../../discovery/endpoint-set.ts";
import type { LastGoodStore } from "../../discovery/last-good.ts";
import type { Resolver, ResolverSnapshot, ResolverUpdate } from "../../discovery/resolver.ts";
import type { RegistryService, WatchResponse } from "../../gen/heddle/registry/v1/registry_pb.ts";
import type { Random } from "../../runtime/random.ts";
import type { Timers } from "../../runtime/timer.ts";
import { toEndpoint } from "./instance.ts";
import { type LiveStream, openLiveStream } from "./live-stream.ts";
import { pauseBeforeRetry } from "./pause.ts";

export interface HeddleResolverOptions {
  readonly client: Client<typeof RegistryService>;
  /** Where complete sets are saved and found again. Default: nowhere. */
  readonly lastGood?: LastGoodStore | undefined;
  /** How long a new watch waits for the registry before it uses the saved set. Default 300 ms. */
  readonly lastGoodAfterMs?: number;
  readonly onEvent?: ((event: HeddleResolverEvent) => void) | undefined;
  readonly random: Random;
  readonly timers: Timers;
}

/** For logs and metrics; nothing needs to be done about any of them. */
export type HeddleResolverEvent =
  /** The registry answered. */
  | { readonly kind: "connected"; readonly target: string }
  /** The watch ended and will be opened again. What is known is kept. */
  | { readonly kind: "disconnected"; readonly target: string; readonly error: unknown }
  /** The registry doesn't answer; a set saved so long ago is used. */
  | { readonly kind: "last-good"; readonly target: string; readonly count: number; readonly ageMs: number };

export function createHeddleResolver(options: HeddleResolverOptions): Resolver {
  const { client, lastGood, lastGoodAfterMs = 300, onEvent = () => {}, random, timers } = options;

  return {
    scheme: "heddle",
    async *watch(target, signal) {
      const set = createEndpointSet();
      let savedSetDue = lastGood !== undefined;
      /** Watches in a row that the registry did not answer. */
      let failures = 0;

      while (!signal.aborted) {
        let connected = false;
        const stream = openLiveStream(
          (abort) => client.watch({ name: target.name }, { signal: abort, timeoutMs: 0 }),
          timers,
        );
        signal.addEventListener("abort", stream.close, { once: true });
        try {
          const first = stream.next(OPEN_TIMEOUT_MS);
          if (savedSetDue && !(await settlesWithin(first, lastGoodAfterMs, timers))) {
            savedSetDue = false;
            yield* savedSet(target.text, set);
          }
          for await (const update of readUpdates(first, stream)) {
            if (!connected) onEvent({ kind: "connected", target: target.text });
            connected = true;
            failures = 0;
            savedSetDue = false;
            apply(target.text, set, update);
            yield update;
          }
        } catch (error) {
          if (!signal.aborted) onEvent({ kind: "disconnected", target: target.text, error });
        } finally {
          signal.removeEventListener("abort", stream.close);
          stream.close();
        }
        if (savedSetDue && !signal.aborted) {
          savedSetDue = false;
          yield* savedSet(target.text, set);
        }
        await pauseBeforeRetry(failures, signal, random, timers);
        if (!connected) failures++;
      }
    },
  };

  /** Applies an update to what is saved; throws when the watch must be opened again. */
  function apply(target: string, set: EndpointSet, update: ResolverUpdate): void {
    const { added, changed, removed, resync } = set.apply(update);
    if (resync) throw missedSomething();
    const news = added.length + changed.length + removed.length > 0;
    const confirmed = update.kind === "snapshot" && update.complete;
    if (set.complete && (news || confirmed)) lastGood?.save(target, set.endpoints.values());
  }

  async function* savedSet(target: string, set: EndpointSet): AsyncGenerator<ResolverSnapshot> {
    const saved = await lastGood?.load(target);
    if (!saved || saved.endpoints.length === 0) return;
    const { endpoints, ageMs } = saved;
    onEvent({ kind: "last-good", target, count: endpoints.length, ageMs });
    const snapshot: ResolverSnapshot = {
      kind: "snapshot",
      epoch: "last-good",
      revision: 0n,
      endpoints,
      complete: false,
    };
    set.apply(snapshot);
    yield snapshot;
  }
}

/** How long the registry may take to send the first snapshot. */
const OPEN_TIMEOUT_MS = 5_000;
/** Of so many keepalives one must arrive. */
const MISSED_KEEPALIVES = 3;

/** The updates of one stream. Ends only by throwing. */
async function* readUpdates(
  first: Promise<WatchResponse>,
  stream: LiveStream<WatchResponse>,
): AsyncGenerator<ResolverUpdate> {
  let silenceMs = OPEN_TIMEOUT_MS;
  let revision = 0n;
  for (let response = await first; ; response = await stream.next(silenceMs)) {
    const { event } = response;
    switch (event.case) {
      case "snapshot": {
        const { epoch, complete, instances, keepaliveIntervalMs } = event.value;
        if (keepaliveIntervalMs > 0) silenceMs = keepaliveIntervalMs * MISSED_KEEPALIVES;
        revision = event.value.revision;
        yield { kind: "snapshot", epoch, revision, endpoints: instances.map(toEndpoint), complete };
        break;
      }
      case "delta": {
        const { previousRevision, upserted, removedIds } = event.value;
        revision = event.value.revision;
        yield {
          kind: "delta",
          revision,
          previousRevision,
          upserted: upserted.map(toEndpoint),
          removed: removedIds,
        };
        break;
      }
      case "keepalive":
        if (event.value.revision !== revision) throw missedSomething();
        break;
      case undefined:
        break;
    }
  }
}

/** Whether a promise is fulfilled or rejected within a while. */
async function settlesWithin(promise: Promise<unknown>, ms: number, timers: Timers): Promise<boolean> {
  const timedOut = Promise.withResolvers<boolean>();
  const timer = timers.after(ms, () => timedOut.resolve(false));
  const settled = promise.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([settled, timedOut.promise]);
  } finally {
    timer.cancel();
  }
}

function missedSomething(): ConnectError {
  return new ConnectError("the watch missed a change", Code.DataLoss);
}
