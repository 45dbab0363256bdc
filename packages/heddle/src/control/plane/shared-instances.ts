/**
 * How several control planes over one etcd serve one set. Each writes the instances that are registered with it, under
 * one lease of its own, and takes those of the others from etcd.
 *
 * When a control plane is killed its lease runs on: its instances stay in everybody's set, and in that time they
 * register with another control plane, which writes them under its own lease. What has not come back by the end of the
 * lease goes with it. Nobody has to notice that a control plane died.
 *
 * Every write is bound to the revision of the key that its writer has seen, so a control plane that lost sight of
 * what happened (frozen, cut off) can't overwrite or delete what an instance has meanwhile registered elsewhere.
 */
import { codecOf } from "../../contract/codec/codec.ts";
import { ifRevision, toDelete, toPut } from "../../discovery/etcd/etcd-txn.ts";
import { createLeaseKeeper } from "../../discovery/etcd/lease-keeper.ts";
import { pauseBeforeRetry } from "../../discovery/waiting/pause.ts";
import type { KeyValue } from "../../gen/etcd/kv_pb.ts";
import { InstanceSchema } from "../../gen/heddle/registry/v1/registry_pb.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { EtcdStore } from "./etcd-store.ts";
import type { Registry } from "./registry.ts";

export interface SharedInstancesOptions {
  readonly store: EtcdStore;
  readonly registry: Registry;
  readonly runtime: Runtime;
  readonly onWarning: (message: string) => void;
}

