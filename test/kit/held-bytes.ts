/** What this process holds when its garbage is gone: the figure that an attack must leave where it was. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Live objects and the memory outside of the heap that they keep, in bytes. */
export async function heldBytes(): Promise<number> {
  for (let pass = 0; pass < 2; pass++) {
    collect();
    // Sockets and their buffers are let go in the turns after.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
