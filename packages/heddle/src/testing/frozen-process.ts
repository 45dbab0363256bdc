import type { ChildProcess } from "node:child_process";
import { invalidOption } from "../call/check-option.ts";

/** A child process that stands still. */
export interface FrozenProcess extends Disposable {
  /** It goes on. Thawing twice, or one that is gone, does nothing. */
  thaw(): void;
}

/**
 * Stops a child process where it stands (SIGSTOP), through its own handle: its ports stay open, the system goes on accepting
 * connections and bytes for it, and nobody answers. That is how a long pause of a garbage collector, an overcommitted host or a
 * debugger look from outside. POSIX only. Throws `optionInvalid` for a process that does not run.
 */
export function freezeProcess(child: ChildProcess): FrozenProcess {
  if (child.exitCode !== null || child.signalCode !== null || !child.kill("SIGSTOP"))
    throw invalidOption("child", "the process does not run");
  let frozen = true;
  const thaw = () => {
    if (frozen && child.exitCode === null && child.signalCode === null) child.kill("SIGCONT");
    frozen = false;
  };
  return { thaw, [Symbol.dispose]: thaw };
}
