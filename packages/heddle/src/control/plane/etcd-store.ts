/**
 * An etcd as the store of several control planes: `<prefix>/static/<id>`, `<prefix>/service/<name>`,
 * `<prefix>/config/<name>`, `<prefix>/drain/<id>`,
 * and `<prefix>/instance/<id>` for who is registered with which of them (`shared-instances.ts`).
 *
 * Everything is read once, and then followed by one watch; when that is lost, everything is read again and the
 * difference applied. While etcd cannot be reached, what is known stays known.
 */
import type { Transport } from "@connectrpc/connect";
import { HeddleError, reasonText } from "../../call/errors.ts";
import { detached } from "../../client/detached.ts";
import { createTransport } from "../../client/transport.ts";
import type { ClientTlsOptions } from "../../connection/tls.ts";
import { createEtcdClient, type EtcdClient } from "../../discovery/etcd/etcd-client.ts";
import { keyText, prefixRange } from "../../discovery/etcd/etcd-keys.ts";
import { toDelete, toPut } from "../../discovery/etcd/etcd-txn.ts";
import { pauseBeforeRetry } from "../../discovery/waiting/pause.ts";
import type { RegistryTls } from "../../discovery/registry-client.ts";
import { hostsOf, parseRegistryUrl, readRegistryOptions } from "../../discovery/registry-url.ts";
import { Event_EventType as EventType, type KeyValue } from "../../gen/etcd/kv_pb.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { PlaneStore, StoreChange, StoredEntry, StoredKind } from "./plane-store.ts";

export interface EtcdStore extends PlaneStore {
  readonly client: EtcdClient;
  readonly prefix: string;
  /** How long after a control plane died what it held stays, in ms. */
  readonly ttlMs: number;
  /** What `load` found of instances, by id. */
  readonly instances: ReadonlyMap<string, KeyValue>;
  follow(onChange: (change: StoreChange) => void): void;
  /**
   * Told of each instance that was written or deleted since `load`, in order, and of all of them when everything has been read
   * again. To be called before `follow`.
   */
  followInstances(observer: InstanceObserver): void;
}

export interface InstanceObserver {
  onPut(id: string, kv: KeyValue): void;
  onDelete(id: string): void;
  onRelist(all: ReadonlyMap<string, KeyValue>): void;
}

export interface EtcdStoreOptions {
  /** `etcd://user:password@host:2379,host:2379/prefix?ttlMs=15000&tls=on`. */
  readonly url: string;
  readonly runtime: Runtime;
  /** Leads to etcd. Default: to the hosts of the URL. The store doesn't close it. */
  readonly transport?: Transport | undefined;
  readonly onWarning: (message: string) => void;
}

