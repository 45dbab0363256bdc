/**
 * The registry as a pure state machine: instances, their leases, who watches them. Time is handed in, nothing here
 * waits, and a change costs what it concerns (the names of the instance, the watchers of these names), not what the
 * registry holds.
 *
 * What it promises:
 * - An instance stays while its lease is renewed. When its stream breaks, the lease is cut to a short grace: a process
 *   that died is gone in that time, one that reconnects is never missed.
 * - Leases live in memory. After a start the registry says `complete: false` for one lease length, while everybody
 *   registers again; watchers then only add. So a restart takes nothing away from anybody.
 * - When the registry itself stood still (a suspended machine, SIGSTOP) it could hear no heartbeat, and holds that
 *   against nobody: all leases begin anew.
 * - A write by an older incarnation, or by a stream that another has replaced, changes nothing.
 */
import { equals } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Instance, InstanceSchema } from "../../gen/heddle/registry/v1/registry_pb.ts";
import { checkInstance } from "./instance-check.ts";
import { createLeaseQueue } from "./lease-queue.ts";
import {
  createSubscription,
  type InstanceSnapshot,
  type Subscription,
  type SubscriptionFeed,
} from "./subscription.ts";

export interface RegistryOptions {
  /** Random for each start: revisions of two epochs can't be compared. */
  readonly epoch: string;
  /** Monotonic milliseconds at which the registry starts. */
  readonly startedAtMs: number;
  /** How long an instance stays without a heartbeat. Default 10 000 ms. */
  readonly leaseTtlMs?: number;
  /** How long it stays once its stream broke. Default 1 500 ms. */
  readonly disconnectGraceMs?: number;
  /** How long after the start instances may be missing. Default: one lease length. */
  readonly warmUpMs?: number;
  readonly limits?: Partial<RegistryLimits>;
}

export interface RegistryLimits {
  /** Default 200 000. */
  readonly maxInstances: number;
  /** Default 10 000. */
  readonly maxInstancesPerService: number;
  /** Default 20 000. */
  readonly maxWatchers: number;
  /** Instances changed since a watcher last read, above which it is cut off. Default 4 096. */
  readonly maxPendingChanges: number;
}

/** The right of one Register stream over its instance; lost when another stream of the instance takes over. */
export interface RegistrySession {
  readonly id: string;
  readonly incarnation: bigint;
}

/** The reading side. */
export interface RegistryView {
  readonly epoch: string;
  readonly revision: bigint;
  /** False while instances may be missing because the registry has only just started. */
  readonly complete: boolean;
  /** Instances whose service or one of whose contracts is `name`; all for "". */
  list(name: string): InstanceSnapshot;
  /** Throws RESOURCE_EXHAUSTED when there are too many. `onReady` is called when there is something to take. */
  watch(name: string, onReady: () => void): Subscription;
}

export interface Registry extends RegistryView {
  readonly leaseTtlMs: number;
  /** First message of a stream. Throws INVALID_ARGUMENT, FAILED_PRECONDITION, RESOURCE_EXHAUSTED. */
  register(instance: Instance, nowMs: number): RegistrySession;
  /** Replaces the instance and renews its lease. Throws as `register` and `heartbeat`. */
  update(session: RegistrySession, instance: Instance, nowMs: number): void;
  /** Renews the lease. Throws NOT_FOUND when it ran out, ABORTED when another stream took over. */
  heartbeat(session: RegistrySession, nowMs: number): void;
  /** The stream broke or ended: the grace begins. */
  disconnect(session: RegistrySession, nowMs: number): void;
  /** Removes the instance if it is of this incarnation; says whether it did. */
  deregister(id: string, incarnation: bigint): boolean;
  /** Lets leases run out and the warm-up end. To be called at `nextEventAt()`, and at least every `maxTickGapMs`. */
  tick(nowMs: number): void;
  /** When `tick` has something to do next; infinity when it has nothing. */
  nextEventAt(): number;
  /** A longer pause between two ticks counts as the registry having stood still. */
  readonly maxTickGapMs: number;
}

