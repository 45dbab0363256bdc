/**
 * The control plane dies under load and comes back. `npm test` runs it for a few seconds, `npm run test:real` for
 * the minute that the promise speaks of.
 */
import { createMesh } from "heddle";
import { startControlPlane } from "heddle/control";
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { Load } from "../kit/load.ts";
import { startInstance } from "../kit/processes.ts";
import { until } from "../kit/within.ts";

export async function surviveOutage(t: TestContext, outageMs: number): Promise<void> {
  const plane = await startControlPlane({ listen: "127.0.0.1:0" });
  const { address } = plane;
  const instances = await Promise.all(["a", "b", "c"].map((name) => startInstance(t, name, address)));
  const [, b] = instances;
  const mesh = await createMesh({ registry: address, stateFolder: false, onWarning: () => {} });
  t.after(() => mesh.close({ drainMs: 0 }));
  const load = new Load(mesh.client(EchoService));
  for (const { name } of instances) await load.more(20, name);

  await plane[Symbol.asyncDispose]();
  const goneAt = performance.now();
  await load.more(200);
  await b?.kill();
  const atDeath = load.of("b");
  await until(() => performance.now() - goneAt > outageMs, "the end of the outage", outageMs + 5000);
  assert.ok(load.of("b") - atDeath <= 16, "a dead instance answers nothing but what was under way");
  await load.more(200);
  assert.deepEqual(load.failures, []);

  const next = await startControlPlane({ listen: address });
  t.after(() => next[Symbol.asyncDispose]());
  const knows = (name: string) => next.registry.list("").instances.some(({ id }) => id === name);
  const registered = () => knows("a") && knows("c");
  await until(registered, "the living instances registering again");
  for (const name of ["a", "c"]) await load.more(50, name);
  await load.stop();
  assert.deepEqual(load.failures, []);
}
