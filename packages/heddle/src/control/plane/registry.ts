/**
 * The registry as a pure state machine: instances, their leases, who watches them. Time is handed in, nothing here
 * waits, and a change costs what it concerns (the names of the instance, the watchers of these names), not what the
 * registry holds.
 *
 * What it promises:
 * - An instance stays while its lease is renewed. When its stream breaks, the lease is cut to a short grace: a process
 *   that died is gone in that time, one that reconnects is never missed.
 * - Leases live in memory. After a start the registry says `complete: false` for one lease length, while everybody
 *   registers again; watchers then only add. What was registered before the start and is remembered is shown
 *   meanwhile, and goes at the end of that time. So a restart takes nothing away from anybody.
 * - When the registry itself stood still (a suspended machine, SIGSTOP) it could hear no heartbeat, and holds that
 *   against nobody: all leases begin anew.
 * - A write by an older incarnation, or by a stream that another has replaced, changes nothing.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type HealthCheck,
  type Instance,
  type InstanceFilter,
  InstanceHealth,
} from "../../gen/heddle/registry/v1/registry_pb.ts";
import type { InstanceSnapshot, Subscription } from "./feed.ts";
import { checkInstance } from "./instance-check.ts";
import { createInstanceMatch } from "./instance-filter.ts";
import { createLeaseQueue } from "./lease-queue.ts";
import { NameIndex } from "./name-index.ts";
import { type HeldBy, InstanceRecord, type RegistrySession } from "./instance-record.ts";
import { sameInstance } from "./same-instance.ts";
import { ServiceCounts } from "./service-counts.ts";

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
  /** Different filters through which one name may be watched. Default 200. */
  readonly maxFiltersPerName: number;
  /** Instances in the lists of all filters together, above which no further filter is taken. Default 2 000 000. */
  readonly maxFilteredInstances: number;
  /** Instances changed since a watcher last read, above which it is cut off. Default 4 096. */
  readonly maxPendingChanges: number;
}

/** The reading side. */
export interface RegistryView {
  readonly epoch: string;
  readonly revision: bigint;
  /** False while instances may be missing because the registry has only just started. */
  readonly complete: boolean;
  /** Instances whose service or one of whose contracts is `name`; all for "". Throws INVALID_ARGUMENT for a filter out of bounds. */
  list(name: string, filter?: InstanceFilter): InstanceSnapshot;
  /**
   * `onReady` is called when there is something to take. Throws RESOURCE_EXHAUSTED when there are too many, and
   * INVALID_ARGUMENT for a filter out of bounds.
   */
  watch(name: string, onReady: () => void, filter?: InstanceFilter): Subscription;
}

/** An instance came, changed or went. */
export interface RegistryChange {
  /** Only what the registry's own check found has changed. */
  readonly healthOnly: boolean;
  /** As those who write it said. */
  readonly before: Instance | undefined;
  readonly after: Instance | undefined;
  /** Who holds it now, or held it. */
  readonly heldBy: HeldBy;
  readonly check: HealthCheck | undefined;
}

export interface Registry extends RegistryView {
  readonly leaseTtlMs: number;
  /** First message of a stream. Throws INVALID_ARGUMENT, FAILED_PRECONDITION, RESOURCE_EXHAUSTED. */
  register(instance: Instance, nowMs: number, check?: HealthCheck): RegistrySession;
  /** Replaces the instance and renews its lease. Throws as `register` and `heartbeat`. */
  update(session: RegistrySession, instance: Instance, nowMs: number, check?: HealthCheck): void;
  /** Renews the lease. Throws NOT_FOUND when it ran out, ABORTED when another stream took over. */
  heartbeat(session: RegistrySession, nowMs: number): void;
  /** The stream broke or ended: the grace begins. */
  disconnect(session: RegistrySession, nowMs: number): void;
  /** Removes the instance if it is of this incarnation and registered itself; says whether it did. */
  deregister(id: string, incarnation: bigint): boolean;
  /**
   * Enters an instance that has no stream here: `static`, `remembered` (goes when the registry becomes complete) or `peer`
   * (another control plane holds it). Where the id is held already, static ones give way to nobody, `peer` takes over from
   * streams of the same or an older incarnation, `remembered` from nobody; says whether it was entered.
   * Throws INVALID_ARGUMENT and RESOURCE_EXHAUSTED.
   */
  enter(instance: Instance, heldBy: Exclude<HeldBy, "stream">, check?: HealthCheck): boolean;
  /** Throws FAILED_PRECONDITION or RESOURCE_EXHAUSTED when a static instance cannot be entered. */
  checkMayEnter(instance: Instance): void;
  /** Takes away what `enter` entered; says whether it was there. */
  withdraw(id: string, heldBy: Exclude<HeldBy, "stream">): boolean;
  /** What the registry's own check of an instance found. Nothing happens when it is not there. */
  setHealth(id: string, health: InstanceHealth): void;
  /** Makes this incarnation draining, or takes it back; holds also when it registers later. Undefined when it is not there. */
  drain(id: string, incarnation: bigint, on: boolean): Instance | undefined;
  /** The incarnation of an id that was asked to drain, for as long as the registry keeps that. */
  drainOf(id: string): bigint | undefined;
  find(id: string): InstanceRecord | undefined;
  /** When the instance was last heard of; undefined when it has no lease. */
  heardAt(id: string): number | undefined;
  readonly services: ServiceCounts;
  /** Told of every change to come, in order, from inside of it. */
  observe(observer: (change: RegistryChange) => void): void;
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
  const records = new Map<string, InstanceRecord>();
  const services = new ServiceCounts();
  const observers: ((change: RegistryChange) => void)[] = [];
  /** Incarnations that were asked to drain, by id. */
  const drains = new Map<string, bigint>();
  const remembered = new Set<string>();
  const leases = createLeaseQueue(leaseTtlMs);
  const graces = createLeaseQueue(disconnectGraceMs);
  let completeAtMs = startedAtMs + warmUpMs;
  let complete = warmUpMs <= 0;
  let lastTickMs = startedAtMs;
  let revision = 0;

