/** The two-process example of the README, with a control plane of its own. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { startControlPlane } from "heddle/control";

test("the client finds the server and prints who answered", async () => {
  await using plane = await startControlPlane({ listen: "127.0.0.1:0" });
  const env = { ...process.env, HEDDLE_REGISTRY: plane.address, HEDDLE_INSTANCE: "", HEDDLE_STATE_DIR: "" };
  const run = (file: string, ...args: string[]) =>
    spawn(process.execPath, [fileURLToPath(new URL(file, import.meta.url)), ...args], {
      env: Object.fromEntries(Object.entries(env).filter(([, value]) => value !== "")),
      stdio: ["ignore", "pipe", "inherit"],
    });

  const server = run("server.ts");
  try {
    const [ready] = await once(server.stdout.setEncoding("utf8"), "data");
    assert.match(ready, /^greeter-[0-9a-f]{6} is ready\n$/);
    const client = run("client.ts", "Ada");
    let printed = "";
    client.stdout.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
    });
    assert.deepEqual(await once(client, "close"), [0, null]);
    assert.equal(printed, `Hello, Ada! (answered by ${ready.split(" ")[0]})\n`);
  } finally {
    server.kill("SIGTERM");
  }
  assert.deepEqual(await once(server, "close"), [0, null]);
});
