/** Heddle's control plane in a process of its own, as `heddle control` starts it, and with a view of its heap. */
import { startControlPlane } from "heddle/control";
import { serveParent } from "./worker.ts";

export type RegistryTasks = typeof tasks;

const tasks = {
  async start({ leaseTtlMs }: { leaseTtlMs: number }): Promise<string> {
    const plane = await startControlPlane({ listen: "127.0.0.1:0", leaseTtlMs, warmUpMs: 0 });
    return plane.address;
  },
  /** Live objects in bytes, after a full collection, during which it answers nobody. */
  heapBytes(): number {
    if (!globalThis.gc) throw new Error("this process needs --expose-gc");
    globalThis.gc({ type: "major", execution: "sync" });
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  },
};

serveParent(tasks);
