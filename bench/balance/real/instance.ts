/**
 * An instance of limited capacity: so many calls at a time, each for a time drawn from an exponential distribution, the
 * others in line. Waiting stands for working, so that ten of them keep their capacity on a machine of two cores.
 */
import { createServer, implement, type Server } from "heddle";
import { createSeededRandom } from "heddle/testing";
import { serveParent } from "../../discovery/worker.ts";
import { BlobService } from "../../gen/bench/v1/blobs_pb.ts";

export type InstanceTasks = typeof tasks;

export interface InstanceInput {
  readonly slots: number;
  /** Mean time of a call. */
  readonly meanMs: number;
  readonly seed: number;
}

let server: Server | undefined;
let held = 0;
let served = 0;

const tasks = {
  async start({ slots, meanMs, seed }: InstanceInput): Promise<string> {
    const random = createSeededRandom(seed);
    const line: (() => void)[] = [];
    let free = slots;

    async function echo(_request: unknown, { signal }: { readonly signal: AbortSignal }) {
      held++;
      try {
        if (free > 0) free--;
        else await turn(signal);
        try {
          await new Promise((resolve) => setTimeout(resolve, -meanMs * Math.log(1 - random.next())));
          served++;
        } finally {
          const next = line.shift();
          if (next === undefined) free++;
          else next();
        }
        return {};
      } finally {
        held--;
      }
    }

    /** Resolves with a slot; rejects when nobody waits for the call any longer. */
    function turn(signal: AbortSignal): Promise<void> {
      return new Promise((resolve, reject) => {
        const leave = () => {
          line.splice(line.indexOf(take), 1);
          reject(signal.reason as Error);
        };
        const take = () => {
          signal.removeEventListener("abort", leave);
          resolve();
        };
        line.push(take);
        signal.addEventListener("abort", leave, { once: true });
      });
    }

    // What is compared is where calls go, not what a server does with too many.
    server = await createServer({ services: [implement(BlobService, { echo })], admission: false });
    return server.address;
  },

  /** How many it has served since it was last asked. Resolves when it holds none. */
  async settle(): Promise<number> {
    while (held > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    const count = served;
    served = 0;
    return count;
  },
};

serveParent(tasks);
