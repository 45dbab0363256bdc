// How install-real runs the programs that bring other programs, and how it gives up.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { cacheDirectory } from "../workspace.mjs";

/** Where programs that are built here end up. */
export const bin = join(cacheDirectory, "bin");

/** Runs a program to its end in a folder, and returns what it printed. */
export function runIn(folder, command, ...args) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    cwd: folder,
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", GOBIN: bin, GOFLAGS: "-mod=mod" },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error !== undefined) fail(`${command}: ${error.message}. Install it by hand.`);
  if (status !== 0) fail(`${command} ${args.join(" ")} ended with ${status}:\n${stderr}${stdout}`);
  return stdout;
}

export function run(command, ...args) {
  return runIn(process.cwd(), command, ...args);
}

/** Whether it ends with 0. */
export function succeeds(command, ...args) {
  return spawnSync(command, args, { stdio: "ignore" }).status === 0;
}

export function say(text) {
  console.log(`install-real: ${text}`);
}

export function fail(text) {
  console.error(`install-real: ${text}`);
  process.exit(1);
}