  const toSnapshot = (instances: readonly Instance[]): InstanceSnapshot => ({
    kind: "snapshot",
    epoch,
    revision: BigInt(revision),
    complete,
    instances,
  });
  const names = new NameIndex({
    maxPending: limits.maxPendingChanges,
    maxWatchers: limits.maxWatchers,
    maxFiltersPerName: limits.maxFiltersPerName,
    maxFilteredInstances: limits.maxFilteredInstances,
    toSnapshot,
  });

  /** Puts a record in the place of another (undefined: there is none) and tells those whom it concerns. */
  function replace(before: InstanceRecord | undefined, after: InstanceRecord | undefined): void {
    const record = after ?? before;
    if (record === undefined) return;
    const { id } = record.given;
    if (after === undefined) records.delete(id);
    else records.set(id, after);
    services.change(before, after);
    if (before?.heldBy === "remembered") remembered.delete(id);
    if (after?.heldBy === "remembered") remembered.add(id);
    const sameToAll = before && after && sameInstance(before.shown, after.shown);
    if (!sameToAll) names.change(before?.shown, after?.shown, ++revision);
    tellObservers(before, after, false);
  }

  function tellObservers(
    before: InstanceRecord | undefined,
    after: InstanceRecord | undefined,
    healthOnly: boolean,
  ): void {
    const record = after ?? before;
    if (observers.length === 0 || record === undefined) return;
    const change: RegistryChange = {
      healthOnly,
      before: before?.given,
      after: after?.given,
      heldBy: record.heldBy,
      check: record.check,
    };
    for (const observer of observers) observer(change);
  }

  function put(
    instance: Instance,
    heldBy: HeldBy,
    check: HealthCheck | undefined,
    session?: RegistrySession,
  ): void {
    const before = records.get(instance.id);
    if (before?.given.service !== instance.service) checkRoom(instance, before === undefined);
    const sameLife = before?.given.incarnation === instance.incarnation;
    const drained = drains.get(instance.id) === instance.incarnation;
    if (!drained && !sameLife) drains.delete(instance.id);
    const found = before?.heldBy === "peer" ? before.shown.health : before?.health;
    const health = (sameLife ? found : undefined) ?? InstanceHealth.UNSPECIFIED;
    const after = new InstanceRecord(instance, heldBy, { check, session, drained, health });
    if (before && after.sameAs(before) && sameInstance(before.given, instance)) {
      before.session = session;
      return;
    }
    replace(before, after);
  }

  function checkRoom(instance: Instance, isNew: boolean): void {
    if (isNew && records.size >= limits.maxInstances) {
      const text = `the registry is full: ${limits.maxInstances} instances`;
      throw new ConnectError(text, Code.ResourceExhausted);
    }
    if (services.instancesOf(instance.service) >= limits.maxInstancesPerService) {
      const text = `service ${instance.service} is full: ${limits.maxInstancesPerService} instances`;
      throw new ConnectError(text, Code.ResourceExhausted);
    }
  }

  function remove(id: string): void {
    replace(records.get(id), undefined);
    endLease(id);
  }

  function endLease(id: string): void {
    leases.delete(id);
    graces.delete(id);
  }

  function renewLease(id: string, nowMs: number): void {
    graces.delete(id);
    leases.renew(id, nowMs);
  }

  function checkOwner(session: RegistrySession): void {
    const record = records.get(session.id);
    if (record?.session === session) return;
    if (record?.heldBy === "stream")
      throw new ConnectError(`another stream registered ${session.id}`, Code.Aborted);
    if (record?.heldBy === "peer")
      throw new ConnectError(`${session.id} registered with another control plane`, Code.Aborted);
    throw new ConnectError(`the lease of ${session.id} ran out: register again`, Code.NotFound);
  }

