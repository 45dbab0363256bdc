/**
 * Runs one target for a time, and shrinks what fails. Called by `npm run fuzz`, and by the test that keeps it honest.
 */
import { Worker } from "node:worker_threads";
import { Dice } from "./dice.ts";
import { concat } from "./mutate.ts";
import { type FuzzTarget, loadTarget } from "./target.ts";
import {
  type Failure,
  failureOf,
  HEAP_GROWTH_LIMIT_BYTES,
  type WorkerInput,
  type WorkerMessage,
} from "./worker.ts";

export interface FuzzRun {
  readonly inputs: number;
  /** Input that never ends cannot be shrunk: each try would hang as well. */
  readonly hangs: boolean;
  readonly failure: Failure | undefined;
}

export interface RunOptions {
  readonly seed: number;
  readonly milliseconds: number;
  /** Default: as many as the time allows. */
  readonly inputs?: number;
  /** An input that takes this long is taken for one that never ends. Default 20 000 ms. */
  readonly hangMs?: number;
}

export async function runTarget(url: string, options: RunOptions): Promise<FuzzRun> {
  const progress = new SharedArrayBuffer(8);
  const cells = new Uint32Array(progress);
  const workerInput: WorkerInput = {
    url,
    seed: options.seed,
    milliseconds: options.milliseconds,
    inputs: options.inputs ?? Number.MAX_SAFE_INTEGER,
    progress,
  };
  const worker = new Worker(new URL("worker.ts", import.meta.url), { workerData: workerInput });
  const watching = watch(cells, options.hangMs ?? 20_000);
  try {
    const message = await Promise.race([reply(worker), watching.hung]);
    if (message === "hung") {
      const seed = Atomics.load(cells, 0);
      const { generate } = await loadTarget(url);
      const failure = { seed, input: generate(new Dice(seed)), reason: "it never ends" };
      return { inputs: Atomics.load(cells, 1), hangs: true, failure };
    }
    if ("failure" in message)
      return { inputs: Atomics.load(cells, 1), hangs: false, failure: message.failure };
    const { done, heapGrowthBytes } = message;
    if (heapGrowthBytes <= HEAP_GROWTH_LIMIT_BYTES) return { inputs: done, hangs: false, failure: undefined };
    const reason = `the heap grew by ${(heapGrowthBytes / 2 ** 20).toFixed(1)} MiB over ${done} inputs`;
    return { inputs: done, hangs: false, failure: { seed: options.seed, input: new Uint8Array(0), reason } };
  } finally {
    watching.stop();
    await worker.terminate();
  }
}

function reply(worker: Worker): Promise<WorkerMessage> {
  return new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", (code) => reject(new Error(`the thread ended with code ${code}`)));
  });
}

/** Resolves when no input has been finished for `hangMs`. */
function watch(cells: Uint32Array, hangMs: number): { hung: Promise<"hung">; stop(): void } {
  const { promise: hung, resolve } = Promise.withResolvers<"hung">();
  let last = -1;
  const timer = setInterval(() => {
    const done = Atomics.load(cells, 1);
    if (done === last) resolve("hung");
    last = done;
  }, hangMs);
  return { hung, stop: () => clearInterval(timer) };
}

/** The same failure in fewer bytes, for as long as taking some away helps; 10 s at most. */
export async function shrink(target: FuzzTarget, input: Uint8Array): Promise<Uint8Array> {
  const until = performance.now() + 10_000;
  let smallest = input;
  for (let size = input.length >>> 1; size > 0; size >>>= 1) {
    for (let at = 0; at + size <= smallest.length && performance.now() < until; ) {
      const shorter = concat(smallest.subarray(0, at), smallest.subarray(at + size));
      if ((await failureOf(target, shorter)) === undefined) at += size;
      else smallest = shorter;
    }
  }
  return smallest;
}
