/**
 * A server that computes: each call takes its one thread for a while. The thread sleeps meanwhile, so that its capacity is the
 * same whatever else the machine has to do.
 */
import { createServer, implement, type Server } from "heddle";
import { serveParent } from "../discovery/worker.ts";
import { BlobService } from "../gen/bench/v1/blobs_pb.ts";

export type CalleeTasks = typeof tasks;

const never = new Int32Array(new SharedArrayBuffer(4));
let server: Server | undefined;
let begun = 0;

const tasks = {
  async start({ workMs, admission }: { workMs: number; admission: boolean }): Promise<string> {
    await server?.close({ drainMs: 0 });
    begun = 0;
    const echo = () => {
      begun++;
      Atomics.wait(never, 0, 0, workMs);
      return {};
    };
    server = await createServer({
      services: [implement(BlobService, { echo })],
      ...(admission ? {} : { admission: false as const }),
    });
    return server.address;
  },
  /** Calls that its handler has begun. */
  begun: () => begun,
};

serveParent(tasks);
