/** Processes beside the test: instances that can be killed or frozen, and readers that can be. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { Endpoint } from "heddle/discovery";
import { until } from "../../within.ts";

export interface SideProcess {
  /** What it has said, a line each; see side-process.ts. */
  readonly lines: readonly string[];
  /** SIGSTOP. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
  /** SIGKILL. Resolves when it is gone. */
  kill(): Promise<void>;
}

/** Resolves when the instance is registered. Killed at the end of the test. */
export async function startInstanceProcess(
  t: TestContext,
  url: string,
  endpoint: Endpoint,
  ms: number,
): Promise<SideProcess> {
  const side = start(t, { CONTRACT_URL: url, CONTRACT_INSTANCE: JSON.stringify(endpoint) });
  await until(() => side.lines.includes("registered"), `the registration of ${endpoint.id}`, START_MS + ms);
  return side;
}

/** Killed at the end of the test. */
export function startReaderProcess(t: TestContext, url: string, target: string): SideProcess {
  return start(t, { CONTRACT_URL: url, CONTRACT_TARGET: target });
}

/** How long a process of Node's may take to begin, in ms. */
const START_MS = 10_000;

function start(t: TestContext, env: Readonly<Record<string, string>>): SideProcess {
  const program = fileURLToPath(new URL("./side-process.ts", import.meta.url));
  const child = spawn(process.execPath, [program], {
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  const kill = () => end(child);
  t.after(kill);
  return {
    lines,
    freeze: () => void child.kill("SIGSTOP"),
    thaw: () => void child.kill("SIGCONT"),
    kill,
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}
