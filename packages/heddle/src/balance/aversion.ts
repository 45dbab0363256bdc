/**
 * Keeping away from instances that fail. One that fails at once has nothing in flight and looks like the best of all
 * ("sinkholing", NSDI 2024, §4, where the cure is left out), so that a policy which follows load needs this in any
 * case. Each further failure in a row keeps calls away four times as long, from 250 ms to 30 s; one success forgives.
 * What an instance says of its own errors counts too: more than half of the calls failing keeps it out while it
 * says so, without a call being spent on finding out.
 *
 * At most half of a set is kept out: when more fail, the fault is not theirs. A client has outlier ejection instead
 * (`resilience/outlier-ejection.ts`), for any policy, and switches this off: one of the two must decide.
 */
import type { AttemptOutcome, Candidate, LoadReport } from "./balancer.ts";
import type { Member } from "./choice-set.ts";

/** Part of a member's state. */
export interface Aversion {
  failuresInARow: number;
  /** Until when calls go elsewhere, if there is an elsewhere. */
  avertedUntilMs: number;
  /** False: switched off. */
  readonly avoidsFailing: boolean;
}

export function createAversion(avoidsFailing = true): Aversion {
  return { failuresInARow: 0, avertedUntilMs: Number.NEGATIVE_INFINITY, avoidsFailing };
}

type Averse = { readonly state: Aversion };

/** Takes note of how an attempt ended. Returns whether the instance is kept out from now on. */
export function noteOutcome(
  members: readonly Averse[],
  member: Averse,
  nowMs: number,
  outcome: AttemptOutcome,
): boolean {
  const { state } = member;
  if (outcome === "ok") {
    state.failuresInARow = 0;
    state.avertedUntilMs = Number.NEGATIVE_INFINITY;
  }
  if (outcome !== "failed") return false;
  const awayMs = Math.min(longestMs, shortestMs * 4 ** state.failuresInARow);
  state.failuresInARow++;
  return avert(members, member, nowMs, awayMs);
}

/** Takes note of what an instance says of its errors. Returns whether it is kept out from now on. */
export function noteReport(
  members: readonly Averse[],
  member: Averse,
  nowMs: number,
  report: LoadReport,
): boolean {
  const { requestsPerSecond, errorsPerSecond } = report;
  // The rates fade together. When hardly anything is left of them the instance may be tried again.
  if (!(requestsPerSecond > fadedPerSecond) || !(errorsPerSecond > requestsPerSecond / 2)) return false;
  return avert(members, member, nowMs, reportedMs);
}

export function isAverted(member: Member<Candidate, Aversion>, nowMs: number): boolean {
  return member.state.avertedUntilMs > nowMs;
}

function avert(members: readonly Averse[], member: Averse, nowMs: number, awayMs: number): boolean {
  if (!member.state.avoidsFailing) return false;
  let others = 0;
  for (const { state } of members) {
    if (state !== member.state && state.avertedUntilMs > nowMs) others++;
  }
  if ((others + 1) * 2 > members.length) return false;
  member.state.avertedUntilMs = Math.max(member.state.avertedUntilMs, nowMs + awayMs);
  return true;
}

const shortestMs = 250;
const longestMs = 30_000;
const reportedMs = 1000;
const fadedPerSecond = 0.1;
