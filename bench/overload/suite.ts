/**
 * The overload suite: callers want two and three times what a server can do, for a while, and then less than it can do. What
 * it still gets done meanwhile, for whom, at what cost, and how soon it is itself again.
 */
import { startWorker } from "../discovery/worker.ts";
import type { CalleeTasks } from "./callee.ts";
import type { CallerTasks, Phase, Window } from "./caller.ts";
import { type ContestantName, contestants } from "./contestants.ts";

export interface OverloadPlan {
  readonly contestants: readonly ContestantName[];
  /** What is wanted, as multiples of what can be done. */
  readonly factors: readonly number[];
  readonly overloadMs: number;
  readonly recoveryMs: number;
  readonly onProgress: (text: string) => void;
}

export interface OverloadRow {
  readonly contestant: ContestantName;
  readonly factor: number;
  /** Calls a second that the server can do. */
  readonly capacity: number;
  /** Answers in time during the overload, as a share of that. */
  readonly goodput: number;
  /** Of the critical calls during the overload, those answered in time. */
  readonly criticalShare: number;
  readonly sheddableShare: number;
  /** Calls that the server began for each one that was answered in time, during the overload and after. */
  readonly workPerAnswer: number;
  /** From the end of the overload until nearly all calls are answered again; absent: not within the time measured. */
  readonly recoveryMs?: number;
}

const WORK_MS = 4;
const TIMEOUT_MS = 1000;
/** Of what can be done. */
const CRITICAL = 0.6;
const AFTERWARDS = { critical: 0.5, sheddable: 0.2 };
const BEFORE_MS = 2000;
const SATURATE_MS = 2000;
/** Nearly all, in windows that follow each other for so long. */
const NEARLY_ALL = 0.98;
const LASTING_MS = 1500;

export async function runOverloadSuite(plan: OverloadPlan): Promise<readonly OverloadRow[]> {
  const rows: OverloadRow[] = [];
  for (const factor of plan.factors) {
    for (const contestant of plan.contestants) {
      const row = await measure(contestant, factor, plan);
      rows.push(row);
      const { goodput, criticalShare } = row;
      plan.onProgress(
        `${contestant} at ${factor}x: goodput ${percent(goodput)}, critical ${percent(criticalShare)}`,
      );
    }
  }
  return rows;
}

async function measure(
  contestant: ContestantName,
  factor: number,
  { overloadMs, recoveryMs }: OverloadPlan,
): Promise<OverloadRow> {
  await using callee = await startWorker<CalleeTasks>("../overload/callee.ts");
  await using caller = await startWorker<CallerTasks>("../overload/caller.ts");
  const { admission } = contestants[contestant];
  const address = await callee.ask("start", { workMs: WORK_MS, admission });
  const capacity = await caller.ask("saturate", { address, forMs: SATURATE_MS });
  const before = await callee.ask("begun", undefined);
  const times = (share: { critical: number; sheddable: number }) => ({
    critical: share.critical * capacity,
    sheddable: share.sheddable * capacity,
  });
  const phases: Phase[] = [
    { forMs: BEFORE_MS, perSecond: times(AFTERWARDS) },
    { forMs: overloadMs, perSecond: times({ critical: CRITICAL, sheddable: factor - CRITICAL }) },
    { forMs: recoveryMs, perSecond: times(AFTERWARDS) },
  ];
  const windows = await caller.ask("load", { contestant, address, timeoutMs: TIMEOUT_MS, phases });
  const begun = (await callee.ask("begun", undefined)) - before;
  const endMs = BEFORE_MS + overloadMs;
  const during = windows.filter(({ atMs }) => atMs >= BEFORE_MS && atMs < endMs);
  const recoveredMs = recoveryOf(windows.filter(({ atMs }) => atMs >= endMs));
  return {
    contestant,
    factor,
    capacity,
    goodput: (total(during, "good") * 1000) / overloadMs / capacity,
    criticalShare: shareOf(during, "critical"),
    sheddableShare: shareOf(during, "sheddable"),
    workPerAnswer: begun / total(windows, "good"),
    ...(recoveredMs === undefined ? {} : { recoveryMs: recoveredMs }),
  };
}

/** From the first window to the first of those that answer nearly all for long enough. */
function recoveryOf(windows: readonly Window[]): number | undefined {
  const first = windows[0]?.atMs ?? 0;
  const isGood = (window: Window) => total([window], "good") >= NEARLY_ALL * total([window], "sent");
  for (let i = 0; i < windows.length; i++) {
    const fromMs = windows[i]?.atMs ?? 0;
    const lasting = windows.slice(i).filter(({ atMs }) => atMs < fromMs + LASTING_MS);
    const isLong = (windows.at(-1)?.atMs ?? 0) >= fromMs + LASTING_MS;
    if (isLong && lasting.every(isGood)) return fromMs - first;
  }
  return undefined;
}

function total(windows: readonly Window[], what: "sent" | "good"): number {
  return windows.reduce((sum, window) => sum + window[what].critical + window[what].sheddable, 0);
}

function shareOf(windows: readonly Window[], level: "critical" | "sheddable"): number {
  const sum = (what: "sent" | "good") => windows.reduce((all, window) => all + window[what][level], 0);
  return sum("good") / sum("sent");
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
