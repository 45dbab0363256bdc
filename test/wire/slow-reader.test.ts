/**
 * A slow reader makes its writer wait: 10 000 messages of 64 KiB go through a reader that pauses, in both
 * directions, with the ends in two processes. Neither holds more than a little of the 640 MB, nothing is lost,
 * nothing comes out of order.
 */
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { it } from "node:test";
import { until, within } from "../kit/within.ts";
import type { Command, Direction, Figures, Report } from "./slow-reader-process.ts";

const MESSAGES = 10_000;
/** With dead buffers that V8 has not thrown away yet: 31 to 67 MiB were seen. */
const MAX_GROWN_BYTES = 96 * 1024 * 1024;

/**
 * V8 lets some 64 MiB of dead buffers gather before it looks for them, which is its business and not ours. A small
 * young generation makes it look more often, so that the peak shows what is held.
 */
const execArgv = ["--max-semi-space-size=1"];

class End {
  readonly #child: ChildProcess;
  readonly #reports: Report[] = [];

  constructor(...args: string[]) {
    this.#child = fork(fileURLToPath(new URL("slow-reader-process.ts", import.meta.url)), args, { execArgv });
    this.#child.on("message", (report: Report) => void this.#reports.push(report));
  }

  send(command: Command): void {
    this.#child.send(command);
  }

  /** The next report that has `key`. */
  async report<Key extends string>(key: Key, ms?: number): Promise<Extract<Report, Record<Key, unknown>>> {
    let found: Report | undefined;
    await until(
      () => {
        found = this.#reports.find((report) => key in report || "failed" in report);
        return found !== undefined;
      },
      `a report with ${key}`,
      ms,
    );
    const report = found as Report;
    if ("failed" in report) throw new Error(report.failed);
    this.#reports.splice(this.#reports.indexOf(report), 1);
    return report as Extract<Report, Record<Key, unknown>>;
  }

  async figures(): Promise<Figures> {
    this.send({ do: "figures" });
    return (await this.report("figures")).figures;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exit = once(this.#child, "exit");
    this.#child.kill();
    await within(exit, "the exit of the process");
  }
}

async function run(direction: Direction): Promise<void> {
  await using server = new End("server");
  const { address } = await server.report("address");
  await using client = new End("client", address);
  const [writer, reader] = direction === "serverStream" ? [server, client] : [client, server];
  client.send({ do: "run", direction });
  for (const pauseAt of [500, 3000, 7000]) {
    await until(async () => (await reader.figures()).read >= pauseAt, `message ${pauseAt}`);
    reader.send({ do: "pause" });
    const held = await stalled(writer);
    const { read } = await reader.figures();
    assert.ok(held < MESSAGES, "the writer has not got rid of everything");
    assert.ok(held - read < 400, `${held - read} messages are under way`);
    reader.send({ do: "resume" });
  }
  assert.deepEqual(await client.report("done", 30_000), { done: direction });
  assert.equal((await reader.figures()).read, MESSAGES);
  for (const end of [server, client]) {
    const { grownBytes } = await end.figures();
    assert.ok(grownBytes < MAX_GROWN_BYTES, `a process grew by ${(grownBytes / 1024 / 1024).toFixed(0)} MiB`);
  }
}

/** How many messages the writer has written when it writes no more: five looks in a row see the same. */
async function stalled(writer: End): Promise<number> {
  let last = -1;
  let same = 0;
  await until(async () => {
    const { written } = await writer.figures();
    same = written === last ? same + 1 : 0;
    last = written;
    return same === 5;
  }, "the writer waits");
  return last;
}

it("server streaming to a client that pauses", () => run("serverStream"));

it("client streaming to a handler that pauses", () => run("clientStream"));
