/** For tests: `npm start` and `npm run order` as a person runs them, and what they leave behind. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export const START = fileURLToPath(new URL("start.ts", import.meta.url));
export const PLACE_ORDER = fileURLToPath(new URL("place-order.ts", import.meta.url));

/** A program as a person runs it. */
export interface Run {
  readonly process: ChildProcess;
  readonly output: string;
  /** Resolves with the match when standard output and error together contain it. */
  shows(pattern: RegExp): Promise<RegExpExecArray>;
}

/** It is killed at the end of the test if it still runs; its own children then end by themselves. */
export function run(t: TestContext, file: string, ...args: string[]): Run {
  const folder = mkdtempSync(join(tmpdir(), "heddle-start-"));
  const child = spawn(process.execPath, [file, ...args], {
    // What a killed run leaves is the temporary folder.
    env: { ...process.env, TMPDIR: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.after(() => {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });
  let output = "";
  const onText = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      for (const look of onText) look();
    });
  }
  return {
    process: child,
    get output() {
      return output;
    },
    shows: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(output);
          if (match === null) return;
          onText.delete(look);
          resolve(match);
        };
        onText.add(look);
        child.once("close", () => reject(new Error(`it ended without showing ${pattern}:\n${output}`)));
        look();
      }),
  };
}

/** The processes of the system that this one has started. */
export function childrenOf(pid: number): number[] {
  const lines = execFileSync("ps", ["-A", "-o", "pid=,ppid=,args="], { encoding: "utf8" }).split("\n");
  const rows = lines.map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line)).filter((row) => row !== null);
  return rows
    .filter(([, , parent, args]) => Number(parent) === pid && /orders\/src/.test(args ?? ""))
    .map(([, id]) => Number(id));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Resolves when none of them runs any more; rejects after 30 s. */
export async function allGone(pids: readonly number[]): Promise<void> {
  const giveUp = AbortSignal.timeout(30_000);
  while (pids.some(isAlive)) {
    giveUp.throwIfAborted();
    await delay(5);
  }
}

/** An instance was killed and came back, no order failed, the books balance, and a terminal of 100 columns shows it all. */
export function assertGoodReport(output: string): void {
  assert.match(output, /failed +0\n/);
  assert.match(output, /inventory-1 gets SIGKILL at order [\d,]+/);
  assert.match(output, /it is back, [\d.]+ s after the kill/);
  assert.match(output, /✓ stock .*\n.*✓ charges .*\n.*✓ notifications .*\n {2}books balance\n/);
  const report = output.split("\n").slice(0, output.split("\n").indexOf("  books balance") + 1);
  const widest = Math.max(...report.map((line) => line.length));
  assert.ok(widest <= 100, `the widest line has ${widest} columns`);
  assert.ok(!output.includes("\x1b"), "no colours where nobody sees them");
}