/** Connects when it is first used. Throws `optionInvalid` for a URL that cannot be used. */
export function createEtcdStore(given: EtcdStoreOptions): EtcdStore {
  const { url: text, runtime, onWarning } = given;
  const url = parseRegistryUrl(text);
  if (url.scheme !== "etcd")
    throw new HeddleError("optionInvalid", { option: "store", reason: "it must begin with etcd://" });
  const options = readRegistryOptions(url);
  const hosts = hostsOf(url, 2379, "127.0.0.1:2379");
  const tls = options.tls();
  const ttlMs = options.number("ttlMs", 15_000, 2_000);
  const password = options.file("passwordFile") ?? url.password;
  options.refuseOthers();
  const prefix = `${url.path === "" ? "heddle-control" : url.path}/`;
  const ownTransport =
    given.transport === undefined
      ? // What instances say is written while their streams are served, and long after.
        detached(
          createTransport({
            target: `static:///${hosts.join(",")}`,
            runtime,
            maxReceiveMessageBytes: 64 * 1024 * 1024,
            keepaliveMs: 2_000,
            keepaliveTimeoutMs: 2_000,
            tls: tls === undefined ? false : toClientTls(tls),
          }),
        )
      : undefined;
  const transport = given.transport ?? (ownTransport as Transport);
  const client = createEtcdClient({ transport, runtime, username: url.username, password });
  const closing = new AbortController();
  const observers: InstanceObserver[] = [];
  /** Facts as they were seen last, by key in etcd. */
  const known = new Set<string>();
  let loadedRevision = 0n;
  let instances: ReadonlyMap<string, KeyValue> = new Map();

  const failed = (cause: unknown) =>
    new HeddleError("storeFailed", { store: url.text, reason: reasonText(cause) }, { cause });

  function parse(key: string): { readonly kind: StoredKind; readonly key: string } | undefined {
    const [kind = "", ...rest] = key.slice(prefix.length).split("/");
    return isKind(kind) && rest.length > 0 ? { kind, key: rest.join("/") } : undefined;
  }

  async function list(): Promise<{
    facts: StoredEntry[];
    instances: Map<string, KeyValue>;
    revision: bigint;
  }> {
    const { kvs, revision } = await client.list(prefix, closing.signal);
    const facts: StoredEntry[] = [];
    const found = new Map<string, KeyValue>();
    for (const kv of kvs) {
      const parsed = parse(keyText(kv.key));
      if (parsed?.kind === "instance") found.set(parsed.key, kv);
      else if (parsed !== undefined) facts.push({ ...parsed, value: kv.value });
    }
    return { facts, instances: found, revision };
  }

  function applyList(found: Awaited<ReturnType<typeof list>>, onChange: (change: StoreChange) => void): void {
    const present = new Set(found.facts.map(({ kind, key }) => `${kind}/${key}`));
    for (const path of known) {
      const parsed = present.has(path) ? undefined : parse(prefix + path);
      if (parsed !== undefined) onChange({ ...parsed, value: undefined });
    }
    known.clear();
    for (const fact of found.facts) {
      known.add(`${fact.kind}/${fact.key}`);
      onChange(fact);
    }
    for (const observer of observers) observer.onRelist(found.instances);
  }

  function applyEvent(type: EventType, kv: KeyValue, onChange: (change: StoreChange) => void): void {
    const parsed = parse(keyText(kv.key));
    if (parsed === undefined) return;
    const { kind, key } = parsed;
    const isPut = type === EventType.PUT;
    if (kind === "instance") {
      for (const observer of observers)
        if (isPut) observer.onPut(key, kv);
        else observer.onDelete(key);
      return;
    }
    if (isPut) known.add(`${kind}/${key}`);
    else known.delete(`${kind}/${key}`);
    onChange({ kind, key, value: isPut ? kv.value : undefined });
  }

  async function followFrom(firstRevision: bigint, onChange: (change: StoreChange) => void): Promise<void> {
    let revision = firstRevision;
    for (let failures = 0; !closing.signal.aborted; failures++) {
      try {
        if (failures > 0) {
          const found = await list();
          revision = found.revision;
          applyList(found, onChange);
          if (failures > QUIET_FAILURES) onWarning(`store ${url.text} answers again`);
          failures = 0;
        }
        const range = { ...prefixRange(prefix), startRevision: revision + 1n, signal: closing.signal };
        for await (const news of client.watch(range)) {
          if (news.kind !== "events") continue;
          for (const { type, kv } of news.events) if (kv !== undefined) applyEvent(type, kv, onChange);
          revision = news.revision;
        }
      } catch (error) {
        if (closing.signal.aborted) return;
        if (failures === QUIET_FAILURES) onWarning(`${failed(error).message}; what is known stays in use`);
      }
      await pauseBeforeRetry(failures, closing.signal, runtime);
    }
  }

  return {
    client,
    prefix,
    ttlMs,
    get instances() {
      return instances;
    },
    async load() {
      try {
        const found = await list();
        loadedRevision = found.revision;
        instances = found.instances;
        for (const { kind, key } of found.facts) known.add(`${kind}/${key}`);
        return found.facts;
      } catch (cause) {
        throw failed(cause);
      }
    },
    async write(changes) {
      const operations = changes.map(({ kind, key, value }) => {
        const path = `${prefix}${kind}/${key}`;
        return value === undefined ? toDelete(path) : toPut(path, Uint8Array.from(value), 0n);
      });
      try {
        await client.txn({ success: operations });
      } catch (cause) {
        throw failed(cause);
      }
    },
    followInstances: (observer) => void observers.push(observer),
    follow: (onChange) => void followFrom(loadedRevision, onChange),
    async [Symbol.asyncDispose]() {
      closing.abort();
      client[Symbol.dispose]();
      ownTransport?.close("now");
    },
  };
}

/** Attempts that fail before somebody is told: a leader's election takes one or two. */
const QUIET_FAILURES = 2;

const KINDS: ReadonlySet<string> = new Set<StoredKind>(["static", "service", "config", "drain", "instance"]);

function isKind(kind: string): kind is StoredKind {
  return KINDS.has(kind);
}

/** Settings that are given, without those that are not. */
function toClientTls({ ca, cert, key, serverName }: RegistryTls): ClientTlsOptions {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { serverName }),
  };
}
