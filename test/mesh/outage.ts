/**
 * The control plane dies under load and comes back: callers go on, and so do those that start meanwhile and have a saved
 * set. `npm test` runs it for a few seconds, `npm run test:real` for the two minutes that the promise speaks of.
 */
import { createMesh } from "heddle";
import { startControlPlane } from "heddle/control";
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { Load } from "../kit/load.ts";
import { startInstance } from "../kit/processes.ts";
import { until } from "../kit/within.ts";

export async function surviveOutage(t: TestContext, outageMs: number): Promise<void> {
  const stateFolder = mkdtempSync(join(tmpdir(), "heddle-outage-"));
  t.after(() => rmSync(stateFolder, { recursive: true }));
  // A set is saved once it is known to be complete, and a registry that has just started does not know.
  const plane = await startControlPlane({ listen: "127.0.0.1:0", warmUpMs: 1 });
  const { address } = plane;
  const instances = await Promise.all(["a", "b", "c"].map((name) => startInstance(t, name, address)));
  const [, b] = instances;
  async function startCaller(): Promise<Load> {
    const mesh = await createMesh({ registry: address, stateFolder, onWarning: () => {} });
    t.after(() => mesh.close({ drainMs: 0 }));
    return new Load(mesh.client(EchoService));
  }
  const load = await startCaller();
  for (const { name } of instances) await load.more(20, name);
  const saved = join(stateFolder, "endpoints");
  await until(() => existsSync(saved) && readdirSync(saved).length > 0, "the set being saved");

  await plane[Symbol.asyncDispose]();
  const goneAt = performance.now();
  await load.more(200);
  const late = await startCaller();
  for (const { name } of instances) await late.more(20, name);
  await b?.kill();
  const atDeath = load.of("b");
  await until(() => performance.now() - goneAt > outageMs, "the end of the outage", outageMs + 5000);
  assert.ok(load.of("b") - atDeath <= 16, "a dead instance answers nothing but what was under way");
  for (const caller of [load, late]) {
    await caller.more(200);
    assert.deepEqual(caller.failures, []);
  }

  const next = await startControlPlane({ listen: address });
  t.after(() => next[Symbol.asyncDispose]());
  const knows = (name: string) => next.registry.list("").instances.some(({ id }) => id === name);
  const registered = () => knows("a") && knows("c");
  await until(registered, "the living instances registering again");
  for (const name of ["a", "c"]) await load.more(50, name);
  for (const caller of [load, late]) {
    await caller.stop();
    assert.deepEqual(caller.failures, []);
  }
}