/** Starts to share, with what the store has loaded. Disposing stops, and leaves the lease to run out. */
export function shareInstances({
  store,
  registry,
  runtime,
  onWarning,
}: SharedInstancesOptions): AsyncDisposable {
  const { client, prefix, ttlMs } = store;
  const leases = createLeaseKeeper({ client, runtime, ttlMs });
  const closing = new AbortController();
  /** Of each key as it was seen last. */
  const revisions = new Map<string, bigint>();
  const ownLeases = new Set<bigint>();
  /** Ids of which etcd doesn't have what the registry has. */
  const unwritten = new Set<string>();
  /** Of other control planes, missing when everything was read again. */
  const missing = new Set<string>();
  let applying = false;
  let writing: Promise<void> | undefined;

  /** Changes the registry by what etcd says, which needs not be written there. */
  function apply(change: () => void): void {
    applying = true;
    try {
      change();
    } finally {
      applying = false;
    }
  }

  function onPut(id: string, kv: KeyValue): void {
    missing.delete(id);
    const known = revisions.get(id) ?? 0n;
    // An event about a write of ours may come after the answer to a later one.
    if (kv.modRevision < known) return;
    revisions.set(id, kv.modRevision);
    if (ownLeases.has(kv.lease)) return;
    try {
      const instance = instances.decode(kv.value);
      apply(() => void (instance.id === id && registry.enter(instance, "peer")));
    } catch (error) {
      onWarning(`what the store holds of instance "${id}" cannot be used: ${String(error)}`);
    }
  }

  function onDelete(id: string): void {
    revisions.delete(id);
    missing.delete(id);
    apply(() => registry.withdraw(id, "peer"));
    if (registry.find(id)?.heldBy !== "stream") return;
    // Deregistered with another control plane, and then its stream ends now; or our lease ran out, and it is alive.
    runtime.timers.after(DELETED_ELSEWHERE_MS, () => {
      const record = registry.find(id);
      if (record?.heldBy !== "stream" || revisions.has(id)) return;
      if (registry.heardAt(id) === undefined) apply(() => registry.deregister(id, record.given.incarnation));
      else markUnwritten(id);
    });
  }

  function onRelist(all: ReadonlyMap<string, KeyValue>): void {
    for (const [id, kv] of all) onPut(id, kv);
    for (const id of revisions.keys()) if (!all.has(id)) revisions.delete(id);
    for (const { id } of registry.list("").instances) {
      if (all.has(id)) continue;
      const heldBy = registry.find(id)?.heldBy;
      if (heldBy === "stream") markUnwritten(id);
      if (heldBy === "peer") missing.add(id);
    }
    // Whoever was cut off as we were writes again now.
    if (missing.size > 0) runtime.timers.after(ttlMs, removeMissing);
  }

  function removeMissing(): void {
    for (const id of missing) apply(() => registry.withdraw(id, "peer"));
    missing.clear();
  }

  function markUnwritten(id: string): void {
    if (closing.signal.aborted) return;
    unwritten.add(id);
    writing ??= write().finally(() => {
      writing = undefined;
    });
  }

  async function write(): Promise<void> {
    // What happens in this turn goes together.
    await new Promise<void>((resolve) => void runtime.timers.after(0, resolve));
    for (let failures = 0; unwritten.size > 0 && !closing.signal.aborted; ) {
      const batch: string[] = [];
      for (const id of unwritten) if (batch.push(id) === BATCH) break;
      for (const id of batch) unwritten.delete(id);
      try {
        const lease = await acquireLease();
        if (!(await writeBatch(batch, lease))) for (const id of batch) await writeBatch([id], lease);
        failures = 0;
      } catch {
        // Told by the store, whose watch finds the same.
        for (const id of batch) unwritten.add(id);
        await pauseBeforeRetry(failures++, closing.signal, runtime);
      }
    }
  }

  async function acquireLease(): Promise<bigint> {
    const { id, ended } = await leases.acquire();
    if (ownLeases.has(id)) return id;
    ownLeases.add(id);
    ended.addEventListener("abort", rewriteAll, { once: true });
    return id;
  }

  /** The lease was lost, and with it, now or soon, all keys on it. */
  function rewriteAll(): void {
    for (const { id } of registry.list("").instances)
      if (registry.find(id)?.heldBy === "stream") markUnwritten(id);
  }

  /** False when a key is not as it was seen, and nothing was written: whoever wrote it is on its way to us. */
  async function writeBatch(ids: readonly string[], lease: bigint): Promise<boolean> {
    const compare = [];
    const success = [];
    const written: string[] = [];
    for (const id of ids) {
      const record = registry.find(id);
      const key = `${prefix}instance/${id}`;
      const revision = revisions.get(id) ?? 0n;
      const isOurs = record?.heldBy === "stream";
      if (!isOurs && (record !== undefined || revision === 0n)) continue;
      compare.push(ifRevision(key, revision));
      if (isOurs) {
        // As checked, and as the instance says: who is to drain is in the store by itself.
        const value = instances.encode({ ...record.given, health: record.health });
        success.push(toPut(key, Uint8Array.from(value), lease));
        written.push(id);
      } else success.push(toDelete(key));
    }
    if (compare.length === 0) return true;
    const { succeeded, header } = await client.txn({ compare, success }, closing.signal);
    if (!succeeded) return false;
    const at = header?.revision ?? 0n;
    for (const id of written) if ((revisions.get(id) ?? 0n) < at) revisions.set(id, at);
    return true;
  }

  for (const [id, kv] of store.instances) onPut(id, kv);
  store.followInstances({ onPut, onDelete, onRelist });
  registry.observe(({ before, after }) => {
    const id = (after ?? before)?.id;
    if (!applying && id !== undefined) markUnwritten(id);
  });

  return {
    async [Symbol.asyncDispose]() {
      // What was deregistered at the end is written, if etcd answers.
      const waited = Promise.withResolvers<void>();
      const timer = runtime.timers.after(LAST_WRITES_MS, waited.resolve);
      await Promise.race([writing, waited.promise]);
      timer.cancel();
      closing.abort();
      // Not revoked: its instances need the time to register with another control plane.
      leases.abandon("the control plane stops");
    },
  };
}

/** Of operations in a transaction; etcd's own limit is 128. */
const BATCH = 100;
/** How long the end of a stream may come after a deregistration by way of another control plane. */
const DELETED_ELSEWHERE_MS = 200;
const LAST_WRITES_MS = 500;

const instances = codecOf(InstanceSchema);
