/**
 * When which probe is due, and what its outcomes mean, for any number of things, as a pure machine: it is asked what is
 * due, told what came of it, and says which health changed. Whoever drives it does the probing.
 *
 * First probes are spread over a second, later ones over a tenth of their interval to either side, so that what was
 * entered together isn't probed together for ever. Not more than `maxRunning` probes run at once: when they take too
 * long, intervals grow, and nothing piles up.
 */
import type { Random } from "../runtime/random.ts";
import type { CheckRules } from "./check-rules.ts";
import { createHealthState, type Health, type HealthState } from "./health-state.ts";
import { DueHeap } from "./due-heap.ts";

/** A probe to be made now. `check` is what `set` was given. */
export interface DueProbe<Check> {
  readonly key: string;
  readonly check: Check;
  readonly timeoutMs: number;
}

export interface ProbeSchedule<Check> {
  /** Things that are probed. */
  readonly size: number;
  /** Probes under way. */
  readonly running: number;
  /** Begins to probe something. What is known already under this key is forgotten, with its health. */
  set(key: string, check: Check, rules: CheckRules, nowMs: number): void;
  delete(key: string): void;
  get(key: string): Check | undefined;
  /** The next probe that is due at `nowMs` and for which there is room. It is to be ended by `report`. */
  take(nowMs: number): DueProbe<Check> | undefined;
  /** What a probe found. Says the new health when it changed; nothing for what has been deleted or set anew meanwhile. */
  report(probe: DueProbe<Check>, ok: boolean, nowMs: number): Health | undefined;
  /** When `take` has something next; infinity when nothing is due or there is no room. */
  nextDueAt(): number;
}

export interface ProbeScheduleOptions {
  /** Default 64. */
  readonly maxRunning?: number;
  readonly random: Random;
}

export function createProbeSchedule<Check>(options: ProbeScheduleOptions): ProbeSchedule<Check> {
  const { maxRunning = 64, random } = options;
  const probed = new Map<string, Probed<Check>>();
  const due = new DueHeap<Probed<Check>>();
  let running = 0;

  /** What has been deleted, or set anew, is dropped when it comes up. */
  function firstDue(): Probed<Check> | undefined {
    for (let first = due.first; first !== undefined; first = due.first) {
      if (probed.get(first.probe.key) === first) return first;
      due.pop();
    }
    return undefined;
  }

  return {
    get size() {
      return probed.size;
    },
    get running() {
      return running;
    },
    set(key, check, rules, nowMs) {
      const one: Probed<Check> = {
        probe: { key, check, timeoutMs: rules.timeoutMs },
        rules,
        state: createHealthState(rules),
        dueAtMs: nowMs + random.next() * Math.min(FIRST_WITHIN_MS, rules.intervalMs),
      };
      probed.set(key, one);
      due.push(one);
    },
    delete: (key) => void probed.delete(key),
    get: (key) => probed.get(key)?.probe.check,
    take(nowMs) {
      if (running >= maxRunning) return undefined;
      const first = firstDue();
      if (first === undefined || first.dueAtMs > nowMs) return undefined;
      due.pop();
      running++;
      const { intervalMs } = first.rules;
      first.dueAtMs = nowMs + intervalMs * (1 - SPREAD + random.next() * 2 * SPREAD);
      return first.probe;
    },
    report(probe, ok, nowMs) {
      running--;
      const one = probed.get(probe.key);
      if (one?.probe !== probe) return undefined;
      const before = one.state.health;
      const after = one.state.report(ok, nowMs);
      // Put back only now: a thing is never probed twice at once.
      one.dueAtMs = Math.max(one.dueAtMs, nowMs);
      due.push(one);
      return after === before ? undefined : after;
    },
    nextDueAt: () =>
      running >= maxRunning ? Number.POSITIVE_INFINITY : (firstDue()?.dueAtMs ?? Number.POSITIVE_INFINITY),
  };
}

const FIRST_WITHIN_MS = 1_000;
const SPREAD = 0.1;

interface Probed<Check> {
  readonly probe: DueProbe<Check>;
  readonly rules: CheckRules;
  readonly state: HealthState;
  dueAtMs: number;
}
