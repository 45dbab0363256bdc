/** A Redis of a test's own behind a Unix socket, and just enough of a client to send it commands. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { within } from "./within.ts";

export interface Redis {
  /** Sends one command; rejects with what Redis says of a bad one, and when it is gone. */
  send(args: readonly string[]): Promise<unknown>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

export async function startRedis(): Promise<Redis & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), "heddle-redis-"));
  const path = join(folder, "socket");
  const child = spawn("redis-server", ["--port", "0", "--unixsocket", path, "--save", "", "--dir", folder], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  async function kill(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }
  try {
    const client = await within(connectWhenThere(path), "Redis", 10_000);
    return {
      send: client.send,
      kill,
      async [Symbol.asyncDispose]() {
        client.socket.destroy();
        await kill();
        await rm(folder, { recursive: true });
      },
    };
  } catch (error) {
    await kill();
    throw error;
  }
}

async function connectWhenThere(path: string) {
  for (;;) {
    const socket = connect(path);
    try {
      await once(socket, "connect");
      return createClient(socket);
    } catch {
      await sleep(20);
    }
  }
}

interface Waiting {
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

/** RESP2: https://redis.io/docs/latest/develop/reference/protocol-spec/ */
function createClient(socket: Socket) {
  const waiting: Waiting[] = [];
  let bytes = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    bytes = Buffer.concat([bytes, chunk]);
    for (let read = readValue(bytes, 0); read !== undefined; read = readValue(bytes, 0)) {
      bytes = bytes.subarray(read.end);
      const { resolve, reject } = waiting.shift() as Waiting;
      if (read.value instanceof Error) reject(read.value);
      else resolve(read.value);
    }
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    for (const { reject } of waiting.splice(0)) reject(new Error("the connection to Redis was lost"));
  });
  const send = (args: readonly string[]) =>
    new Promise<unknown>((resolve, reject) => {
      if (socket.destroyed) return reject(new Error("the connection to Redis was lost"));
      waiting.push({ resolve, reject });
      const parts = args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`);
      socket.write(`*${args.length}\r\n${parts.join("")}`);
    });
  return { socket, send };
}

/** The value at `at`, and where the next begins; undefined when it is not whole. */
function readValue(bytes: Buffer, at: number): { value: unknown; end: number } | undefined {
  const lineEnd = bytes.indexOf("\r\n", at);
  if (lineEnd < 0) return undefined;
  const text = bytes.toString("utf8", at + 1, lineEnd);
  const next = lineEnd + 2;
  switch (String.fromCharCode(bytes[at] as number)) {
    case "+":
      return { value: text, end: next };
    case "-":
      return { value: new Error(text), end: next };
    case ":":
      return { value: Number(text), end: next };
    case "$": {
      const length = Number(text);
      if (length < 0) return { value: null, end: next };
      const end = next + length + 2;
      return end > bytes.length ? undefined : { value: bytes.toString("utf8", next, end - 2), end };
    }
    default: {
      const values: unknown[] = [];
      let end = next;
      for (let i = 0; i < Number(text); i++) {
        const read = readValue(bytes, end);
        if (read === undefined) return undefined;
        values.push(read.value);
        end = read.end;
      }
      return { value: values, end };
    }
  }
}
