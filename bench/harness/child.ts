/**
 * A process of the benchmark, seen from the parent: started from a file, asked one thing at a time
 * over Node's IPC channel, stopped by its own handle. A child that dies or stays silent fails the run.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** What a parent may ask; `report` is answered with the process's own figures. */
export type Question =
  | { readonly ask: "load"; readonly level: number; readonly settleMs: number; readonly measureMs: number }
  | { readonly ask: "count"; readonly level: number; readonly operations: number }
  | { readonly ask: "cpu" }
  | { readonly ask: "memory" }
  | { readonly ask: "stop" };

/** What a child sends: first its greeting, then one reply per question. `ok` is never undefined: JSON drops that. */
export type Reply = { readonly ok: NonNullable<unknown> } | { readonly error: string };

export interface Child extends AsyncDisposable {
  /** What the child said when it was ready to be asked. */
  readonly greeting: unknown;
  /** @throws Error with the child's own stack when the question failed there. */
  ask<Answer>(question: Question): Promise<Answer>;
}

export interface ChildOptions {
  /** Flags for the child's Node. Default none. */
  readonly nodeFlags?: readonly string[];
}

const startTimeoutMs = 20_000;
const answerTimeoutMs = 30_000;
const stopTimeoutMs = 5_000;

export async function startChild(
  file: "server.ts" | "client.ts" | "registry.ts",
  args: readonly string[],
  options: ChildOptions = {},
): Promise<Child> {
  const label = [file, ...args.slice(0, 2)].join(" ");
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [...args], {
    execArgv: [...(options.nodeFlags ?? [])],
    // The parent's stdout carries the results; what a child prints is for people.
    stdio: ["ignore", 2, 2, "ipc"],
  });
  try {
    const greeting = await nextReply(child, label, startTimeoutMs);
    return {
      greeting,
      async ask<Answer>(question: Question) {
        const reply = nextReply(child, label, timeoutOf(question));
        child.send(question);
        return (await reply) as Answer;
      },
      [Symbol.asyncDispose]: () => stop(child),
    };
  } catch (error) {
    await stop(child);
    throw error;
  }
}

function timeoutOf(question: Question): number {
  if (question.ask === "load") return answerTimeoutMs + question.settleMs + question.measureMs;
  // One millisecond per operation is slower than any peer that is worth measuring.
  if (question.ask === "count") return answerTimeoutMs + question.operations;
  return answerTimeoutMs;
}

function nextReply(child: ChildProcess, label: string, timeoutMs: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      clearTimeout(timer);
      child.off("message", onMessage).off("exit", onExit);
      act();
    };
    const onMessage = (message: unknown) => {
      const reply = message as Reply;
      settle(() => ("ok" in reply ? resolve(reply.ok) : reject(new Error(`${label}: ${reply.error}`))));
    };
    const onExit = (code: number | null, signal: string | null) =>
      settle(() => reject(new Error(`${label} ended early (${signal ?? `code ${code}`})`)));
    const timer = setTimeout(
      () => settle(() => reject(new Error(`${label} said nothing for ${timeoutMs} ms`))),
      timeoutMs,
    );
    child.on("message", onMessage).on("exit", onExit);
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  const timer = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
  if (child.connected) child.send({ ask: "stop" } satisfies Question);
  else child.kill("SIGKILL");
  await ended;
  clearTimeout(timer);
}
