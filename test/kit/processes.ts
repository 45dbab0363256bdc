/** Child processes of tests: started when they say so, gone with the test. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { within } from "./within.ts";

export interface Instance {
  readonly name: string;
  readonly address: string;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
}

/** An echo server in a process of its own. With `registry: "off"` it is known to nobody. */
export async function startInstance(t: TestContext, name: string, registry: string): Promise<Instance> {
  const child = spawn(process.execPath, [fileURLToPath(new URL("./echo-process.ts", import.meta.url))], {
    env: { ...process.env, HEDDLE_REGISTRY: registry, HEDDLE_INSTANCE: name, HEDDLE_LISTEN: "127.0.0.1:0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const kill = () => end(child);
  t.after(kill);
  const [line] = (await within(once(child.stdout, "data"), `the start of ${name}`, 30_000)) as [Buffer];
  return { name, address: line.toString().trim(), kill };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}
