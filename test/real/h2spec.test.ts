/** h2spec, the conformance suite of HTTP/2, against our server. */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { startEcho } from "../kit/running.ts";

const program = fileURLToPath(new URL("../../.cache/bin/h2spec", import.meta.url));

test("every case of h2spec passes", async (t) => {
  const { address } = await startEcho(t);
  const [host = "", port = ""] = address.split(":");
  const child = spawn(program, ["-h", host, "-p", port, "-o", "3"], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  await once(child, "close");
  const [, total, passed, skipped, failed] =
    /(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed/.exec(output)?.map(Number) ?? [];
  assert.ok(total !== undefined && total >= 140, output.slice(-2000));
  assert.deepEqual(
    { passed, skipped, failed },
    { passed: total, skipped: 0, failed: 0 },
    output.slice(-6000),
  );
});
