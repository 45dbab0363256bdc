/**
 * What is known about a target, from what its source says: the endpoints, and which of them the registry no longer
 * lists but which are kept until it has said so again (`shrink-guard.ts`). A machine without clock and timers.
 *
 * "Said again" means: missing in a complete answer to a question that was asked after a pause. A repetition on the same
 * attempt comes from the same state of the same server, and proves nothing.
 */
import type { Random } from "../../runtime/random.ts";
import { type Endpoint, endpointsEqual } from "../endpoint.ts";
import { createShrinkGuard, type ShrinkGuardOptions } from "./shrink-guard.ts";

export interface KnownSetOptions extends ShrinkGuardOptions {
  /** How long after a doubtful loss the registry is asked again, ± 20 %, in ms. Default 5 000. */
  readonly confirmMs?: number;
}

export interface KnownSet {
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  /** True once the registry gave a complete answer. */
  readonly complete: boolean;
  /** How many of the endpoints the registry has taken away without being believed yet. */
  readonly held: number;
  /** When a new attempt should be opened because of them; `Infinity` when none are held. */
  readonly confirmAtMs: number;
  /** `openedAtMs`: when the attempt began that says it. */
  snapshot(endpoints: readonly Endpoint[], complete: boolean, openedAtMs: number, nowMs: number): KnownChange;
  delta(upserted: readonly Endpoint[], removed: readonly string[], nowMs: number): KnownChange;
  /** Endpoints from an earlier life: adds those that are not known. */
  remember(endpoints: readonly Endpoint[]): KnownChange;
}

export interface KnownChange {
  /** By id: as it is now, or undefined for what is gone. */
  readonly changes: ReadonlyMap<string, Endpoint | undefined>;
  /** True when callers should know at once: something is gone, moved, drains, or its health is another. */
  readonly urgent: boolean;
  /** How many have begun to be held. */
  readonly held: number;
  /** True when this was the first complete answer. */
  readonly completed: boolean;
}

export function createKnownSet(random: Random, options: KnownSetOptions = {}): KnownSet {
  const { confirmMs = 5_000, ...guardOptions } = options;
  const guard = createShrinkGuard(guardOptions);
  const endpoints = new Map<string, Endpoint>();
  /** Since when each is to be confirmed. */
  const held = new Map<string, number>();
  let complete = false;
  let draining = 0;

  /** Applies what is told in one go. `missing` are known ids. */
  function apply(
    upserted: Iterable<Endpoint>,
    missing: Iterable<string>,
    askedAtMs: number,
    nowMs: number,
  ): Omit<KnownChange, "completed"> {
    const changes = new Map<string, Endpoint | undefined>();
    const sizeBefore = endpoints.size - draining;
    let urgent = false;
    let gained = 0;
    for (const endpoint of upserted) {
      const { id } = endpoint;
      held.delete(id);
      const known = endpoints.get(id);
      if (known !== undefined && endpointsEqual(known, endpoint)) continue;
      if (known === undefined) gained++;
      else urgent ||= isUrgent(known, endpoint);
      put(id, endpoint);
      changes.set(id, endpoint);
    }

    const gone: string[] = [];
    const doubtful: string[] = [];
    for (const id of missing) {
      const dueMs = held.get(id);
      if (dueMs !== undefined ? dueMs <= askedAtMs : endpoints.get(id)?.draining) gone.push(id);
      else if (dueMs === undefined) doubtful.push(id);
    }
    const believed = guard.believes(doubtful.length, gained, sizeBefore, nowMs);
    const dueMs = nowMs + confirmMs * (0.8 + 0.4 * random.next());
    for (const id of doubtful) {
      if (believed) gone.push(id);
      else held.set(id, dueMs);
    }
    for (const id of gone) {
      put(id, undefined);
      held.delete(id);
      changes.set(id, undefined);
      urgent = true;
    }
    return { changes, urgent, held: believed ? 0 : doubtful.length };
  }

  function put(id: string, endpoint: Endpoint | undefined): void {
    if (endpoints.get(id)?.draining) draining--;
    if (endpoint === undefined) endpoints.delete(id);
    else endpoints.set(id, endpoint);
    if (endpoint?.draining) draining++;
  }

  return {
    endpoints,
    get complete() {
      return complete;
    },
    get held() {
      return held.size;
    },
    get confirmAtMs() {
      let firstMs = Number.POSITIVE_INFINITY;
      for (const dueMs of held.values()) firstMs = Math.min(firstMs, dueMs);
      return firstMs;
    },
    snapshot(listed, isComplete, openedAtMs, nowMs) {
      const present = byId(listed);
      const missing = isComplete ? [...endpoints.keys()].filter((id) => !present.has(id)) : [];
      const change = apply(present.values(), missing, openedAtMs, nowMs);
      const completed = isComplete && !complete;
      complete ||= isComplete;
      return { ...change, completed };
    },
    delta(upserted, removed, nowMs) {
      const changed = byId(upserted);
      const missing = new Set(removed.filter((id) => endpoints.has(id) && !changed.has(id)));
      // What is held stays held: the attempt that speaks is the one that took it away, or a newer one that never had it.
      const change = apply(changed.values(), missing, Number.NEGATIVE_INFINITY, nowMs);
      return { ...change, completed: false };
    },
    remember(saved) {
      const changes = new Map<string, Endpoint>();
      for (const endpoint of saved) {
        if (endpoints.has(endpoint.id)) continue;
        put(endpoint.id, endpoint);
        changes.set(endpoint.id, endpoint);
      }
      return { changes, urgent: false, held: 0, completed: false };
    },
  };
}

/** Of several endpoints with one id the last counts. */
function byId(endpoints: readonly Endpoint[]): Map<string, Endpoint> {
  return new Map(endpoints.map((endpoint) => [endpoint.id, endpoint]));
}

function isUrgent(before: Endpoint, after: Endpoint): boolean {
  return (
    before.address !== after.address || before.draining !== after.draining || before.health !== after.health
  );
}
