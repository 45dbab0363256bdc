/**
 * A process of this suite: the parent starts it from a file and asks it for tasks by name over Node's IPC channel. What
 * a file can be asked for is the type of what it serves, so that both ends are checked.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** What a worker does, by name. Inputs and answers go through JSON. */
export type Tasks = Readonly<Record<string, (input: never) => unknown>>;

export interface Worker<Served extends Tasks> extends AsyncDisposable {
  readonly pid: number;
  /** Rejects with the worker's own error, or when the worker ends. */
  ask<Name extends keyof Served & string>(
    name: Name,
    input: Parameters<Served[Name]>[0],
  ): Promise<Awaited<ReturnType<Served[Name]>>>;
}

interface Question {
  readonly id: number;
  readonly name: string;
  readonly input: unknown;
}

interface Answer {
  readonly id: number;
  readonly ok?: unknown;
  readonly error?: string;
}

/** Starts a file of this folder. Resolves when it serves. */
export async function startWorker<Served extends Tasks>(
  file: string,
  nodeFlags: readonly string[] = [],
): Promise<Worker<Served>> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [], {
    execArgv: [...nodeFlags],
    // The parent's stdout carries the results.
    stdio: ["ignore", 2, 2, "ipc"],
  });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let asked = 0;
  child.on("exit", (code, signal) => {
    for (const { reject } of waiting.values())
      reject(new Error(`${file} ended early (${signal ?? `code ${code}`})`));
  });
  child.on("message", ({ id, ok, error }: Answer) => {
    const question = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) question?.resolve(ok);
    else question?.reject(new Error(`${file}: ${error}`));
  });

  function ask(name: string, input: unknown): Promise<unknown> {
    const id = ++asked;
    const answer = Promise.withResolvers<unknown>();
    waiting.set(id, answer);
    child.send({ id, name, input } satisfies Question);
    return answer.promise;
  }

  await ask("", undefined);
  return {
    pid: child.pid ?? 0,
    ask: ask as Worker<Served>["ask"],
    [Symbol.asyncDispose]: () => stop(child),
  };
}

const STOP_TIMEOUT_MS = 5_000;

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  child.disconnect();
  await ended;
  clearTimeout(timer);
}

/** The worker's end: answers until the parent is gone. */
export function serveParent(tasks: Tasks): void {
  process.once("disconnect", () => process.exit(0));
  process.on("message", async ({ id, name, input }: Question) => {
    let answer: Answer;
    try {
      answer = { id, ok: (await tasks[name]?.(input as never)) ?? null };
    } catch (error) {
      answer = { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
    process.send?.(answer);
  });
}
