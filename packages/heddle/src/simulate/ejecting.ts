/**
 * A balancer as a client has it: the set that it chooses from is without the instances that outlier ejection has taken
 * out. The detector is that of production (`resilience/outlier-ejection.ts`); what a client's `Endpoints` do around it
 * (who joins, what wakes up, which call tries an instance) is done here in a few lines for virtual time.
 */
import type { Balancer, Candidate } from "../balance/balancer.ts";
import { OutlierDetector } from "../resilience/outlier-ejection.ts";
import { type OutlierOptions, outlierSettings } from "../resilience/outlier-settings.ts";
import type { Standing } from "../resilience/outlier-standing.ts";
import type { Random } from "../runtime/random.ts";

export interface EjectingOptions<C extends Candidate> {
  /** With `avoidFailing: false`. */
  readonly inner: Balancer<C>;
  readonly random: Random;
  readonly ejection?: OutlierOptions;
}

export function createEjecting<C extends Candidate>(options: EjectingOptions<C>): Balancer<C> {
  const { inner, random, ejection } = options;
  const settings = outlierSettings(ejection);
  const detector = new OutlierDetector(settings, random);
  let standings = new Map<string, Standing>();
  let all: readonly C[] = [];
  let dueMs = Number.POSITIVE_INFINITY;
  let trialDue: Standing | undefined;
  let asked: Standing | undefined;
  const targets: C[] = [];

  function refresh(nowMs: number | undefined): void {
    dueMs = detector.dueMs;
    trialDue = detector.trialDue;
    const isIn = ({ id }: C) => standings.get(id)?.state === "in";
    inner.update(all.filter(isIn), nowMs);
  }

  /** The one whose trial is due, for a call that has tried nobody. */
  function takeTrial(avoid: readonly C[] | undefined, nowMs: number): C | undefined {
    if (trialDue === undefined || avoid !== undefined || nowMs < trialDue.untilMs + answerMs)
      return undefined;
    const { id } = trialDue;
    detector.beginTrial(trialDue, nowMs);
    refresh(nowMs);
    return all.find((candidate) => candidate.id === id);
  }

  return {
    name: inner.name,

    update(candidates, nowMs) {
      all = [...candidates];
      const before = standings;
      standings = new Map(all.map(({ id }) => [id, before.get(id) ?? detector.join(id)]));
      for (const [id, standing] of before) if (!standings.has(id)) detector.leave(standing);
      detector.resize(all.length, 0);
      refresh(nowMs);
    },

    pick(avoid, nowMs = 0, key) {
      if (nowMs >= dueMs && detector.pass(nowMs)) refresh(nowMs);
      return takeTrial(avoid, nowMs) ?? inner.pick(avoid, nowMs, key);
    },

    ended(candidate, nowMs, latencyMs, outcome) {
      inner.ended?.(candidate, nowMs, latencyMs, outcome);
      const standing = standings.get(candidate.id);
      if (standing === undefined) return;
      const isTrial =
        standing.state === "trying" && nowMs - latencyMs >= standing.untilMs - settings.maxEjectionMs;
      const verdict = outcome === "cancelled" ? "late" : outcome;
      if (detector.ended(standing, nowMs, latencyMs, verdict, isTrial)) refresh(nowMs);
    },

    reported(candidate, nowMs, report, probed) {
      inner.reported?.(candidate, nowMs, report, probed);
      const standing = standings.get(candidate.id);
      if (standing === undefined) return;
      const { requestsPerSecond, errorsPerSecond } = report;
      if (detector.reported(standing, nowMs, requestsPerSecond, errorsPerSecond)) refresh(nowMs);
    },

    probeTargets(nowMs) {
      const others = inner.probeTargets?.(nowMs) ?? [];
      if (trialDue === asked) return others;
      asked = trialDue;
      const due = all.find(({ id }) => id === asked?.id);
      targets.length = 0;
      for (const target of others) targets.push(target);
      if (due !== undefined) targets.push(due);
      return targets;
    },
  };
}

/** Time for the answer of one that is asked how it is. */
const answerMs = 20;
