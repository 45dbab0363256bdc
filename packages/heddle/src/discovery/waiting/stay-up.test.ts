import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const REGISTRIES = JSON.stringify(new URL("../../registries.ts", import.meta.url));
const ENDPOINT = JSON.stringify(new URL("../endpoint.ts", import.meta.url));
const TARGET = JSON.stringify(new URL("../target.ts", import.meta.url));

/** Runs a module that has nothing but a registry, as a process of its own. */
async function run(lines: string): Promise<{ readonly code: number | null; readonly output: string }> {
  const program = `
    import { openRegistry } from ${REGISTRIES};
    import { createEndpoint } from ${ENDPOINT};
    import { heddleTarget } from ${TARGET};
    ${lines}`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], { timeout: 60_000 });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  return new Promise((resolve) => {
    child.on("close", (code) => resolve({ code, output }));
  });
}

test("a watch keeps the process up until its signal ends it, whether or not the registry answers", async () => {
  const runs = ["file:///is-not-there", "heddle://127.0.0.1:1", "dns://127.0.0.1:1"].map((url) =>
    run(`
      const { resolver } = await openRegistry("${url}", { stateFolder: false });
      for await (const _ of resolver.watch(heddleTarget("orders"), AbortSignal.timeout(300)));
      console.log("ended");`),
  );
  for (const result of await Promise.all(runs)) assert.deepEqual(result, { code: 0, output: "ended\n" });
});

test("so does a registration until it is disposed; afterwards the process ends by itself", async () => {
  const folder = await mkdtemp(join(tmpdir(), "heddle-stay-up-"));
  try {
    const result = await run(`
      const registry = await openRegistry(${JSON.stringify(`file://${folder}`)}, { stateFolder: false });
      const endpoint = createEndpoint({ id: "a", service: "orders", address: "127.0.0.1:1" });
      const registration = registry.registrar.register(endpoint);
      await registration.registered;
      const timer = setTimeout(async () => {
        console.log(registration.state);
        await registration[Symbol.asyncDispose]();
      }, 300);
      timer.unref();`);
    assert.deepEqual(result, { code: 0, output: "registered\n" });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a watch that nobody reads any more does not hold the process", async () => {
  const result = await run(`
    const { resolver } = await openRegistry("file:///is-not-there", { stateFolder: false });
    const ending = new AbortController();
    const iterator = resolver.watch(heddleTarget("orders"), ending.signal)[Symbol.asyncIterator]();
    void iterator.next();
    ending.abort();
    console.log("left");`);
  assert.deepEqual(result, { code: 0, output: "left\n" });
});
