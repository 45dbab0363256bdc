/**
 * A child process that cannot outlive its parent, even one that is killed.
 *
 * Beside each child runs a shell that reads a pipe which only the parent holds. When the parent is gone, for whatever
 * reason, the pipe ends, and the shell kills the child's process group and removes the folder that the child writes to.
 * (Linux's parent-death signal would spare the shell, but needs a program that sets it, and leaves the folder.) Child and shell have sessions of their own, so
 * that Ctrl-C in a terminal reaches the parent alone, which can then take its leave of a registry that still lives.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { until } from "../within.ts";

export interface GuardedProcess {
  readonly pid: number;
  hasEnded(): boolean;
  /** SIGSTOP to the whole group. Resolves when the process has stopped. */
  freeze(): Promise<void>;
  /** SIGCONT. */
  thaw(): void;
  /** SIGKILL, in whatever state it is. Resolves when it is gone; it may be called again. */
  kill(): Promise<void>;
  /** The end of what it wrote. */
  lastWords(): string;
}

/**
 * Starts a program that writes both its outputs to the file `log`, in a folder which goes with it when this process
 * ends first. Rejects when there is no such program.
 */
export async function startGuarded(
  command: string,
  args: readonly string[],
  log: string,
): Promise<GuardedProcess> {
  const output = openSync(log, "a");
  const child = spawn(command, args, { detached: true, stdio: ["ignore", output, output] });
  closeSync(output);
  const ended = once(child, "exit");
  await once(child, "spawn");
  const pid = child.pid ?? 0;
  const guard = startGuard(pid, dirname(log));
  // A test that forgets to stop a server must fail or pass, not hang.
  child.unref();

  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const signal = (name: NodeJS.Signals) => {
    if (!hasEnded()) process.kill(-pid, name);
  };
  return {
    pid,
    hasEnded,
    async freeze() {
      signal("SIGSTOP");
      await until(() => stateOf(pid) === "T", `the stopping of ${command}`);
    },
    thaw: () => signal("SIGCONT"),
    async kill() {
      child.ref();
      signal("SIGKILL");
      await ended;
      guard.kill("SIGKILL");
    },
    lastWords: () => readFileSync(log, "utf8").slice(-4000),
  };
}

function startGuard(pid: number, folder: string): ChildProcess {
  const script = 'read -r _; kill -s KILL -- "-$1"; rm -rf "$2"';
  const guard = spawn("/bin/sh", ["-c", script, "guard", String(pid), folder], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  guard.unref();
  const { stdin } = guard;
  // The pipe of a child is a socket to Node, which keeps the process alive unless told otherwise.
  if (stdin !== null && "unref" in stdin) (stdin.unref as () => void)();
  return guard;
}

/** The letter of its state in Linux's /proc: R, S, T… Undefined when it is gone. */
function stateOf(pid: number): string | undefined {
  try {
    return /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}
