/**
 * `npm run bench -- codec`: every codec, each in a process of its own, over every fixture, in interleaved rounds:
 * a round visits a fixture's codecs one after another, so that a slow minute of the machine falls on all of them.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { median } from "../harness/statistics.ts";
import type { Answer, Question } from "./child.ts";
import { contestantNames } from "./contestants.ts";
import type { FixtureName } from "./fixtures.ts";

export interface CodecOptions {
  readonly fixtures: readonly FixtureName[];
  readonly rounds: number;
  /** Processor time for V8 to optimise one operation on one fixture, before the first round. */
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** Told what is being done now, for people. */
  readonly onProgress: (text: string) => void;
}

export interface CodecRow {
  readonly fixture: FixtureName;
  readonly operation: "encode" | "decode";
  /** Size of the encoded message. */
  readonly bytes: number;
  /** By codec: operations per second of processor time, the median of the rounds. */
  readonly perSecond: Readonly<Record<string, number>>;
  /** By codec: the same of each round. */
  readonly roundPerSecond: Readonly<Record<string, readonly number[]>>;
}

const operations = ["encode", "decode"] as const;

export async function runCodecSuite(options: CodecOptions): Promise<CodecRow[]> {
  const { fixtures, rounds, warmUpMs, measureMs, onProgress } = options;
  await using stack = new AsyncDisposableStack();
  const children: [string, ChildProcess][] = [];
  for (const name of contestantNames) {
    const child = fork(fileURLToPath(new URL("child.ts", import.meta.url)), [name], {
      stdio: ["ignore", 2, 2, "ipc"],
    });
    stack.defer(() => stop(child));
    await nextMessage(child, name);
    children.push([name, child]);
  }
  // All fixtures are warmed up before any is measured: who shares code between message types shows it.
  for (const fixture of fixtures) {
    onProgress(`warm-up  ${fixture}`);
    for (const operation of operations) {
      for (const [name, child] of children) {
        await ask(child, name, { fixture, operation, measureMs: warmUpMs });
      }
    }
  }
  const samples = new Map<string, { bytes: number; of: Record<string, number[]> }>();
  for (let round = 1; round <= rounds; round++) {
    for (const fixture of fixtures) {
      onProgress(`round ${round}/${rounds}  ${fixture}`);
      for (const operation of operations) {
        for (const [name, child] of children) {
          const { perSecond, bytes } = await ask(child, name, { fixture, operation, measureMs });
          const key = `${fixture} ${operation}`;
          const sample = samples.get(key) ?? { bytes, of: {} };
          sample.of[name] = [...(sample.of[name] ?? []), Math.round(perSecond)];
          samples.set(key, sample);
        }
      }
    }
  }
  return fixtures.flatMap((fixture) =>
    operations.map((operation) => {
      const { bytes, of } = samples.get(`${fixture} ${operation}`) ?? { bytes: 0, of: {} };
      const perSecond = Object.fromEntries(Object.entries(of).map(([name, all]) => [name, median(all)]));
      return { fixture, operation, bytes, perSecond, roundPerSecond: of };
    }),
  );
}

/** `heddle/protobufjs@small.encode`: operations per second of the first over those of the second. */
export function toCodecRatios(rows: readonly CodecRow[]): Record<string, number> {
  const ratios: Record<string, number> = {};
  for (const { fixture, operation, perSecond } of rows) {
    for (const other of contestantNames.filter((name) => name !== "heddle")) {
      const ratio = (perSecond["heddle"] ?? Number.NaN) / (perSecond[other] ?? Number.NaN);
      ratios[`heddle/${other}@${fixture}.${operation}`] = Number(ratio.toFixed(3));
    }
  }
  return ratios;
}

async function ask(child: ChildProcess, name: string, question: Question): Promise<Answer> {
  const answer = nextMessage(child, name);
  child.send(question);
  return (await answer) as Answer;
}

async function nextMessage(child: ChildProcess, name: string): Promise<unknown> {
  const ended = new AbortController();
  const onExit = (code: number | null) => ended.abort(new Error(`${name} ended early (code ${code})`));
  child.once("exit", onExit);
  try {
    const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(60_000)]);
    const [message] = (await once(child, "message", { signal })) as [unknown];
    return message;
  } catch (error) {
    throw ended.signal.aborted ? ended.signal.reason : error;
  } finally {
    child.off("exit", onExit);
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill();
  await ended;
}
