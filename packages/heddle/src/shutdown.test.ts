import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { type TestContext, test } from "node:test";

const MODULE = new URL("shutdown.ts", import.meta.url).href;
const CLOCK = new URL("runtime/clock.ts", import.meta.url).href;

/** A process that drains until its standard input ends, and says when it starts to. */
async function startProgram(t: TestContext): Promise<ChildProcessByStdio<Writable, Readable, null>> {
  const program = `
    import { onShutdown } from ${JSON.stringify(MODULE)};
    import { systemClock } from ${JSON.stringify(CLOCK)};
    const drain = () => new Promise((resolve) => {
      console.log("draining");
      process.stdin.on("end", resolve);
    });
    process.stdin.resume();
    onShutdown(["SIGINT", "SIGTERM"], systemClock, drain);
    console.log("up");
  `;
  const child = spawn(process.execPath, ["--input-type=module-typescript", "--eval", program], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  child.stdout.setEncoding("utf8");
  assert.deepEqual(await once(child.stdout, "data"), ["up\n"]);
  return child;
}

test("a signal that comes twice, as from a terminal and from npm, drains once and ends with 0", async (t) => {
  const child = await startProgram(t);
  child.kill("SIGINT");
  assert.deepEqual(await once(child.stdout, "data"), ["draining\n"]);
  child.kill("SIGINT");
  child.stdin.end();
  assert.deepEqual(await once(child, "close"), [0, null]);
});

test("a signal while it drains ends it at once", async (t) => {
  const child = await startProgram(t);
  child.kill("SIGTERM");
  assert.deepEqual(await once(child.stdout, "data"), ["draining\n"]);
  const again = setInterval(() => child.kill("SIGTERM"), 50);
  const ended = await once(child, "close");
  clearInterval(again);
  assert.deepEqual(ended, [143, null]);
});
