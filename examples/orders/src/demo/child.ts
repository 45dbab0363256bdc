/**
 * One process of the demo. It is held by a channel to its parent: when the channel closes, because the parent lets
 * go or because it died, the process drains and ends, so none is ever left behind. It stands in a process group of
 * its own, so that Ctrl-C reaches the parent alone, which ends the others in order.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { ControlPlaneMessage } from "../control-plane.ts";
import type { ServiceMessage } from "../follow-starter.ts";

type Message = ServiceMessage | ControlPlaneMessage;
type MessageOf<Kind extends Message["kind"]> = Extract<Message, { kind: Kind }>;

export interface Child {
  readonly name: string;
  /** Resolves when the process has gone. */
  readonly exited: Promise<void>;
  /** The next message of a kind. Rejects when the process ends before it comes. */
  next<Kind extends Message["kind"]>(kind: Kind): Promise<MessageOf<Kind>>;
  /** Asks a service for its tally. */
  ask(): void;
  /** Ends it as a crash would: SIGKILL. */
  kill(): void;
  /** Lets go: the process drains and ends. One that does not within 5 s is killed. */
  release(): Promise<void>;
}

export interface ChildOptions {
  readonly name: string;
  /** File under `src`. */
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
  /** It ended, and nobody had asked it to. `output` is what it last wrote to standard error. */
  readonly onCrash: (name: string, output: string) => void;
}

export function startChild({ name, file, env, onCrash }: ChildOptions): Child {
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
  const process_ = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", path], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    detached: true,
  });
  let output = "";
  let isOver = false;
  let isWanted = true;
  const waiting = new Set<{
    kind: string;
    resolve: (message: never) => void;
    reject: (error: Error) => void;
  }>();

  process_.stderr?.setEncoding("utf8").on("data", (text: string) => {
    output = (output + text).slice(-KEPT_OUTPUT);
  });
  process_.on("message", (message: Message) => {
    for (const waiter of waiting) {
      if (waiter.kind !== message.kind) continue;
      waiting.delete(waiter);
      waiter.resolve(message as never);
    }
  });
  // A message to a process that has just died: its end is told below.
  process_.on("error", () => {});
  const exited = finished(process_).then(() => {
    isOver = true;
    for (const { reject } of waiting) reject(new Error(`${name} has ended`));
    waiting.clear();
    if (isWanted) onCrash(name, output.trim());
  });

  return {
    name,
    exited,
    next: (kind) =>
      new Promise((resolve, reject) => {
        if (isOver) reject(new Error(`${name} has ended`));
        else waiting.add({ kind, resolve, reject });
      }),
    ask() {
      if (process_.connected) process_.send("tally");
    },
    kill() {
      isWanted = false;
      process_.kill("SIGKILL");
    },
    async release() {
      isWanted = false;
      if (process_.connected) process_.disconnect();
      const timer = setTimeout(() => process_.kill("SIGKILL"), 5000);
      await exited;
      clearTimeout(timer);
    },
  };
}

/** Gone, and its output read. The event "close" does not come when it was we who closed the channel. */
async function finished(process_: ChildProcess): Promise<void> {
  const { stderr } = process_;
  await Promise.all([
    once(process_, "exit"),
    stderr === null || stderr.closed ? undefined : once(stderr, "close"),
  ]);
}

const KEPT_OUTPUT = 4000;
