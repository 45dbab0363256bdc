/** The whole system under load, with an instance of each service killed in turn. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createMesh } from "heddle";
import { OrderService } from "../gen/shop/v1/order_pb.ts";
import { checkBooks } from "./books.ts";
import { startBurst } from "./burst.ts";
import { killAndRestart } from "./outage.ts";
import { openDemoRegistry } from "./registry.ts";
import { SERVICES } from "./services.ts";
import { startSystem } from "./system.ts";

test("no order is lost or done twice when an instance of any service is killed", async (t) => {
  const stack = new AsyncDisposableStack();
  // Not `await using`: it has to run also when the test never ends.
  t.after(() => stack.disposeAsync());
  const folder = await mkdtemp(join(tmpdir(), "heddle-orders-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const crashes: string[] = [];
  const onCrash = (name: string, output: string) => crashes.push(`${name}: ${output}`);
  const registry = stack.use(await openDemoRegistry("heddle", { folder, onCrash }));
  const system = stack.use(await startSystem({ registry, folder, instancesPerService: 2, onCrash }));
  const mesh = stack.use(
    await createMesh({ service: "customer", registry: registry.url, stateFolder: false }),
  );
  assert.equal(system.processes, 9);

  const burst = stack.use(startBurst(mesh.client(OrderService), 8));
  await burst.reaches(100);
  await Promise.all(SERVICES.map((service) => killAndRestart(system, `${service}-1`, burst)));
  const result = await burst.stopAfter(burst.answered + 200);

  assert.deepEqual(
    result.failed.map(({ error, record }) => ({ error, record })),
    [],
  );
  for (const { what, differences } of await checkBooks(mesh, result.placed)) {
    assert.deepEqual(differences, [], what);
  }
  assert.deepEqual(crashes, []);
});