export function createRegistry(options: RegistryOptions): Registry {
  const {
    epoch,
    startedAtMs,
    leaseTtlMs = 10_000,
    disconnectGraceMs = 1_500,
    warmUpMs = leaseTtlMs,
  } = options;
  const limits: RegistryLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const maxTickGapMs = leaseTtlMs / 2;
  const records = new Map<string, Registered>();
  const byName = new Map<string, Map<string, Instance>>();
  const perService = new Map<string, number>();
  const watchers = new Map<string, Set<SubscriptionFeed>>();
  let watcherCount = 0;
  const leases = createLeaseQueue(leaseTtlMs);
  const graces = createLeaseQueue(disconnectGraceMs);
  const completeAtMs = startedAtMs + warmUpMs;
  let complete = warmUpMs <= 0;
  let lastTickMs = startedAtMs;
  let revision = 0n;

  function renewLease(id: string, nowMs: number): void {
    graces.delete(id);
    leases.renew(id, nowMs);
  }

  /** Replaces what the registry knows about an id and tells those whom it concerns. */
  function change(id: string, after: Instance | undefined): void {
    const before = records.get(id)?.instance;
    revision += 1n;
    if (before) perService.set(before.service, (perService.get(before.service) ?? 1) - 1);
    if (before && perService.get(before.service) === 0) perService.delete(before.service);
    if (after) perService.set(after.service, (perService.get(after.service) ?? 0) + 1);
    const namesAfter = namesOf(after);
    for (const name of new Set([...namesOf(before), ...namesAfter])) {
      const visible = namesAfter.has(name) ? after : undefined;
      index(name, id, visible);
      for (const watcher of watchers.get(name) ?? []) watcher.offer(id, visible);
    }
  }

  function index(name: string, id: string, instance: Instance | undefined): void {
    const instances = byName.get(name) ?? new Map<string, Instance>();
    if (instance) instances.set(id, instance);
    else instances.delete(id);
    if (instances.size > 0) byName.set(name, instances);
    else byName.delete(name);
  }

  function put(instance: Instance, session: RegistrySession, nowMs: number): void {
    const known = records.get(instance.id)?.instance;
    if (known?.service !== instance.service) checkRoom(instance, known === undefined);
    if (!known || !equals(InstanceSchema, known, instance)) change(instance.id, instance);
    records.set(instance.id, { instance, session });
    renewLease(instance.id, nowMs);
  }

  function checkRoom(instance: Instance, isNew: boolean): void {
    if (isNew && records.size >= limits.maxInstances) {
      throw new ConnectError(
        `the registry is full: ${limits.maxInstances} instances`,
        Code.ResourceExhausted,
      );
    }
    if ((perService.get(instance.service) ?? 0) >= limits.maxInstancesPerService) {
      const text = `service ${instance.service} is full: ${limits.maxInstancesPerService} instances`;
      throw new ConnectError(text, Code.ResourceExhausted);
    }
  }

  function remove(id: string): void {
    change(id, undefined);
    records.delete(id);
    leases.delete(id);
    graces.delete(id);
  }

  function checkOwner(session: RegistrySession): void {
    const owner = records.get(session.id)?.session;
    if (owner === session) return;
    if (owner) throw new ConnectError(`another stream registered ${session.id}`, Code.Aborted);
    throw new ConnectError(`the lease of ${session.id} ran out: register again`, Code.NotFound);
  }

  function snapshot(name: string): InstanceSnapshot {
    return {
      kind: "snapshot",
      epoch,
      revision,
      complete,
      instances: [...(byName.get(name)?.values() ?? [])],
    };
  }

  function unwatch(name: string, watcher: SubscriptionFeed): void {
    const ofName = watchers.get(name);
    if (!ofName?.delete(watcher)) return;
    watcherCount--;
    if (ofName.size === 0) watchers.delete(name);
  }

  return {
    epoch,
    leaseTtlMs,
    maxTickGapMs,
    get revision() {
      return revision;
    },
    get complete() {
      return complete;
    },
    register(instance, nowMs) {
      checkInstance(instance);
      const known = records.get(instance.id)?.instance;
      if (known && known.incarnation > instance.incarnation) {
        const text = `${instance.id} is held by incarnation ${known.incarnation}, newer than ${instance.incarnation}`;
        throw new ConnectError(text, Code.FailedPrecondition);
      }
      const session: RegistrySession = { id: instance.id, incarnation: instance.incarnation };
      put(instance, session, nowMs);
      return session;
    },
    update(session, instance, nowMs) {
      checkInstance(instance);
      if (instance.id !== session.id || instance.incarnation !== session.incarnation) {
        throw new ConnectError(
          "a stream can't change its instance's id or incarnation",
          Code.InvalidArgument,
        );
      }
      checkOwner(session);
      put(instance, session, nowMs);
    },
    heartbeat(session, nowMs) {
      checkOwner(session);
      renewLease(session.id, nowMs);
    },
    disconnect(session, nowMs) {
      if (records.get(session.id)?.session !== session) return;
      const expiresAt = leases.expiresAt(session.id);
      if (expiresAt === undefined || expiresAt <= nowMs + disconnectGraceMs) return;
      leases.delete(session.id);
      graces.renew(session.id, nowMs);
    },
    deregister(id, incarnation) {
      if (records.get(id)?.instance.incarnation !== incarnation) return false;
      remove(id);
      return true;
    },
    list: snapshot,
    watch(name, onReady) {
      if (watcherCount >= limits.maxWatchers) {
        throw new ConnectError(
          `the registry has ${watcherCount} watchers and takes no more`,
          Code.ResourceExhausted,
        );
      }
      const watcher = createSubscription({
        maxPending: limits.maxPendingChanges,
        snapshot: () => snapshot(name),
        revisionNow: () => revision,
        onReady,
        onClose: (closed) => unwatch(name, closed),
      });
      watchers.set(name, (watchers.get(name) ?? new Set()).add(watcher));
      watcherCount++;
      return watcher;
    },
    tick(nowMs) {
      if (nowMs - lastTickMs > maxTickGapMs) for (const queue of [leases, graces]) queue.renewAll(nowMs);
      lastTickMs = nowMs;
      for (const id of leases.takeExpired(nowMs)) remove(id);
      for (const id of graces.takeExpired(nowMs)) remove(id);
      if (complete || nowMs < completeAtMs) return;
      complete = true;
      for (const ofName of watchers.values()) for (const watcher of ofName) watcher.reset();
    },
    nextEventAt: () =>
      Math.min(leases.nextExpiry(), graces.nextExpiry(), complete ? Number.POSITIVE_INFINITY : completeAtMs),
  };
}

interface Registered {
  readonly instance: Instance;
  readonly session: RegistrySession;
}

const DEFAULT_LIMITS: RegistryLimits = {
  maxInstances: 200_000,
  maxInstancesPerService: 10_000,
  maxWatchers: 20_000,
  maxPendingChanges: 4_096,
};

/** The names under which watchers see an instance. */
function namesOf(instance: Instance | undefined): Set<string> {
  return new Set(instance ? ["", instance.service, ...instance.contracts] : []);
}
