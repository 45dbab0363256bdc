/**
 * Keeps instances in etcd: a key for each name of an instance, all on the one lease of the process.
 *
 * Every write is a transaction on the revisions that its writer has seen. So it does no harm when it arrives late or
 * twice, and after a write without an answer the next one finds out what became of it. A key belongs to the incarnation
 * that stands in its value: a newer one's is left alone.
 */
import { reasonText } from "../../call/errors.ts";
import type { KeyValue } from "../../gen/etcd/kv_pb.ts";
import type { ResponseOp } from "../../gen/etcd/rpc_pb.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Endpoint } from "../endpoint.ts";
import { type Hold, type Holder, namesToRegister, RegistrationRefused, refuseNewerOwner } from "../holder.ts";
import { pauseBeforeRetry } from "../waiting/pause.ts";
import { unlessAborted } from "../waiting/unless-aborted.ts";
import type { EtcdClient } from "./etcd-client.ts";
import { isNotFound, isRefusal, isTransient } from "./etcd-error.ts";
import { type EtcdLayout, readOwner, writeInstance } from "./etcd-layout.ts";
import { ifRevision, toDelete, toGet, toPut } from "./etcd-txn.ts";
import type { HeldLease, LeaseKeeper } from "./lease-keeper.ts";

export interface EtcdHolderOptions {
  readonly client: Pick<EtcdClient, "txn">;
  readonly leases: LeaseKeeper;
  readonly layout: EtcdLayout;
  readonly incarnation: bigint;
  readonly runtime: Runtime;
}

export function createEtcdHolder(options: EtcdHolderOptions): Holder {
  const { client, leases, layout, incarnation, runtime } = options;
  /** Ids of the instances that are, or may be, on the lease. */
  const onLease = new Set<string>();
  /** Those among them of which a write got no answer: it may still arrive. */
  const unsure = new Set<string>();

  /** Writes until the keys stand as wanted; gives the revisions at which they do. */
  async function write(
    instance: Endpoint,
    lease: HeldLease,
    known: ReadonlyMap<string, bigint>,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, bigint>> {
    const value = writeInstance(instance, incarnation);
    const keys = layout.keysOf(instance);
    let seen = new Map(keys.map((key) => [key, known.get(key) ?? 0n]));
    for (let attempt = 0; ; attempt++) {
      try {
        const { succeeded, header, responses } = await client.txn(
          {
            compare: keys.map((key) => ifRevision(key, seen.get(key) ?? 0n)),
            success: keys.map((key) => toPut(key, value, lease.id)),
            failure: keys.map(toGet),
          },
          signal,
        );
        if (succeeded) return new Map(keys.map((key) => [key, header?.revision ?? 0n]));
        const found = keys.map((key, at) => ({ key, kv: foundBy(responses[at]) }));
        for (const { kv } of found) if (kv !== undefined) refuseNewer(instance.id, kv.value);
        seen = new Map(found.map(({ key, kv }) => [key, kv?.modRevision ?? 0n]));
        if (found.every(({ kv }) => kv?.lease === lease.id && sameBytes(kv.value, value))) return seen;
        // Somebody else writes these keys just as busily.
        if (attempt >= MAX_ATTEMPTS) throw new Error(`the keys of ${instance.id} change all the time`);
      } catch (error) {
        if (isNotFound(error)) lease.abandon("etcd doesn't know it");
        if (signal.aborted || isTransient(error)) unsure.add(instance.id);
        if (signal.aborted || attempt >= MAX_ATTEMPTS || !isTransient(error)) throw error;
        await pauseBeforeRetry(attempt, signal, runtime);
      }
    }
  }

  function refuseNewer(id: string, value: Uint8Array): void {
    const owner = readOwner(value);
    if (owner?.id === id) refuseNewerOwner(id, owner.incarnation, incarnation);
  }

  /** Whether the keys are still as they were written: somebody may have deleted them. */
  async function stands(known: ReadonlyMap<string, bigint>, signal: AbortSignal): Promise<boolean> {
    const compare = [...known].map(([key, revision]) => ifRevision(key, revision));
    try {
      return (await client.txn({ compare }, signal)).succeeded;
    } catch (error) {
      // Whether the registration is lost is for the lease to say.
      if (signal.aborted || !isTransient(error)) throw error;
      return true;
    }
  }

  async function hold(wanted: Hold): Promise<never> {
    const { signal } = wanted;
    namesToRegister(wanted.instance);
    onLease.add(wanted.instance.id);
    const lease = await unlessAborted(leases.acquire(), signal);
    let known: ReadonlyMap<string, bigint> = new Map();
    for (let isDue = true; ; ) {
      if (isDue) known = await unlessAborted(write(wanted.instance, lease, known, signal), lease.ended);
      wanted.registered();
      const checkMs = CHECK_MS * (0.8 + 0.4 * runtime.random.next());
      const what = await unlessAborted(wanted.next(checkMs), lease.ended);
      isDue = what === "changed" || !(await stands(known, signal));
    }
  }

  /** Deletes the keys that are still ours. */
  async function remove(instance: Endpoint, signal: AbortSignal): Promise<void> {
    const keys = layout.keysOf(instance);
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const { responses } = await client.txn({ success: keys.map(toGet) }, signal);
      const own = keys.flatMap((key, at) => {
        const kv = foundBy(responses[at]);
        const writer = kv === undefined ? undefined : readOwner(kv.value);
        return kv !== undefined && writer?.id === instance.id && writer.incarnation === incarnation
          ? [{ key, revision: kv.modRevision }]
          : [];
      });
      if (own.length === 0) return;
      const { succeeded } = await client.txn(
        {
          compare: own.map(({ key, revision }) => ifRevision(key, revision)),
          success: own.map(({ key }) => toDelete(key)),
        },
        signal,
      );
      if (succeeded) return;
    }
  }

  return {
    async hold(wanted) {
      try {
        return await hold(wanted);
      } catch (error) {
        if (isRefusal(error)) throw new RegistrationRefused(reasonText(error), { cause: error });
        throw error;
      }
    },
    async release(instance, signal) {
      let isSure = !unsure.delete(instance.id);
      try {
        await remove(instance, signal);
      } catch (error) {
        isSure = false;
        if (onLease.size > 1) throw error;
      } finally {
        onLease.delete(instance.id);
        // What may be there still, or may yet arrive, must not live on with the others.
        if (onLease.size > 0 && !isSure) leases.abandon(`it may keep ${instance.id}, which is gone`);
      }
      if (onLease.size === 0) await leases.revoke(signal);
    },
  };
}

/** Whether the keys are still there is looked up about so often. */
const CHECK_MS = 30_000;
const MAX_ATTEMPTS = 4;

function foundBy(response: ResponseOp | undefined): KeyValue | undefined {
  return response?.response.case === "responseRange" ? response.response.value.kvs[0] : undefined;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
