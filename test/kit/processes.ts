/** Child processes of tests: started when they say so, gone with the test. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { ServerOptions } from "heddle";
import { within } from "./within.ts";

export interface Instance {
  readonly name: string;
  readonly address: string;
  /** Such as SIGSTOP, for a process that stands still. */
  signal(signal: NodeJS.Signals): void;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
}

/** An echo server in a process of its own. With `registry: "off"` it is known to nobody. */
export async function startInstance(t: TestContext, name: string, registry: string): Promise<Instance> {
  return await startProgram(t, name, new URL("./echo-process.ts", import.meta.url), {
    HEDDLE_REGISTRY: registry,
    HEDDLE_INSTANCE: name,
    HEDDLE_LISTEN: "127.0.0.1:0",
  });
}

/** An echo server without a mesh, in a process of its own. */
export async function startServerProcess(
  t: TestContext,
  name: string,
  options: Partial<Omit<ServerOptions, "services">>,
): Promise<Instance> {
  return await startProgram(t, name, new URL("./server-process.ts", import.meta.url), {
    ECHO_INSTANCE: name,
    ECHO_OPTIONS: JSON.stringify(options),
  });
}

/** A program that writes its address when it listens. */
export async function startProgram(
  t: TestContext,
  name: string,
  program: URL,
  settings: Readonly<Record<string, string>>,
): Promise<Instance> {
  const child = spawn(process.execPath, [fileURLToPath(program)], {
    env: { ...process.env, ...settings },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const kill = () => end(child);
  t.after(kill);
  const [line] = (await within(once(child.stdout, "data"), `the start of ${name}`, 30_000)) as [Buffer];
  return { name, address: line.toString().trim(), signal: (signal) => void child.kill(signal), kill };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}
