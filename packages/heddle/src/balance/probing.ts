/**
 * Balancing by probes that run ahead of the calls (asynchronous Prequal, NSDI 2024, §4): each call asks for some
 * probes of random instances and goes itself by the answers to earlier ones, so that no call waits for a probe. How
 * answers are compared is a `ProbeRule`: Prequal's own, or those of C3 and of linear combinations, which the paper
 * measures on the same pool.
 *
 * With fewer than two usable answers the call goes by our own calls in flight, two choices; by chance alone, as in the
 * paper, it would at low traffic be nearly always chance. Instances that fail are kept out (`aversion.ts`).
 *
 * Only answers to probes go into the pool. Reports that ride on answers to calls come from the instances that are
 * preferred already; pooled as they are, they make the choice worse.
 */
import type { AttemptOutcome, Balancer, Candidate, LoadReport } from "./balancer.ts";
import { isAvoided } from "./balancer.ts";
import { type Aversion, createAversion, isAverted, noteOutcome, noteReport } from "./aversion.ts";
import { createChoiceSet, isLessLoaded, type Member } from "./choice-set.ts";
import { createFraction, createProbePool, type Probe, type ProbePoolOptions } from "./probe-pool.ts";

export interface ProbeRule<C extends Candidate, R> {
  readonly name: string;
  createState(): R;
  /** Before answers are compared for a call. */
  prepare?(nowMs: number, members: readonly Member<C, ProbingState<R>>[]): void;
  /** Whether a call is better sent to `a`. Without it, the one that costs less is better. */
  isBetter?(a: Probe<C, ProbingState<R>>, b: Probe<C, ProbingState<R>>): boolean;
  /** What a call there costs; kept as the `cost` of an answer for the rest of a pick. */
  costOf?(probe: Probe<C, ProbingState<R>>): number;
  /** The same where there are no answers to go by. Default: by our own calls in flight. */
  isBetterUnprobed?(a: Member<C, ProbingState<R>>, b: Member<C, ProbingState<R>>): boolean;
  /** The answer to a probe, whether it goes into the pool or not. Returns the latency that the pool is to keep. */
  answered?(state: R, nowMs: number, report: LoadReport): number;
  ended?(state: R, latencyMs: number, outcome: AttemptOutcome): void;
}

export interface ProbingState<R> extends Aversion {
  readonly rule: R;
}

export interface ProbingBalancer<C extends Candidate> extends Required<Balancer<C>> {
  /** For logs, metrics and tests. */
  readonly poolSize: number;
  readonly picks: number;
  /** Picks that had fewer than two answers to go by. Many of them: probes do not come back, or traffic is low. */
  readonly picksWithoutProbes: number;
  /** That many to probe, beside those that calls ask for. The array is that of `probeTargets`. */
  drawTargets(count: number): readonly C[];
}

