/**
 * What a target's endpoints are right now, as the sum of all updates so far. Every consumer of a resolver
 * applies updates through this one machine, because here three rules stand that are easily got wrong:
 *
 * - a snapshot is a difference: what it repeats unchanged isn't touched, and the set is never empty in between;
 * - a snapshot that calls itself incomplete (a registry that just started) adds and changes, but removes nothing;
 * - a delta that doesn't follow on what was seen last is not applied: the caller must watch again.
 */
import { type Endpoint, endpointsEqual } from "./endpoint.ts";
import type { ResolverDelta, ResolverSnapshot, ResolverUpdate } from "./resolver.ts";

export interface EndpointSet {
  /** By id, in the order in which they became known. The same live map at each access. */
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  /** True once a complete snapshot has been seen: what is not in the set is not there. */
  readonly complete: boolean;
  /** Of the last snapshot. */
  readonly serviceConfig: unknown;
  /** Applies an update and says what it changed. */
  apply(update: ResolverUpdate): EndpointChange;
}

export interface EndpointChange {
  readonly added: readonly Endpoint[];
  /** As they are now. */
  readonly changed: readonly Endpoint[];
  /** As they were. */
  readonly removed: readonly Endpoint[];
  /** True when the update didn't fit and was not applied: a new snapshot is needed. */
  readonly resync: boolean;
}

export function createEndpointSet(): EndpointSet {
  const endpoints = new Map<string, Endpoint>();
  let epoch: string | undefined;
  let revision = 0n;
  let complete = false;
  let serviceConfig: unknown;

  function upsert(endpoint: Endpoint, change: MutableChange): void {
    const known = endpoints.get(endpoint.id);
    if (known && endpointsEqual(known, endpoint)) return;
    endpoints.set(endpoint.id, endpoint);
    (known ? change.changed : change.added).push(endpoint);
  }

  function remove(id: string, change: MutableChange): void {
    const known = endpoints.get(id);
    if (!known) return;
    endpoints.delete(id);
    change.removed.push(known);
  }

  function applySnapshot(snapshot: ResolverSnapshot, change: MutableChange): void {
    for (const endpoint of byId(snapshot.endpoints).values()) upsert(endpoint, change);
    if (snapshot.complete) {
      const present = new Set(snapshot.endpoints.map((endpoint) => endpoint.id));
      for (const id of endpoints.keys()) if (!present.has(id)) remove(id, change);
    }
    epoch = snapshot.epoch;
    revision = snapshot.revision;
    complete ||= snapshot.complete;
    serviceConfig = snapshot.serviceConfig;
  }

  function applyDelta(delta: ResolverDelta, change: MutableChange): void {
    const upserted = byId(delta.upserted);
    for (const endpoint of upserted.values()) upsert(endpoint, change);
    for (const id of delta.removed) if (!upserted.has(id)) remove(id, change);
    revision = delta.revision;
  }

  return {
    endpoints,
    get complete() {
      return complete;
    },
    get serviceConfig() {
      return serviceConfig;
    },
    apply(update) {
      const change: MutableChange = { added: [], changed: [], removed: [], resync: false };
      if (update.kind === "snapshot") {
        if (update.epoch === epoch && update.revision < revision) return NEEDS_RESYNC;
        applySnapshot(update, change);
      } else {
        if (epoch === undefined || update.previousRevision !== revision || update.revision < revision)
          return NEEDS_RESYNC;
        applyDelta(update, change);
      }
      return change;
    },
  };
}

interface MutableChange {
  readonly added: Endpoint[];
  readonly changed: Endpoint[];
  readonly removed: Endpoint[];
  readonly resync: boolean;
}

const NEEDS_RESYNC: EndpointChange = { added: [], changed: [], removed: [], resync: true };

/** Of several endpoints with one id the last counts. */
function byId(endpoints: readonly Endpoint[]): Map<string, Endpoint> {
  return new Map(endpoints.map((endpoint) => [endpoint.id, endpoint]));
}
