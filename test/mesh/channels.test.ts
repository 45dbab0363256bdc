/** What a mesh shows of its clients. */
import "../kit/trap.ts";
import { createMesh } from "heddle";
import assert from "node:assert/strict";
import { test } from "node:test";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { startEcho } from "../kit/running.ts";
import { until } from "../kit/within.ts";

test("a mesh shows each target that it calls, with instances and connections", async (t) => {
  const server = await startEcho(t);
  await using mesh = await createMesh({ registry: false });
  assert.deepEqual(mesh.channels(), []);
  const client = mesh.client(EchoService, { target: server.address });
  mesh.client(EchoService, { target: "127.0.0.1:1" });
  await client.unary({});
  const [called, uncalled] = mesh.channels();
  assert.deepEqual([called?.state, uncalled?.state], ["ready", "idle"]);
  const [instance] = called?.instances ?? [];
  assert.equal(instance?.address, server.address);
  assert.deepEqual(instance?.connections, [{ httpVersion: "2", streams: 0, draining: false }]);
  await server.close();
  await until(() => mesh.channels()[0]?.state === "transient_failure", "the loss");
  assert.match(mesh.channels()[0]?.instances[0]?.lastError ?? "", /ECONNREFUSED/);
});
