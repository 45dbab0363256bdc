/** Calls by the clock, and how long they take. */
import { createMesh, type Mesh, recordOf } from "heddle";
import { percentile } from "../discovery/percentile.ts";
import { serveParent } from "../discovery/worker.ts";
import { BlobService } from "../gen/bench/v1/blobs_pb.ts";

export type CallerTasks = typeof tasks;

export interface Figures {
  readonly calls: number;
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** What the first of the failed calls say for themselves. */
  readonly failures: readonly string[];
}

const TICK_MS = 2;

let mesh: Mesh | undefined;
let timer: NodeJS.Timeout | undefined;
let times: number[] = [];
let failures: string[] = [];
const running = new Set<Promise<void>>();

const tasks = {
  async start({ registry, perSecond }: { registry: string; perSecond: number }): Promise<void> {
    mesh = await createMesh({ registry, stateFolder: false, onWarning: () => {} });
    // The contract of the benchmark does not say that the call may be repeated.
    const client = mesh.client(BlobService, { serviceConfig: { methods: [{ idempotent: true }] } });
    await client.echo({});
    const startedMs = performance.now();
    let made = 0;
    const one = async () => {
      const beganMs = performance.now();
      try {
        await client.echo({});
        times.push(performance.now() - beganMs);
      } catch (error) {
        failures.push(`${String(error)} ${JSON.stringify(recordOf(error))}`);
      }
    };
    timer = setInterval(() => {
      for (; made < ((performance.now() - startedMs) * perSecond) / 1000; made++) {
        const call = one();
        running.add(call);
        void call.finally(() => running.delete(call));
      }
    }, TICK_MS);
  },

  /** Of the calls that have ended since it was last asked. */
  take(): Figures {
    const [taken, failed] = [times, failures];
    times = [];
    failures = [];
    return {
      calls: taken.length + failed.length,
      failed: failed.length,
      p50Ms: percentile(taken, 50),
      p99Ms: percentile(taken, 99),
      p999Ms: percentile(taken, 99.9),
      failures: failed.slice(0, 3),
    };
  },

  /** Makes no more calls; resolves when those that run have ended. */
  async stop(): Promise<void> {
    clearInterval(timer);
    await Promise.all(running);
    await mesh?.close({ drainMs: 0 });
  },
};

serveParent(tasks);
