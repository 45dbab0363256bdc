/**
 * Real registry servers of other people, as tests and examples hold them: started on free loopback ports in a folder
 * of their own, ready when the promise resolves, and driven through the faults that a registry has in life.
 *
 * Nothing outlives the process that started it, however that ends: see guarded-process.ts. What a test starts it
 * stops (`t.after(() => server.stop())`); the guard is for the runs that never get there.
 */
import { setTimeout as delay } from "node:timers/promises";
import { type GuardedProcess, startGuarded } from "./guarded-process.ts";

export interface RegistryServer {
  /** As `registry` is written in Heddle's options. */
  readonly url: string;
  /** One for each server process that clients may talk to. */
  readonly nodes: readonly RegistryNode[];
  /** Ends every process, at once and without farewell, and removes the folder. */
  stop(): Promise<void>;
}

export interface RegistryNode {
  /** `host:port` that clients connect to. */
  readonly address: string;
  /** Of the process that runs now. */
  readonly pid: number;
  /** SIGSTOP: connections stay open and nothing answers. Resolves when the process has stopped. */
  freeze(): Promise<void>;
  /** SIGCONT. */
  thaw(): void;
  /** SIGKILL. Resolves when the process is gone. */
  kill(): Promise<void>;
  /**
   * Kills it if it runs, starts it on the same ports and data, and resolves when it serves. A node of a cluster serves
   * when the cluster has a quorum, so several that are dead are restarted together.
   */
  restart(): Promise<void>;
}

export interface NodeOptions {
  readonly address: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Where it writes what it says; the end of it is told when it does not start. */
  readonly log: string;
  /** Whether it serves. May reject, which means no. */
  readonly isReady: () => Promise<boolean>;
}

/** Starts a process and waits until it serves. */
export async function startNode({
  address,
  command,
  args,
  log,
  isReady,
}: NodeOptions): Promise<RegistryNode> {
  const start = async () => {
    const started = await startGuarded(command, args, log);
    try {
      await readiness(started, isReady);
      return started;
    } catch (error) {
      await started.kill();
      throw new Error(`${command} at ${address} does not serve: ${started.lastWords()}`, { cause: error });
    }
  };
  let process = await start();
  return {
    address,
    get pid() {
      return process.pid;
    },
    freeze: () => process.freeze(),
    thaw: () => process.thaw(),
    kill: () => process.kill(),
    async restart() {
      await process.kill();
      process = await start();
    },
  };
}

/** Starts all at once. If one cannot be started, none remains. */
export async function startNodes(all: readonly NodeOptions[]): Promise<readonly RegistryNode[]> {
  const outcomes = await Promise.allSettled(all.map(startNode));
  const nodes = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
  const failure = outcomes.find((outcome) => outcome.status === "rejected");
  if (failure === undefined) return nodes;
  await Promise.all(nodes.map((node) => node.kill()));
  throw failure.reason;
}

const READY_WITHIN_MS = 60_000;
const PROBE_EVERY_MS = 20;

async function readiness(process: GuardedProcess, isReady: () => Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + READY_WITHIN_MS;
  while (!(await isReady().catch(() => false))) {
    if (process.hasEnded()) throw new Error("it ended");
    if (performance.now() > giveUpAt) throw new Error(`it was not ready within ${READY_WITHIN_MS} ms`);
    await delay(PROBE_EVERY_MS);
  }
}
