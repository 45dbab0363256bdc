/**
 * What is believed of one thing that is probed. A single answer changes nothing, except that the first good one of all
 * is believed at once: an instance that just started has to be used, and nobody has depended on it yet.
 *
 * Flapping is damped as routers damp routes (RFC 2439): each fall to unhealthy adds a penalty of 1, which halves every
 * minute. Once it reaches `SUPPRESS_AT`, good probes are not enough: the thing stays unhealthy until the penalty has
 * decayed to `REUSE_AT`. What falls once is back after its threshold; what falls again and again stays out, and callers
 * are spared the changes.
 */
import type { CheckRules } from "./check-rules.ts";

export type Health = "unknown" | "healthy" | "unhealthy";

export interface HealthState {
  readonly health: Health;
  /** It would be healthy, but has fallen too often lately. */
  readonly suppressed: boolean;
  /** What a probe found at `nowMs`. Returns the health from now on. */
  report(ok: boolean, nowMs: number): Health;
}

const HALF_LIFE_MS = 60_000;
const SUPPRESS_AT = 3;
const REUSE_AT = 1;
/** However often it fell: two half-lives and a little until it is used again. */
const MOST_PENALTY = 5;

export function createHealthState(rules: Pick<CheckRules, "unhealthyAfter" | "healthyAfter">): HealthState {
  let health: Health = "unknown";
  let suppressed = false;
  /** Probes in a row with the outcome that would change `health`. */
  let against = 0;
  let penalty = 0;
  let penaltyAtMs = 0;

  function decay(nowMs: number): void {
    penalty *= 2 ** -(Math.max(0, nowMs - penaltyAtMs) / HALF_LIFE_MS);
    penaltyAtMs = nowMs;
  }

  function fall(nowMs: number): void {
    if (health === "healthy") {
      decay(nowMs);
      penalty = Math.min(MOST_PENALTY, penalty + 1);
      suppressed = penalty >= SUPPRESS_AT;
    }
    health = "unhealthy";
    against = 0;
  }

  function rise(nowMs: number): void {
    decay(nowMs);
    suppressed &&= penalty > REUSE_AT;
    if (suppressed) return;
    health = "healthy";
    against = 0;
  }

  return {
    get health() {
      return health;
    },
    get suppressed() {
      return suppressed;
    },
    report(ok, nowMs) {
      if (ok === (health === "healthy") && health !== "unknown") against = 0;
      else against++;
      if (!ok && health !== "unhealthy" && against >= rules.unhealthyAfter) fall(nowMs);
      else if (ok && health === "unknown") rise(nowMs);
      else if (ok && health === "unhealthy" && against >= rules.healthyAfter) rise(nowMs);
      return health;
    },
  };
}
