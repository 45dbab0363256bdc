/**
 * Calls by the clock, whatever becomes of earlier ones. Each has a time at which it is to be made, drawn beforehand, and its
 * latency counts from then: a generator that is late, or waits, hides the slowness that it meets.
 */
import { createSeededRandom } from "heddle/testing";
import { serveParent } from "../../discovery/worker.ts";
import { type Calls, connect, type ContestantName, type Fleet } from "./contestants.ts";

export type CallerTasks = typeof tasks;

interface RunInput {
  readonly contestant: ContestantName;
  readonly fleet: Fleet;
  readonly timeoutMs: number;
  readonly perSecond: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  readonly seed: number;
}

export interface Measured {
  /** A call that failed counts as its timeout. */
  readonly timesMs: readonly number[];
  readonly failed: number;
  readonly firstFailure: string | undefined;
  /** By how much the later of a hundred calls was made after its time. */
  readonly lateMs: number;
}

let calls: Calls | undefined;

const tasks = {
  async run({
    contestant,
    fleet,
    timeoutMs,
    perSecond,
    warmUpMs,
    measureMs,
    seed,
  }: RunInput): Promise<Measured> {
    calls = connect(contestant, fleet, timeoutMs);
    const { call } = calls;
    // Connections first: they are made once, and not for each call.
    await Promise.all(Array.from({ length: 2 * fleet.addresses.length }, () => call().catch(() => {})));
    const random = createSeededRandom(seed);
    const timesMs: number[] = [];
    const late: number[] = [];
    const running = new Set<Promise<void>>();
    let failed = 0;
    let firstFailure: string | undefined;
    const startedMs = performance.now();
    const endMs = warmUpMs + measureMs;

    async function make(dueMs: number): Promise<void> {
      const lateMs = performance.now() - startedMs - dueMs;
      const counts = dueMs >= warmUpMs;
      try {
        await call();
        if (counts) timesMs.push(performance.now() - startedMs - dueMs);
      } catch (error) {
        if (!counts) return;
        firstFailure ??= String(error);
        failed++;
        timesMs.push(timeoutMs);
      } finally {
        if (counts) late.push(lateMs);
      }
    }

    let dueMs = 0;
    const drawNext = () => (dueMs -= (1000 / perSecond) * Math.log(1 - random.next()));
    drawNext();
    await new Promise<void>((resolve) => {
      const tick = () => {
        for (const nowMs = performance.now() - startedMs; dueMs <= nowMs && dueMs < endMs; drawNext()) {
          const made = make(dueMs);
          running.add(made);
          void made.finally(() => running.delete(made));
        }
        if (dueMs >= endMs) resolve();
        else setTimeout(tick, Math.max(0, dueMs - (performance.now() - startedMs)));
      };
      tick();
    });
    await Promise.all(running);
    calls.close();
    late.sort((a, b) => a - b);
    return { timesMs, failed, firstFailure, lateMs: late[Math.floor(0.99 * late.length)] ?? 0 };
  },
};

serveParent(tasks);
