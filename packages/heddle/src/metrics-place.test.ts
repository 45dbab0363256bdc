import assert from "node:assert/strict";
import { test } from "node:test";
import { Echo } from "./contract/echo-service.test.ts";
import { startControlPlane } from "./control/plane/plane.ts";
import { createMesh } from "./mesh.ts";
import type { MeshMetricsOptions } from "./mesh-metrics.ts";
import { implement } from "./server/implement.ts";

const echo = implement(Echo, { say: () => ({}) });

/** What Prometheus is told of a mesh with so many servers. */
async function discovered(metrics: MeshMetricsOptions | false, servers = 1) {
  await using plane = await startControlPlane({ listen: "127.0.0.1:0", warmUpMs: 0 });
  await using mesh = await createMesh({
    service: "echo",
    instance: "echo-1",
    zone: "a",
    registry: plane.address,
    shutdownSignals: [],
    metrics,
  });
  const addresses: string[] = [];
  for (let i = 0; i < servers; i++) {
    const server = await mesh.serve(echo, { listen: "127.0.0.1:0" });
    await server.registered;
    addresses.push(server.address);
  }
  const answer = await fetch(`http://${plane.address}/prometheus/sd`);
  const groups = (await answer.json()) as { targets: string[]; labels: Record<string, string> }[];
  return { groups, addresses, own: mesh.metrics.address };
}

test("Prometheus is sent to the servers, with who they are", async () => {
  const { groups, addresses } = await discovered({});
  assert.deepEqual(groups[0]?.targets, addresses);
  const { __meta_heddle_service, __meta_heddle_instance, __meta_heddle_zone, __metrics_path__ } =
    groups[0]?.labels ?? {};
  assert.deepEqual(
    [__meta_heddle_service, __meta_heddle_instance, __meta_heddle_zone, __metrics_path__],
    ["echo", "echo-1", "a", undefined],
  );
});

test("to where metrics listen, when that is elsewhere, with their path", async () => {
  const beside = await discovered({ listen: "127.0.0.1:0", path: "/figures" });
  assert.deepEqual(beside.groups[0]?.targets, [beside.own]);
  assert.equal(beside.groups[0]?.labels["__metrics_path__"], "/figures");

  const everywhere = await discovered({ listen: "0.0.0.0:0" });
  assert.deepEqual(everywhere.groups[0]?.targets, [everywhere.own?.replace("0.0.0.0", "127.0.0.1")]);

  const elsewhere = await discovered({ listen: "127.0.0.2:0" });
  assert.deepEqual(elsewhere.groups[0]?.targets, [elsewhere.own]);
});

test("once to a process with several servers, and never to one that counts nothing", async () => {
  const { groups, addresses } = await discovered({}, 2);
  assert.deepEqual(
    groups.map(({ targets }) => targets),
    [[addresses[0]]],
  );
  assert.deepEqual((await discovered(false)).groups, []);
});
