/**
 * The child's end of `child.ts`: greets the parent, then answers questions until told to stop. When
 * the parent is gone the process ends, so that no benchmark outlives the person who started it.
 */
import type { Question, Reply } from "./child.ts";

export interface AnsweringProcess {
  readonly greeting: NonNullable<unknown>;
  /** Answers questions that only this kind of process knows. */
  answer?(question: Question): Promise<NonNullable<unknown>>;
  close(): Promise<void>;
}

export async function answerParent(start: () => Promise<AnsweringProcess>): Promise<void> {
  process.once("disconnect", () => process.exit(1));
  let self: AnsweringProcess;
  try {
    self = await start();
  } catch (error) {
    say({ error: describe(error) });
    return;
  }
  process.on("message", async (question: Question) => {
    try {
      if (question.ask === "stop") {
        await self.close();
        process.exit(0);
      }
      say({ ok: await answer(self, question) });
    } catch (error) {
      say({ error: describe(error) });
    }
  });
  say({ ok: self.greeting });
}

async function answer(self: AnsweringProcess, question: Question): Promise<NonNullable<unknown>> {
  if (question.ask === "cpu") return cpuSeconds();
  if (question.ask === "memory") return readMemory();
  if (!self.answer) throw new Error(`this process cannot answer "${question.ask}"`);
  return self.answer(question);
}

/** User and system time of the whole process, its garbage collector's and compiler's threads included. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

export interface MemoryFigures {
  /** Live objects, after a full collection. */
  readonly heapBytes: number;
  /** Resident memory as it stood when the question came. */
  readonly rssBytes: number;
  /** Resident memory after V8 was made to give its free pages back. */
  readonly settledRssBytes: number;
}

/**
 * Needs `--expose-gc`. An ordinary collection leaves V8's young generation at whatever size it has grown
 * to and some garbage uncounted; the "last-resort" flavor shrinks the one and clears the other.
 */
function readMemory(): MemoryFigures {
  if (!globalThis.gc) throw new Error("memory can only be measured in a process started with --expose-gc");
  const rssBytes = process.memoryUsage.rss();
  for (let pass = 0; pass < 3; pass++) {
    globalThis.gc({ type: "major", execution: "sync", flavor: "last-resort" });
  }
  const { heapUsed, rss } = process.memoryUsage();
  return { heapBytes: heapUsed, rssBytes, settledRssBytes: rss };
}

function say(reply: Reply): void {
  process.send?.(reply);
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const text = error.stack ?? error.message;
  return error.cause === undefined ? text : `${text}\ncaused by ${describe(error.cause)}`;
}
