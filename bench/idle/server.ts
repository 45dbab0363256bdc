/**
 * The server of the idle suite: answers nothing, and says what it holds in memory when its parent asks.
 */
import { setImmediate as macrotask } from "node:timers/promises";
import { createServer } from "heddle";

export interface IdleReading {
  readonly connections: number;
  readonly heapBytes: number;
  readonly bufferBytes: number;
  readonly rssBytes: number;
}

process.once("disconnect", () => process.exit(0));
const server = await createServer({ services: [] });
process.on("message", async () => process.send?.(await read()));
process.send?.(server.address);

async function read(): Promise<IdleReading> {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error("this process needs --expose-gc");
  for (let round = 0; round < 4; round++) {
    gc();
    await macrotask();
  }
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  return { connections: server.connections, heapBytes: heapUsed, bufferBytes: arrayBuffers, rssBytes: rss };
}
