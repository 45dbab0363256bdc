/**
 * One target in a thread of its own: makes inputs from seeds and checks them. What it is busy with stands in memory
 * that the parent can read, so that an input which hangs the thread is known all the same.
 */
import { parentPort, workerData } from "node:worker_threads";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Dice } from "./dice.ts";
import { type FuzzTarget, loadTarget } from "./target.ts";

export interface WorkerInput {
  /** Of the target's module. */
  readonly url: string;
  readonly seed: number;
  /** When to end, whatever comes first. */
  readonly milliseconds: number;
  readonly inputs: number;
  /** [seed of the current input, inputs done]. */
  readonly progress: SharedArrayBuffer;
}

export interface Failure {
  /** Of the generator; with one input it repeats the failure. */
  readonly seed: number;
  readonly input: Uint8Array;
  readonly reason: string;
}

export type WorkerMessage =
  | { readonly done: number; readonly heapGrowthBytes: number }
  | { readonly failure: Failure };

/** Default for one input, in ms. */
const LIMIT_MS = 1000;

/** Heap that a target may hold more at the end than after its first tenth, in bytes. */
export const HEAP_GROWTH_LIMIT_BYTES = 8 * 1024 * 1024;

/** Why an input fails, or undefined. */
export async function failureOf(target: FuzzTarget, input: Uint8Array): Promise<string | undefined> {
  const limitMs = target.limitMs ?? LIMIT_MS;
  // Time of this thread's processor: that of the clock says how busy the machine is.
  const started = cpuMs();
  try {
    await target.check(input);
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  const tookMs = cpuMs() - started;
  return tookMs > limitMs ? `it took ${Math.round(tookMs)} ms; ${limitMs} are allowed` : undefined;
}

if (parentPort !== null) await work(workerData as WorkerInput, (message) => parentPort?.postMessage(message));

async function work(
  { url, seed: firstSeed, milliseconds, inputs, progress }: WorkerInput,
  say: (message: WorkerMessage) => void,
): Promise<void> {
  const target = await loadTarget(url);
  const cells = new Uint32Array(progress);
  let current: { seed: number; input: Uint8Array } | undefined;
  const onLoose = (error: unknown) => {
    if (current !== undefined) say({ failure: { ...current, reason: `nobody caught: ${String(error)}` } });
    process.exit(1);
  };
  process.on("unhandledRejection", onLoose);
  process.on("uncaughtException", onLoose);

  const until = performance.now() + milliseconds;
  const readHeapAt = performance.now() + milliseconds / 10;
  let earlyHeap: number | undefined;
  let done = 0;
  for (; done < inputs && performance.now() < until; done++) {
    const seed = (firstSeed + done) >>> 0;
    Atomics.store(cells, 0, seed);
    const input = target.generate(new Dice(seed));
    current = { seed, input };
    const reason = await failureOf(target, input);
    if (reason !== undefined) {
      say({ failure: { seed, input, reason } });
      return;
    }
    Atomics.store(cells, 1, done + 1);
    if (earlyHeap === undefined && performance.now() > readHeapAt) earlyHeap = heapBytes();
    // Rejections nobody handles are told at the end of a turn.
    if ((done & 63) === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await target.close?.();
  say({ done, heapGrowthBytes: earlyHeap === undefined ? 0 : heapBytes() - earlyHeap });
}

function heapBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
