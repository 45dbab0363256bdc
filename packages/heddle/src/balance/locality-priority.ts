/**
 * Localities by priority, as in Envoy: the own zone gets all calls while it can take them, the next one only what
 * spills over. A level is worth its healthy share times 1.4, at most all: up to 28 % of it may be gone before anything
 * leaves it. With half of it healthy 70 % of the calls stay. When the levels together are not worth all the calls, they
 * share them in proportion.
 *
 * Each level has a policy of its own. A call that finds all of its level tried goes to the next one.
 */
import type { Random } from "../runtime/random.ts";
import { systemRandom } from "../runtime/random.ts";
import type { Balancer, Candidate } from "./balancer.ts";

export interface LocalityPriorityOptions<C extends Candidate> {
  random?: Random;
  createInner(): Balancer<C>;
  /** 0 is the first choice. */
  levelOf(candidate: C): number;
  /** Asked at each update, which must therefore follow when health changes. Default: all are. */
  isHealthy?(candidate: C): boolean;
  /** How many a level has in all, where updates bring only those that are ready. Default: those of the update. */
  sizeOf?(level: number): number;
  /** Percent. Default 140. */
  overprovisioning?: number;
}

interface Level<C extends Candidate> {
  readonly level: number;
  readonly balancer: Balancer<C>;
  /** Its part of the calls, 0…1. */
  share: number;
}

export function createLocalityPriority<C extends Candidate>(
  options: LocalityPriorityOptions<C>,
): Required<Balancer<C>> {
  const { random = systemRandom, createInner, levelOf, isHealthy = () => true, sizeOf } = options;
  const { overprovisioning = 140 } = options;
  let levels: Level<C>[] = [];
  let levelById = new Map<string, Level<C>>();
  let lastPicked: Level<C> | undefined;

  function draw(): Level<C> | undefined {
    const first = levels[0];
    if (first === undefined || first.share >= 1) return first;
    let left = random.next();
    for (const level of levels) {
      left -= level.share;
      if (left < 0) return level;
    }
    return first;
  }

  return {
    name: "locality_priority",

    update(candidates, nowMs) {
      const groups = Map.groupBy(candidates, levelOf);
      for (const { level, balancer } of levels) if (!groups.has(level)) balancer.update([], nowMs);
      const isAnyHealthy = candidates.some((candidate) => isHealthy(candidate));
      const known = new Map(levels.map((level) => [level.level, level]));
      const worth: number[] = [];
      levelById = new Map();
      levels = [...groups.keys()]
        .sort((a, b) => a - b)
        .map((level) => {
          const all = groups.get(level) as C[];
          // With nobody healthy at all, health says nothing.
          const usable = isAnyHealthy ? all.filter((candidate) => isHealthy(candidate)) : all;
          worth.push(usable.length / Math.max(all.length, sizeOf?.(level) ?? 0));
          const kept = known.get(level) ?? { level, balancer: createInner(), share: 0 };
          kept.balancer.update(usable, nowMs);
          for (const { id } of usable) levelById.set(id, kept);
          return kept;
        });
      for (const [index, share] of levelShares(worth, overprovisioning).entries()) {
        (levels[index] as Level<C>).share = share;
      }
      lastPicked = undefined;
    },

    pick(avoid, nowMs, key) {
      const drawn = draw();
      const picked = drawn?.balancer.pick(avoid, nowMs, key);
      lastPicked = drawn;
      if (picked !== undefined) return picked;
      for (const level of levels) {
        const other = level === drawn ? undefined : level.balancer.pick(avoid, nowMs, key);
        if (other === undefined) continue;
        lastPicked = level;
        return other;
      }
      return undefined;
    },

    ended(candidate, nowMs, latencyMs, outcome) {
      levelById.get(candidate.id)?.balancer.ended?.(candidate, nowMs, latencyMs, outcome);
    },

    reported(candidate, nowMs, report, probed) {
      levelById.get(candidate.id)?.balancer.reported?.(candidate, nowMs, report, probed);
    },

    probeTargets(nowMs) {
      return lastPicked?.balancer.probeTargets?.(nowMs) ?? nobody;
    },
  };
}

const nobody: readonly never[] = [];

/** The parts of the calls, given the healthy share (0…1) of each level in order of priority. They add up to 1. */
export function levelShares(healthyShares: readonly number[], overprovisioning = 140): number[] {
  const worth = healthyShares.map((share) => Math.min(1, (share * overprovisioning) / 100));
  const total = Math.min(
    1,
    worth.reduce((sum, value) => sum + value, 0),
  );
  if (total === 0) return worth.map((_, index) => (index === 0 ? 1 : 0));
  let left = 1;
  return worth.map((value) => {
    const share = Math.min(left, value / total);
    left -= share;
    return share;
  });
}