export function createProbing<C extends Candidate, R>(
  rule: ProbeRule<C, R>,
  options: ProbePoolOptions,
): ProbingBalancer<C> {
  const { random, probesPerCall = 3 } = options;
  const pool = createProbePool<C, ProbingState<R>>(options);
  const probes = createFraction(probesPerCall);
  const targets: C[] = [];
  const clock = { nowMs: 0 };
  const noteTime = (nowMs: number) => {
    if (nowMs > clock.nowMs) clock.nowMs = nowMs;
  };
  const set = createChoiceSet<C, ProbingState<R>>({
    random,
    fullScanUpTo: 0,
    createState: () => ({ ...createAversion(options.avoidFailing), rule: rule.createState() }),
    isBetter(a, b) {
      const isAvertedA = isAverted(a, clock.nowMs);
      if (isAvertedA !== isAverted(b, clock.nowMs)) return !isAvertedA;
      return rule.isBetterUnprobed === undefined ? isLessLoaded(a, b) : rule.isBetterUnprobed(a, b);
    },
  });
  const isBetter = rule.isBetter ?? isCheaper;
  let owedProbes = 0;
  let picks = 0;
  let picksWithoutProbes = 0;

  /** Index in the pool of the best usable answer; -1 with fewer than two. */
  function choose(avoid: readonly C[] | undefined): number {
    let best = -1;
    let bestProbe: Probe<C, ProbingState<R>> | undefined;
    let usable = 0;
    for (let i = 0; i < pool.size; i++) {
      const probe = pool.at(i);
      // Members lie anywhere in memory: they are looked at only where it must be.
      if (avoid !== undefined && isAvoided(probe.member.candidate, avoid)) continue;
      usable++;
      if (rule.costOf !== undefined) probe.cost = rule.costOf(probe);
      if (bestProbe === undefined || isBetter(probe, bestProbe)) {
        best = i;
        bestProbe = probe;
      }
    }
    return usable < 2 ? -1 : best;
  }

  function pickWithoutProbes(avoid: readonly C[] | undefined): C | undefined {
    let picked = set.pick(avoid);
    for (let again = 0; again < 4 && picked !== undefined && isAverted(picked, clock.nowMs); again++) {
      picked = set.pick(avoid);
    }
    return picked?.candidate;
  }

  function addTarget({ candidate, weight }: Member<C, unknown>): void {
    if (weight > 0 && !targets.includes(candidate)) targets.push(candidate);
  }

  function drawTargets(count: number): readonly C[] {
    targets.length = 0;
    const { members } = set;
    const wanted = Math.min(count, members.length);
    for (let draws = 0; targets.length < wanted && draws < 4 * wanted; draws++) addTarget(set.draw());
    if (targets.length < wanted) {
      const start = random.below(members.length);
      for (let step = 0; targets.length < wanted && step < members.length; step++) {
        addTarget(members[(start + step) % members.length] as Member<C, unknown>);
      }
    }
    return targets;
  }

  return {
    name: rule.name,

    get poolSize() {
      return pool.size;
    },
    get picks() {
      return picks;
    },
    get picksWithoutProbes() {
      return picksWithoutProbes;
    },

    update(candidates, nowMs = clock.nowMs) {
      noteTime(nowMs);
      set.update(candidates);
      pool.retain((member) => member.weight > 0 && set.find(member.candidate) === member);
      pool.resize(set.members.length);
      targets.length = 0;
    },

    pick(avoid, nowMs = clock.nowMs) {
      noteTime(nowMs);
      if (set.members.length === 0) return undefined;
      owedProbes = Math.min(maxOwedProbes, owedProbes + probes.next());
      picks++;
      pool.expire(clock.nowMs);
      rule.prepare?.(clock.nowMs, set.members);
      const chosen = choose(avoid);
      if (chosen < 0) picksWithoutProbes++;
      const picked = chosen < 0 ? pickWithoutProbes(avoid) : pool.at(chosen).member.candidate;
      if (chosen >= 0) pool.use(chosen);
      pool.removeAfterCall(isBetter);
      return picked;
    },

    ended(candidate, nowMs, latencyMs, outcome) {
      noteTime(nowMs);
      const member = set.find(candidate);
      if (member === undefined) return;
      rule.ended?.(member.state.rule, latencyMs, outcome);
      noteOutcome(set.members, member, nowMs, outcome);
      if (outcome === "failed") pool.drop(member);
    },

    reported(candidate, nowMs, report, probed) {
      noteTime(nowMs);
      const member = set.find(candidate);
      if (member === undefined || member.weight === 0) return;
      if (noteReport(set.members, member, nowMs, report)) pool.drop(member);
      if (!probed || report.requestsInFlight < 0) return;
      const latencyMs = rule.answered?.(member.state.rule, nowMs, report) ?? report.latencyMs;
      if (!isAverted(member, nowMs)) pool.add(member, nowMs, report.requestsInFlight, latencyMs);
    },

    probeTargets() {
      const count = owedProbes;
      owedProbes = 0;
      return drawTargets(count);
    },

    drawTargets,
  };
}

function isCheaper(a: Probe<Candidate, unknown>, b: Probe<Candidate, unknown>): boolean {
  return a.cost < b.cost;
}

/** Where nobody asks for the targets for a while. */
const maxOwedProbes = 16;