  function checkMayRegister({ id, incarnation }: Instance): void {
    const known = records.get(id);
    if (known === undefined) return;
    if (known.heldBy === "static")
      throw new ConnectError(`id: ${id} is a static instance; delete it first`, Code.FailedPrecondition);
    if (known.given.incarnation > incarnation) {
      const text = `${id} is held by incarnation ${known.given.incarnation}, newer than ${incarnation}`;
      throw new ConnectError(text, Code.FailedPrecondition);
    }
  }

  function becomeComplete(): void {
    complete = true;
    for (const id of remembered) remove(id);
    names.reset();
  }

  return {
    epoch,
    leaseTtlMs,
    maxTickGapMs,
    services,
    get revision() {
      return BigInt(revision);
    },
    get complete() {
      return complete;
    },
    register(instance, nowMs, check) {
      checkInstance(instance, check);
      checkMayRegister(instance);
      const session: RegistrySession = { id: instance.id, incarnation: instance.incarnation };
      put(instance, "stream", check, session);
      renewLease(instance.id, nowMs);
      return session;
    },
    update(session, instance, nowMs, check) {
      checkInstance(instance, check);
      if (instance.id !== session.id || instance.incarnation !== session.incarnation) {
        const text = "a stream can't change its instance's id or incarnation";
        throw new ConnectError(text, Code.InvalidArgument);
      }
      checkOwner(session);
      put(instance, "stream", check ?? records.get(session.id)?.check, session);
      renewLease(session.id, nowMs);
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
      const record = records.get(id);
      if (record?.given.incarnation !== incarnation || record.heldBy === "static") return false;
      drains.delete(id);
      remove(id);
      return true;
    },
    enter(instance, heldBy, check) {
      checkInstance(instance, check);
      const known = records.get(instance.id);
      if (known !== undefined && !givesWay(known, instance, heldBy)) return false;
      endLease(instance.id);
      put(instance, heldBy, check);
      known?.session?.onTaken?.();
      return true;
    },
    checkMayEnter(instance) {
      const known = records.get(instance.id);
      if (known !== undefined && !givesWay(known, instance, "static"))
        throw new ConnectError(`instance.id: ${instance.id} registered itself`, Code.FailedPrecondition);
      if (known?.given.service !== instance.service) checkRoom(instance, known === undefined);
    },
    withdraw(id, heldBy) {
      if (records.get(id)?.heldBy !== heldBy) return false;
      remove(id);
      return true;
    },
    setHealth(id, health) {
      const record = records.get(id);
      if (record === undefined || record.health === health) return;
      const after = record.with({ health });
      records.set(id, after);
      services.change(record, after);
      names.change(record.shown, after.shown, ++revision);
      tellObservers(record, after, true);
    },
    drain(id, incarnation, on) {
      if (on) {
        drains.set(id, incarnation);
        const [oldest] = drains.keys();
        if (drains.size > MAX_DRAINS && oldest !== undefined) drains.delete(oldest);
      } else if (drains.get(id) === incarnation) drains.delete(id);
      const record = records.get(id);
      if (record?.given.incarnation !== incarnation) return undefined;
      if (record.drained !== on) replace(record, record.with({ drained: on }));
      return records.get(id)?.shown;
    },
    drainOf: (id) => drains.get(id),
    find: (id) => records.get(id),
    heardAt(id) {
      const lease = leases.expiresAt(id);
      return lease === undefined ? undefined : lease - leaseTtlMs;
    },
    observe: (observer) => void observers.push(observer),
    list: (name, filter) => names.list(name, createInstanceMatch(filter)),
    watch: (name, onReady, filter) => names.watch(name, createInstanceMatch(filter), onReady),
    tick(nowMs) {
      if (nowMs - lastTickMs > maxTickGapMs) {
        for (const queue of [leases, graces]) queue.renewAll(nowMs);
        completeAtMs = nowMs + warmUpMs;
      }
      lastTickMs = nowMs;
      for (const id of leases.takeExpired(nowMs)) remove(id);
      for (const id of graces.takeExpired(nowMs)) remove(id);
      if (!complete && nowMs >= completeAtMs) becomeComplete();
    },
    nextEventAt: () =>
      Math.min(leases.nextExpiry(), graces.nextExpiry(), complete ? Number.POSITIVE_INFINITY : completeAtMs),
  };
}

/** Whether what is known of an id may be replaced by an instance without a stream. */
function givesWay(known: InstanceRecord, instance: Instance, heldBy: HeldBy): boolean {
  switch (heldBy) {
    case "static":
      return known.heldBy === "static" || known.heldBy === "remembered";
    case "peer":
      return known.heldBy !== "static" && known.given.incarnation <= instance.incarnation;
    default:
      return false;
  }
}

/** Of instances that never came back; the oldest are forgotten. */
const MAX_DRAINS = 10_000;

const DEFAULT_LIMITS: RegistryLimits = {
  maxInstances: 200_000,
  maxInstancesPerService: 10_000,
  maxWatchers: 20_000,
  maxFiltersPerName: 200,
  maxFilteredInstances: 2_000_000,
  maxPendingChanges: 4_096,
};
