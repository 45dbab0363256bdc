/**
 * The Connect project's own conformance suite, against our server and our client: Connect, gRPC and gRPC-Web over both
 * versions of HTTP, plain and with TLS, in all codecs, compressions and kinds of method. `test/conformance/` has the
 * programs that the runner starts, what it is told that we offer, and which of its cases are a matter of chance.
 */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const runner = path("../../.cache/bin/connectconformance");
const features = path("../conformance/features.yaml");

// Most of the time goes into the runner's own comparison of answers; on a machine with other work it takes minutes.
const timeout = 540_000;

test("every case of the suite passes against our server", { timeout }, async (t) => {
  const options = ["--mode", "server", "--parallel", "16"];
  const { output, cases } = await conform(t, options, path("../conformance/server.ts"));
  assert.ok(cases > 8700, `only ${cases} cases were run: ${output}`);
});

test("every case of the suite passes against our client", { timeout }, async (t) => {
  const flaky = path("../conformance/known-flaky.txt");
  const options = ["--mode", "client", "--known-flaky", `@${flaky}`];
  const { output, cases } = await conform(t, options, path("../conformance/client.ts"));
  assert.ok(cases > 10_900, `only ${cases} cases were run: ${output}`);
});

/** Runs the suite against a program of ours; fails with the runner's own account of what failed. */
async function conform({ signal }: TestContext, options: readonly string[], program: string) {
  const child = spawn(runner, ["--conf", features, ...options, "--", process.execPath, program], {
    stdio: ["ignore", "pipe", "pipe"],
    signal,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  assert.equal(
    code,
    0,
    output.length > 12_000 ? `${output.slice(0, 9000)}\n…\n${output.slice(-3000)}` : output,
  );
  return { output, cases: Number(/Total cases: (\d+)/.exec(output)?.[1]) };
}
