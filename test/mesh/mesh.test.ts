/** Processes that find each other through a control plane, and what happens when parts of that die. */
import "../kit/trap.ts";
import { createMesh } from "heddle";
import { startControlPlane } from "heddle/control";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { Load } from "../kit/load.ts";
import { startInstance } from "../kit/processes.ts";
import { addressesOf, connectTo } from "../kit/running.ts";
import { surviveOutage } from "./outage.ts";

const SHORT_OUTAGE_MS = 5000;

test("two instances share the load; one is killed, and no idempotent call fails", async (t) => {
  await using plane = await startControlPlane({ listen: "127.0.0.1:0" });
  const [a, b] = await Promise.all([
    startInstance(t, "a", plane.address),
    startInstance(t, "b", plane.address),
  ]);
  await using mesh = await createMesh({ registry: plane.address, stateFolder: false, onWarning: () => {} });
  const load = new Load(mesh.client(EchoService));
  await load.more(100, "a");
  await load.more(100, "b");
  await a.kill();
  const atDeath = load.of("a");
  await load.more(500, "b");
  assert.ok(load.of("a") - atDeath <= 16);
  await startInstance(t, "c", plane.address);
  await load.more(100, "c");
  await load.stop();
  assert.deepEqual(load.failures, []);
  assert.notEqual(b.address, "");
});

test("without a mesh as well: an instance is killed under load, and its neighbour takes the calls", async (t) => {
  const [a, b] = await Promise.all([startInstance(t, "a", "off"), startInstance(t, "b", "off")]);
  const load = new Load(connectTo(t, addressesOf(a, b)), 64);
  await load.more(200, "a");
  await a.kill();
  await load.more(500, "b");
  await load.stop();
  assert.deepEqual(load.failures, []);
});

test("the control plane is gone for a while under load, and an instance dies meanwhile", (t) =>
  surviveOutage(t, SHORT_OUTAGE_MS));

test("a process that starts while no registry answers finds its peers from what was saved", async (t) => {
  const stateFolder = mkdtempSync(join(tmpdir(), "heddle-state-"));
  t.after(() => rmSync(stateFolder, { recursive: true }));
  // A set is saved once it is known to be complete, and a registry that has just started does not know.
  const plane = await startControlPlane({ listen: "127.0.0.1:0", warmUpMs: 1 });
  await startInstance(t, "a", plane.address);
  const options = { registry: plane.address, stateFolder, onWarning: () => {} };
  {
    await using first = await createMesh(options);
    assert.equal((await first.client(EchoService).unary({})).echo?.instance, "a");
  }
  await plane[Symbol.asyncDispose]();
  await using second = await createMesh(options);
  assert.equal((await second.client(EchoService).unary({})).echo?.instance, "a");
});
