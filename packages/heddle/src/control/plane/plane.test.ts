/** The control plane on a real socket, with agents that reach it through Heddle's own client, and another's. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { createTransport } from "../../client/transport.ts";
import { createEndpoint } from "../../discovery/endpoint.ts";
import { createEndpointSet } from "../../discovery/endpoint-set.ts";
import { heddleTarget } from "../../discovery/target.ts";
import { openAgent } from "../agent/registry-world.test.ts";
import { startControlPlane } from "./plane.ts";

async function until(what: string, condition: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 15_000; !condition(); await delay(5)) {
    assert.ok(performance.now() < deadline, `timed out: ${what}`);
  }
}

const transports: Record<string, (address: string) => Transport> = {
  heddle: (address) => createTransport({ target: address }),
  "connect-node": (address) => createGrpcTransport({ baseUrl: `http://${address}` }),
};

for (const [name, transportTo] of Object.entries(transports)) {
  test(`an agent on ${name} registers and watches through a restart of the control plane`, async () => {
    let plane = await startControlPlane({ listen: "127.0.0.1:0", warmUpMs: 0 });
    const { address } = plane;
    const controller = new AbortController();
    await using agent = openAgent({ transport: transportTo(address) });
    const set = createEndpointSet();
    const removed: string[] = [];
    const watching = (async () => {
      for await (const update of agent.resolver.watch(heddleTarget("orders"), controller.signal)) {
        removed.push(...set.apply(update).removed.map((endpoint) => endpoint.id));
      }
    })();
    try {
      const registration = agent.registrar.register(
        createEndpoint({ id: "a", address: "127.0.0.1:4001", service: "orders" }),
      );
      await registration.registered;
      await until("the caller sees it", () => set.endpoints.has("a"));

      await plane[Symbol.asyncDispose]();
      await until("the registration is lost", () => registration.state === "lost");
      plane = await startControlPlane({ listen: address });
      await until("it is registered again", () => plane.registry.list("orders").instances.length === 1);
      assert.equal(plane.registry.complete, false);
      assert.deepEqual(removed, []);
      await registration[Symbol.asyncDispose]();
      assert.equal(plane.registry.list("orders").instances.length, 0);
    } finally {
      controller.abort();
      await watching;
      await plane[Symbol.asyncDispose]();
    }
  });
}

test("an address that is taken is an error from the catalogue", async () => {
  await using plane = await startControlPlane({ listen: "127.0.0.1:0" });
  await assert.rejects(startControlPlane({ listen: plane.address }), { reason: "listenFailed" });
});
