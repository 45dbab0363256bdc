/**
 * Follows a name in etcd: a list of its keys as of one revision, then what happened to them from the next revision on.
 *
 * When the history that the watch needs has been compacted, there is a new list, which is yielded as a further
 * snapshot and so taken as a difference. When the stream is lost the attempt ends: a list is asked of a majority of the
 * cluster, so what the next attempt begins with is never older than what this one saw.
 */
import { type Event, Event_EventType } from "../../gen/etcd/kv_pb.ts";
import { RateGuard } from "../../runtime/rate-guard.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Endpoint } from "../endpoint.ts";
import { registryRefusal } from "../registry-error.ts";
import type { Source, SourceUpdate } from "../source.ts";
import { refuseTargetOptions } from "../target-options.ts";
import type { EtcdClient } from "./etcd-client.ts";
import { Compacted, isRefusal } from "./etcd-error.ts";
import { prefixRange } from "./etcd-keys.ts";
import { type EtcdLayout, readInstance } from "./etcd-layout.ts";

export interface EtcdSourceOptions {
  readonly client: Pick<EtcdClient, "list" | "watch">;
  readonly layout: EtcdLayout;
  /** For errors: the registry without its secrets. */
  readonly registry: string;
  readonly onWarning: (message: string) => void;
  readonly runtime: Pick<Runtime, "clock">;
}

export function createEtcdSource(options: EtcdSourceOptions): Source {
  const { client, layout, registry, onWarning, runtime } = options;
  /** Keys that nobody could read, each told once. */
  const told = new Set<string>();

  /** The instance behind a key, or undefined when there is none that can be called. */
  function read(name: string, id: string, value: Uint8Array): Endpoint | undefined {
    const endpoint = readInstance(name, id, value);
    if (endpoint === undefined) warnOnce(`${layout.prefixOf(name)}${id}`);
    return endpoint;
  }

  function warnOnce(key: string): void {
    if (told.has(key) || told.size >= MAX_TOLD) return;
    told.add(key);
    onWarning(`registry ${registry}: what stands at ${key} is no instance of that name and is passed over`);
  }

  async function* follow(name: string, signal: AbortSignal): AsyncGenerator<SourceUpdate> {
    const prefix = layout.prefixOf(name);
    const { kvs, revision } = await client.list(prefix, signal);
    const endpoints: Endpoint[] = [];
    for (const { key, value } of kvs) {
      const id = layout.idOf(name, key);
      const endpoint = id === undefined ? undefined : read(name, id, value);
      if (endpoint !== undefined) endpoints.push(endpoint);
    }
    yield { kind: "snapshot", endpoints };
    for await (const news of client.watch({ ...prefixRange(prefix), startRevision: revision + 1n, signal })) {
      if (news.kind === "alive") yield { kind: "alive" };
      else yield toDelta(name, news.events);
    }
  }

  /** Of several events of one key the last counts. */
  function toDelta(name: string, events: readonly Event[]): SourceUpdate {
    const last = new Map<string, Endpoint | undefined>();
    for (const { type, kv } of events) {
      const id = kv === undefined ? undefined : layout.idOf(name, kv.key);
      if (kv === undefined || id === undefined) continue;
      last.set(id, type === Event_EventType.DELETE ? undefined : read(name, id, kv.value));
    }
    const upserted = [...last.values()].filter((endpoint) => endpoint !== undefined);
    const removed = [...last].filter(([, endpoint]) => endpoint === undefined).map(([id]) => id);
    return { kind: "delta", upserted, removed };
  }

  return {
    scheme: "etcd",
    silenceMs: SILENCE_MS,
    async *open(target, signal) {
      refuseTargetOptions(target, "etcd");
      // A list for each compaction; where they come faster than that, the pauses are the loop's to make.
      const compactions = new RateGuard({ limit: MAX_COMPACTIONS, perMs: 60_000 });
      for (;;) {
        try {
          yield* follow(target.name, signal);
        } catch (error) {
          if (error instanceof Compacted && !compactions.hit(runtime.clock.now())) continue;
          throw isRefusal(error) ? registryRefusal(registry, error) : error;
        }
      }
    },
  };
}

/** The watch has a deadline of its own, which is shorter; this one is for what that can't see. */
const SILENCE_MS = 6_000;
const MAX_TOLD = 100;
const MAX_COMPACTIONS = 5;
