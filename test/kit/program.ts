/**
 * Programs of other people: run to their end, or for as long as a test lasts. One that is not there fails the test.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { within } from "./within.ts";

/** Runs it to its end, which must be 0, and gives what it wrote to both outputs. `cwd`: the folder it runs in. */
export async function runProgram(program: string, args: readonly string[], cwd?: string): Promise<string> {
  const { code, output } = await runToEnd(program, args, cwd);
  assert.equal(code, 0, `${program} ${args.join(" ")} ended with ${code}: ${output.slice(-4000)}`);
  return output;
}

export interface Ending {
  readonly code: number | null;
  /** What it wrote to standard output. */
  readonly answer: string;
  /** What it wrote to both outputs. */
  readonly output: string;
}

/** Runs it to whatever end. */
export async function runToEnd(program: string, args: readonly string[], cwd?: string): Promise<Ending> {
  const child = spawn(program, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
  const chunks: { readonly answers: boolean; readonly chunk: Buffer }[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => chunks.push({ answers: stream === child.stdout, chunk }));
  const [code] = (await once(child, "close")) as [number | null];
  const text = (some: typeof chunks) => Buffer.concat(some.map(({ chunk }) => chunk)).toString();
  return { code, answer: text(chunks.filter(({ answers }) => answers)), output: text(chunks) };
}

export interface RunningProgram {
  /** What it said first. */
  readonly line: string;
  end(): Promise<void>;
}

/** Starts it and waits for its first line. */
export async function startProgram(program: string, args: readonly string[]): Promise<RunningProgram> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const line = await within(firstLine(child), `the first line of ${program}`, 30_000);
    return { line, end: () => end(child) };
  } catch (error) {
    await end(child);
    throw error;
  }
}

function firstLine(child: ChildProcess & { readonly stdout: Readable }): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => {
    text += chunk.toString();
    if (text.includes("\n")) resolve(text.slice(0, text.indexOf("\n")));
  });
  child.on("error", reject);
  child.on("close", (code) => reject(new Error(`it ended with ${code} and no line: ${text}`)));
  return promise;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}
