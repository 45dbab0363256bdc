/**
 * `npm run bench -- balance --sim`: balancing policies in simulated fleets. Every policy of a cell meets the same
 * worlds, one per seed; the runs are independent, and spread over as many threads as there are cores.
 */
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { type Study, type StudyName, seedsOf, studies } from "./studies.ts";

export interface BalanceOptions {
  readonly studies: readonly StudyName[];
  /** How many worlds per cell, from seed 1 on. Undefined: what the study says. */
  readonly seeds: number | undefined;
  /** Threads. Default: as many as there are cores. */
  readonly threads?: number;
  readonly timing: Timing;
  /** Told what is being done now, for people. */
  readonly onProgress: (text: string) => void;
}

/** In virtual time. Undefined: what the scenario says. */
export interface Timing {
  readonly warmUpMs?: number;
  readonly measureMs?: number;
}

export interface Job {
  readonly study: StudyName;
  readonly cell: string;
  readonly policy: string;
  readonly seed: number;
  readonly timing: Timing;
}

export interface Run extends Job {
  /** Of the world that it met. */
  readonly traceHash: string;
  readonly calls: number;
  readonly failed: number;
  /** Failed because a failing instance answered. */
  readonly failedFast: number;
  /** p50, p90, p99, p99.9; a failed call counts as the deadline. */
  readonly quantilesMs: readonly number[];
  readonly inFlightP99: number;
  readonly probes: number;
  readonly workAmplification: number;
  readonly events: number;
  /** Processor time of the run. */
  readonly cpuMs: number;
}

/** In the order of studies, cells, seeds and policies, whichever ends first. */
export async function runBalanceSuite(options: BalanceOptions): Promise<Run[]> {
  const worlds = toWorlds(options);
  const total = worlds.reduce((sum, jobs) => sum + jobs.length, 0);
  const runs = worlds.map((jobs): Run[] => Array.from({ length: jobs.length }));
  let nextWorld = 0;
  let done = 0;
  await using stack = new AsyncDisposableStack();
  const work = async () => {
    const worker = new Worker(new URL("worker.ts", import.meta.url));
    stack.defer(async () => {
      await worker.terminate();
    });
    for (let world = nextWorld++; world < worlds.length; world = nextWorld++) {
      for (const [index, job] of (worlds[world] as Job[]).entries()) {
        worker.postMessage(job);
        const [run] = (await once(worker, "message")) as [Run];
        (runs[world] as Run[])[index] = run;
        done++;
        if (done % 20 === 0 || done === total) {
          options.onProgress(`${done}/${total}  ${job.study} ${job.cell}`);
        }
      }
    }
  };
  await Promise.all(Array.from({ length: options.threads ?? availableParallelism() }, work));
  return runs.flat();
}

/** The jobs of one cell and seed stay together: a thread draws their world once. */
function toWorlds({ studies: names, seeds, timing }: BalanceOptions): Job[][] {
  return names.flatMap((study) => {
    const known: Study = studies[study];
    return Object.keys(known.cells).flatMap((cell) =>
      Array.from({ length: seeds ?? seedsOf(known, cell) }, (_, index) =>
        known.policies.map((policy) => ({ study, cell, policy, seed: index + 1, timing })),
      ),
    );
  });
}
