/** How a mesh ends, and what it refuses to start with. */
import "../kit/trap.ts";
import { Code, createMesh, createTransport, implement } from "heddle";
import { createClient } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { rejectsWith } from "../interop/cases/errors.ts";

test("a server closed by itself drains for as long as its mesh says", async () => {
  await using mesh = await createMesh({ registry: false, shutdownSignals: [], drainMs: 20 });
  const started = Promise.withResolvers<void>();
  const server = await mesh.serve(
    implement(EchoService, {
      unary: () => {
        started.resolve();
        return new Promise<never>(() => {});
      },
    }),
  );
  await using transport = createTransport({ target: server.address });
  const call = rejectsWith(createClient(EchoService, transport).unary({}), Code.Unavailable);
  await started.promise;
  const startedAtMs = performance.now();
  await server.close();
  assert.ok(performance.now() - startedAtMs < 5000, "the default would be 10 s");
  await call;
});

test("a program that waits to be registered, and finds no registry, says so and ends on a signal with 0", async (t) => {
  const program = `
    import { createMesh } from "heddle";
    const mesh = await createMesh({ registry: "127.0.0.1:1", stateFolder: false });
    const { registered } = await mesh.serve([]);
    await registered;
  `;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    cwd: import.meta.dirname,
    stdio: ["ignore", "inherit", "pipe"],
  });
  t.after(() => child.kill("SIGKILL"));
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  await once(child.stderr, "data");
  child.kill("SIGTERM");
  assert.deepEqual(await once(child, "close"), [0, null]);
  assert.match(
    errors,
    /^heddle: registry 127\.0\.0\.1:1 cannot be reached: connect \S+ 127\.0\.0\.1:1 \(HDL-2501\); known instances stay in use; check that it runs there .*\n$/,
  );
});

test("a registry that is no address is refused by that name; without one a target is asked for", async () => {
  await rejectsWith(
    createMesh({ registry: "nonsense" }),
    Code.InvalidArgument,
    /^option registry is not valid: write host:port, or scheme:/,
  );
  await using mesh = await createMesh({ registry: false });
  assert.throws(() => mesh.client(EchoService), /this mesh has no registry/);
});
