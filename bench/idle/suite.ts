/**
 * The idle suite: what does a connection cost a server while nothing happens on it? Bare sockets send HTTP/2's
 * preface and settings, acknowledge the server's, and then keep still. The server's memory is read before and
 * after, following full collections; the difference is divided by their number.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import type { IdleReading } from "./server.ts";

export interface IdleResult {
  readonly connections: number;
  /** Per connection, in bytes: the heap, what buffers hold outside of it, and the process as the system sees it. */
  readonly heapBytes: number;
  readonly bufferBytes: number;
  readonly rssBytes: number;
  readonly withinLimit: boolean;
}

/** Heap and buffers together, for one connection. */
export const idleLimitBytes = 20 * 1024;

const PREFACE = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1"),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);
const SETTINGS_ACK = Buffer.from([0, 0, 0, 4, 1, 0, 0, 0, 0]);
/** What the first connections cost is not theirs: code is compiled, pools fill. */
const WARM_UP = 100;
const AT_ONCE = 100;

export async function runIdleSuite(connections: number): Promise<IdleResult> {
  const server = fork(fileURLToPath(new URL("server.ts", import.meta.url)), [], {
    execArgv: ["--expose-gc"],
    stdio: ["ignore", 2, 2, "ipc"],
  });
  const sockets: Socket[] = [];
  try {
    const [address] = (await once(server, "message")) as [string];
    const read = async (): Promise<IdleReading> => {
      server.send("read");
      const [reading] = (await once(server, "message")) as [IdleReading];
      return reading;
    };
    await open(address, WARM_UP, sockets);
    const before = await read();
    await open(address, connections, sockets);
    const after = await read();
    const opened = after.connections - before.connections;
    if (opened !== connections) throw new Error(`${opened} of ${connections} connections stand`);
    const each = (name: "heapBytes" | "bufferBytes" | "rssBytes") =>
      (after[name] - before[name]) / connections;
    const [heapBytes, bufferBytes] = [each("heapBytes"), each("bufferBytes")];
    return {
      connections,
      heapBytes,
      bufferBytes,
      rssBytes: each("rssBytes"),
      withinLimit: heapBytes + bufferBytes <= idleLimitBytes,
    };
  } finally {
    for (const socket of sockets) socket.destroy();
    server.disconnect();
  }
}

async function open(address: string, count: number, sockets: Socket[]): Promise<void> {
  for (let left = count; left > 0; left -= AT_ONCE)
    await Promise.all(Array.from({ length: Math.min(left, AT_ONCE) }, () => openOne(address, sockets)));
}

/** Resolves when both sides have each other's settings. */
function openOne(address: string, sockets: Socket[]): Promise<void> {
  const { hostname, port } = new URL(`tcp://${address}`);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) });
    sockets.push(socket);
    socket.once("error", reject);
    socket.once("data", () => {
      socket.write(SETTINGS_ACK, () => resolve());
      socket.resume();
    });
    socket.write(PREFACE);
  });
}
