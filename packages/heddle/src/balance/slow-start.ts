/**
 * Slow start, as in Envoy: an instance that has just come gets a part of its weight, and all of it only after a while,
 * for caches are cold and code is not compiled yet. The part is max(minShare, (age / window)^(1 / aggression)).
 *
 * It needs a policy that goes by weights; the others do not notice. Those of the first set are not slowed, since all
 * are new to a client that is new itself.
 */
import type { Balancer, Candidate } from "./balancer.ts";

export interface SlowStartOptions {
  /** Made by this function, as a policy for the candidates with changed weights. */
  createInner(): Balancer<SlowStarting>;
  /** Time until the full weight. Default 30 000. */
  windowMs?: number;
  /** 1: linear; above, faster at first. Default 1. */
  aggression?: number;
  /** The least share of its weight that one has, 0…1. Default 0.1. */
  minShare?: number;
}

/** A candidate with the weight that it has for now. */
export interface SlowStarting extends Candidate {
  weight: number;
}

interface Starting<C extends Candidate> extends SlowStarting {
  candidate: C;
  readonly sinceMs: number;
}

export function createSlowStart<C extends Candidate>(options: SlowStartOptions): Required<Balancer<C>> {
  const { createInner, windowMs = 30_000, aggression = 1, minShare = 0.1 } = options;
  const inner = createInner();
  const everyMs = windowMs / 30;
  const clock = { nowMs: 0, dueMs: 0 };
  let byId = new Map<string, Starting<C>>();
  let members: Starting<C>[] = [];
  let isAnyoneStarting = false;
  const targets: C[] = [];

  function shareAt(ageMs: number): number {
    if (ageMs >= windowMs) return 1;
    return Math.max(minShare, (Math.max(ageMs, 1) / windowMs) ** (1 / aggression));
  }

  function renew(): void {
    clock.dueMs = clock.nowMs + everyMs;
    isAnyoneStarting = false;
    for (const member of members) {
      const share = shareAt(clock.nowMs - member.sinceMs);
      member.weight = member.candidate.weight * share;
      if (share < 1) isAnyoneStarting = true;
    }
    inner.update(members, clock.nowMs);
  }

  return {
    name: inner.name,

    update(candidates, nowMs = clock.nowMs) {
      clock.nowMs = nowMs;
      const sinceMs = byId.size === 0 ? Number.NEGATIVE_INFINITY : nowMs;
      members = candidates.map((candidate) => {
        const known = byId.get(candidate.id) ?? createStarting(candidate, sinceMs);
        known.candidate = candidate;
        return known;
      });
      byId = new Map(members.map((member) => [member.id, member]));
      targets.length = 0;
      renew();
    },

    pick(avoid, nowMs = clock.nowMs, key) {
      clock.nowMs = nowMs;
      if (isAnyoneStarting && nowMs >= clock.dueMs) renew();
      // To be avoided is a matter of ids, hence the candidates themselves will do.
      const picked = inner.pick(avoid, nowMs, key);
      return picked === undefined ? undefined : (picked as Starting<C>).candidate;
    },

    ended(candidate, nowMs, latencyMs, outcome) {
      const member = byId.get(candidate.id);
      if (member !== undefined) inner.ended?.(member, nowMs, latencyMs, outcome);
    },

    reported(candidate, nowMs, report, probed) {
      const member = byId.get(candidate.id);
      if (member !== undefined) inner.reported?.(member, nowMs, report, probed);
    },

    probeTargets(nowMs) {
      targets.length = 0;
      for (const member of inner.probeTargets?.(nowMs) ?? nobody)
        targets.push((member as Starting<C>).candidate);
      return targets;
    },
  };
}

const nobody: readonly SlowStarting[] = [];

function createStarting<C extends Candidate>(candidate: C, sinceMs: number): Starting<C> {
  return {
    id: candidate.id,
    weight: candidate.weight,
    candidate,
    sinceMs,
    get inFlight() {
      return this.candidate.inFlight;
    },
    set inFlight(count) {
      this.candidate.inFlight = count;
    },
  };
}
