/** `heddle calls`, `explain` and `stats` as somebody at a terminal sees them: a failed call is found, and explained. */
import { Code, ConnectError } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { test } from "node:test";
import { recordOf } from "../call/record.ts";
import { Echo } from "../contract/echo-service.test.ts";
import { startControlPlane } from "../control/plane/plane.ts";
import { createMesh } from "../mesh.ts";
import { implement } from "../server/implement.ts";
import { calls, explainCall, stats } from "./calls.ts";

/** What a command writes to standard output and standard error. */
async function written(run: () => Promise<number>): Promise<{ code: number; out: string; err: string }> {
  const { stdout, stderr } = process;
  const texts = { out: "", err: "" };
  const [writeOut, writeErr] = [stdout.write.bind(stdout), stderr.write.bind(stderr)];
  // The test runner writes its own bytes there.
  stdout.write = ((chunk: string | Uint8Array) =>
    typeof chunk === "string" ? ((texts.out += chunk), true) : writeOut(chunk)) as typeof stdout.write;
  stderr.write = ((chunk: string | Uint8Array) =>
    typeof chunk === "string" ? ((texts.err += chunk), true) : writeErr(chunk)) as typeof stderr.write;
  try {
    const code = await run();
    return { code, ...texts };
  } finally {
    stdout.write = writeOut;
    stderr.write = writeErr;
  }
}

test("a failed call is listed and explained by its id, and its service has figures", async () => {
  await using plane = await startControlPlane({ listen: "127.0.0.1:0", warmUpMs: 0 });
  const registry = plane.address;
  const none = await written(() => calls({ registry }));
  assert.match(none.out, /^no calls are kept: no process has told any/);
  const common = {
    registry,
    stateFolder: false,
    shutdownSignals: [],
    telemetry: { reportEveryMs: 100 },
  } as const;
  await using orders = await createMesh({ ...common, service: "orders" });
  await using web = await createMesh({ ...common, service: "web" });
  await orders.serve(
    implement(Echo, {
      say: () => {
        throw new ConnectError("sold\nout", Code.FailedPrecondition);
      },
    } as never),
  );
  const error = await web
    .client(Echo)
    .say({})
    .then(
      () => assert.fail(),
      (caught: unknown) => caught,
    );
  const { id } = recordOf(error) ?? assert.fail();
  let limit = 1;
  let listed = await written(() => calls({ registry, failed: true, limit: String(limit) }));
  while (!listed.out.includes(id) && limit < 400) {
    limit++;
    await new Promise((resolve) => setTimeout(resolve, 20));
    listed = await written(() => calls({ registry, failed: true, service: "web", limit: String(limit) }));
  }
  assert.match(
    listed.out,
    new RegExp(`${id} +failed +client +web +heddle.unit.Echo/Say +FAILED_PRECONDITION`),
  );
  const explained = await written(() => explainCall(id, { registry }));
  assert.match(
    explained.out,
    /^heddle\.unit\.Echo\/Say failed with FAILED_PRECONDITION: orders-\w+ \(127\.0\.0\.1:\d+\) answered so: "sold out"/,
  );
  assert.match(explained.out, /\n {2}attempt 1 at 0 ms: orders-\w+ .*, one of 1; sent after/);
  const all = await written(() => stats(undefined, { registry }));
  assert.match(all.out, /^SERVICE +CALLS\/S +FAILED +P50 MS +P99 MS\norders +[\d.]+ +100 %/);
  assert.equal(
    JSON.parse((await written(() => stats("orders", { registry, json: true }))).out).services.length,
    1,
  );
  const cases: readonly (readonly [() => Promise<number>, number, RegExp])[] = [
    [() => explainCall("0000000000000000", { registry }), 1, /is not kept, or not any more/],
    [() => stats("nobody", { registry }), 1, /there is no service "nobody"/],
    [() => calls({ registry, limit: "0" }), 2, /limit: a whole number from 1 to 500/],
    [() => calls({ registry: "etcd://127.0.0.1:1" }), 2, /not etcd:\/\//],
    [() => calls({ registry: "127.0.0.1:1" }), 3, /cannot be reached|ECONNREFUSED/],
  ];
  for (const [run, code, text] of cases) {
    const found = await written(run);
    assert.equal(found.code, code, found.err);
    assert.match(found.err, text);
  }
});
