/** What a mesh makes of its registry's URL, of several of them, and of what they say of an instance. */
import "../kit/trap.ts";
import { Code, createMesh, implement, openRegistry } from "heddle";
import { startControlPlane } from "heddle/control";
import { createEndpoint } from "heddle/discovery";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { rejectsWith } from "../interop/cases/errors.ts";
import { createAuthority } from "../kit/certificates.ts";
import { startEcho } from "../kit/running.ts";

const quiet = { stateFolder: false, shutdownSignals: [], onWarning: () => {} } as const;
const echo = implement(EchoService, { unary: () => ({ echo: { instance: "here" } }) });

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "heddle-registry-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test("a mesh registers in a folder and finds there, by URL alone", async (t) => {
  const registry = `file://${folder(t)}`;
  await using serving = await createMesh({ ...quiet, registry, service: "echoes" });
  const server = await serving.serve(echo);
  await server.registered;
  await using calling = await createMesh({ ...quiet, registry });
  assert.equal((await calling.client(EchoService).unary({})).echo?.instance, "here");
  const byName = calling.client(EchoService, { target: "heddle:///echoes" });
  assert.equal((await byName.unary({})).echo?.instance, "here");
  const [watch] = calling.discovery();
  assert.deepEqual([watch?.state, watch?.source, watch?.endpoints], ["live", "registry", 1]);
  assert.ok(watch?.ageMs !== undefined && watch.ageMs < 60_000);
});

test("in a union an instance is found in whichever registry it is", async (t) => {
  await using plane = await startControlPlane({ listen: "127.0.0.1:0", warmUpMs: 0 });
  const files = `file://${folder(t)}`;
  await using serving = await createMesh({ ...quiet, registry: files });
  await (await serving.serve(echo)).registered;
  await using calling = await createMesh({ ...quiet, registry: { union: [plane.address, files] } });
  assert.equal((await calling.client(EchoService).unary({})).echo?.instance, "here");
  await using moving = await createMesh({ ...quiet, registry: { fallback: [plane.address, files] } });
  assert.equal((await moving.client(EchoService).unary({})).echo?.instance, "here");
});

test("a name may be found elsewhere than in the registry", async (t) => {
  const server = await startEcho(t);
  await using mesh = await createMesh({
    ...quiet,
    registry: "127.0.0.1:1",
    targets: { [EchoService.typeName]: server.address },
  });
  await mesh.client(EchoService).unary({});
});

test("a target may name a registry of its own", async (t) => {
  await using plane = await startControlPlane({ listen: "127.0.0.1:0", warmUpMs: 0 });
  await using serving = await createMesh({ ...quiet, registry: plane.address, service: "echoes" });
  await (await serving.serve(echo)).registered;
  for (const registry of [false, `file://${folder(t)}`] as const) {
    await using calling = await createMesh({ ...quiet, registry });
    const client = calling.client(EchoService, { target: `heddle://${plane.address}/echoes` });
    assert.equal((await client.unary({})).echo?.instance, "here");
  }
});

test("a kind of registry that there is not, an option that it has not, and credentials in a target are refused", async () => {
  await rejectsWith(
    createMesh({ ...quiet, registry: "zoekeeper://127.0.0.1" }),
    Code.InvalidArgument,
    /no kind of registry "zoekeeper".*did you mean zookeeper\?/,
  );
  await rejectsWith(
    createMesh({ ...quiet, registry: "etcd://127.0.0.1?prefx=5" }),
    Code.InvalidArgument,
    /etcd:\/\/ has no option "prefx"; did you mean prefix\?/,
  );
  await rejectsWith(createMesh({ ...quiet, registry: { union: [] } }), Code.InvalidArgument, /no URL/);
  await using mesh = await createMesh({ ...quiet, registry: false });
  assert.throws(
    () => mesh.client(EchoService, { target: "etcd://root:secret@127.0.0.1:2379/orders" }),
    (error: Error) => /credentials/.test(error.message) && !error.message.includes("secret"),
  );
});

test("an instance that wants TLS is spoken TLS to, unless the client says plain text", async () => {
  await using plane = await startControlPlane({ listen: "127.0.0.1:0", warmUpMs: 0 });
  const authority = createAuthority();
  const tls = authority.issue({ names: ["127.0.0.1"] });
  await using serving = await createMesh({ ...quiet, registry: plane.address });
  await (await serving.serve(echo, { tls })).registered;
  await using calling = await createMesh({
    ...quiet,
    registry: plane.address,
    client: { waitForReadyMs: 300 },
  });
  await rejectsWith(calling.client(EchoService).unary({}), Code.Unavailable, /certificate/);
  await calling.client(EchoService, { tls: { ca: authority.cert } }).unary({});
  await rejectsWith(calling.client(EchoService, { tls: false }).unary({}), Code.Unavailable, /TLS/);
});

test("what a program registers by itself is called as any other", async (t) => {
  await using plane = await startControlPlane({ listen: "127.0.0.1:0", warmUpMs: 0 });
  const server = await startEcho(t);
  await using registry = await openRegistry(plane.address, { stateFolder: false });
  const registration = registry.registrar?.register(
    createEndpoint({ id: "legacy-1", address: server.address, service: "legacy" }),
  );
  await registration?.registered;
  await using mesh = await createMesh({ ...quiet, registry: plane.address });
  await mesh.client(EchoService, { target: "heddle:///legacy" }).unary({});
});
