/**
 * The restart suite: every instance of a fleet is restarted again and again under load, a tenth of the times by SIGKILL, while
 * callers go on. What their calls take meanwhile, beside what they take when nothing happens.
 */
import { createSeededRandom } from "heddle/testing";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { RegistryTasks } from "../discovery/registry.ts";
import { startWorker } from "../discovery/worker.ts";
import type { CallerTasks, Figures } from "./caller.ts";

export interface RestartPlan {
  readonly instances: number;
  /** Of each instance. */
  readonly restarts: number;
  /** How long it is watched while nothing happens. */
  readonly steadyMs: number;
  readonly onProgress: (text: string) => void;
}

export interface RestartRun {
  readonly instances: number;
  readonly restarts: number;
  readonly kills: number;
  readonly perSecond: number;
  readonly steady: Figures;
  readonly restarting: Figures;
}

/** Of one instance: 50 calls a second. */
const SLOTS = 4;
const WORK_MS = 80;
const LOAD = 0.8;
const LEASE_TTL_MS = 5_000;
const WARM_UP_MS = 4_000;
/** Between one restart and the next, so that they do not run into each other. */
const PAUSE_MS = 500;

export async function runRestartSuite(plan: RestartPlan): Promise<RestartRun> {
  const { instances, restarts, steadyMs, onProgress } = plan;
  await using plane = await startWorker<RegistryTasks>("../discovery/registry.ts");
  const registry = await plane.ask("start", { leaseTtlMs: LEASE_TTL_MS });
  const members = Array.from({ length: instances }, (_, i) => new Member(`member-${i}`, registry));
  try {
    await Promise.all(members.map((member) => member.start()));
    await using caller = await startWorker<CallerTasks>("../restart/caller.ts");
    const perSecond = (instances * SLOTS * 1000 * LOAD) / WORK_MS;
    await caller.ask("start", { registry, perSecond });
    await delay(WARM_UP_MS);
    await caller.ask("take", undefined);
    await delay(steadyMs);
    const steady = await caller.ask("take", undefined);
    onProgress(`steady: ${steady.calls} calls, p99 ${steady.p99Ms.toFixed(1)} ms`);
    const signals = signalsFor(instances * restarts);
    const kills = signals.filter((signal) => signal === "SIGKILL").length;
    for (let round = 1; round <= restarts; round++) {
      for (const member of members) {
        await member.stop(signals.pop() ?? "SIGTERM");
        await member.start();
        await delay(PAUSE_MS);
      }
      onProgress(`round ${round} of ${restarts} is over`);
    }
    await caller.ask("stop", undefined);
    const restarting = await caller.ask("take", undefined);
    return { instances, restarts, kills, perSecond, steady, restarting };
  } finally {
    await Promise.all(members.map((member) => member.stop("SIGKILL")));
  }
}

/** A tenth of them SIGKILL, in an order that is the same in each run. */
function signalsFor(count: number): NodeJS.Signals[] {
  const random = createSeededRandom(1);
  const signals: NodeJS.Signals[] = [];
  for (let left = count, kills = Math.max(1, Math.round(count / 10)); left > 0; left--) {
    const isKill = random.below(left) < kills;
    if (isKill) kills--;
    signals.push(isKill ? "SIGKILL" : "SIGTERM");
  }
  return signals;
}

/** One instance through all its processes. */
class Member {
  readonly #name: string;
  readonly #registry: string;
  #child: ChildProcess | undefined;

  constructor(name: string, registry: string) {
    this.#name = name;
    this.#registry = registry;
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, [fileURLToPath(new URL("./member.ts", import.meta.url))], {
      env: {
        ...process.env,
        HEDDLE_REGISTRY: this.#registry,
        HEDDLE_INSTANCE: this.#name,
        HEDDLE_LISTEN: "127.0.0.1:0",
        MEMBER_SLOTS: String(SLOTS),
        MEMBER_WORK_MS: String(WORK_MS),
      },
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#child = child;
    const ended = once(child, "exit").then(() => Promise.reject(new Error(`${this.#name} ended early`)));
    await Promise.race([once(child.stdout, "data"), ended]);
    ended.catch(() => {});
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  }
}
