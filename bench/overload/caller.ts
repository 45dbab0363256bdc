/** Calls by the clock, whatever becomes of earlier ones: users do not wait for each other. */
import { serveParent } from "../discovery/worker.ts";
import { type ContestantName, contestants, type Level } from "./contestants.ts";

export type CallerTasks = typeof tasks;

/** Of one window of time. */
export interface Window {
  readonly atMs: number;
  /** Calls made in it. */
  readonly sent: Record<Level, number>;
  /** Those of them that were answered in time. */
  readonly good: Record<Level, number>;
}

export interface Phase {
  readonly forMs: number;
  readonly perSecond: Readonly<Record<Level, number>>;
}

interface LoadInput {
  readonly contestant: ContestantName;
  readonly address: string;
  readonly timeoutMs: number;
  readonly phases: readonly Phase[];
}

const WINDOW_MS = 250;
const TICK_MS = 4;

const tasks = {
  /** Answers a second when as many calls as it can take are always there, and not more. */
  async saturate({ address, forMs }: { address: string; forMs: number }): Promise<number> {
    const { call, close } = contestants.heddle.connect(address, 10_000);
    let answered = 0;
    const untilMs = performance.now() + forMs;
    const worker = async () => {
      for (; performance.now() < untilMs; answered++) await call("critical");
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    close();
    return (answered * 1000) / forMs;
  },

  /** One phase after the other; resolves when all calls have ended. */
  async load({ contestant, address, timeoutMs, phases }: LoadInput): Promise<readonly Window[]> {
    const { call, close } = contestants[contestant].connect(address, timeoutMs);
    const windows: Window[] = [];
    const running = new Set<Promise<void>>();
    const startedMs = performance.now();
    const windowAt = (atMs: number): Window => {
      const index = Math.floor(atMs / WINDOW_MS);
      return (windows[index] ??= {
        atMs: index * WINDOW_MS,
        sent: { critical: 0, sheddable: 0 },
        good: { critical: 0, sheddable: 0 },
      });
    };

    function make(level: Level, window: Window): void {
      window.sent[level]++;
      const one = call(level).then(
        () => void window.good[level]++,
        () => {},
      );
      running.add(one);
      void one.finally(() => running.delete(one));
    }

    let beganMs = 0;
    for (const { forMs, perSecond } of phases) {
      const made: Record<Level, number> = { critical: 0, sheddable: 0 };
      await new Promise<void>((resolve) => {
        const timer = setInterval(() => {
          const inPhaseMs = Math.min(performance.now() - startedMs - beganMs, forMs);
          const window = windowAt(beganMs + Math.min(inPhaseMs, forMs - 1));
          for (const level of ["critical", "sheddable"] as const)
            for (; made[level] < (inPhaseMs * perSecond[level]) / 1000; made[level]++) make(level, window);
          if (inPhaseMs < forMs) return;
          clearInterval(timer);
          resolve();
        }, TICK_MS);
      });
      beganMs += forMs;
    }
    await Promise.all(running);
    close();
    return Array.from(windows, (window, index) => window ?? windowAt(index * WINDOW_MS));
  },
};

serveParent(tasks);
