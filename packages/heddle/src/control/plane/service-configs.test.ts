/** Service configs in the control plane: entered, checked, told to whom they concern, kept. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createTransport } from "../../client/transport.ts";
import { RegistryAdminService } from "../../gen/heddle/registry/v1/admin_pb.ts";
import { RegistryService, type WatchResponse } from "../../gen/heddle/registry/v1/registry_pb.ts";
import { type ControlPlane, startControlPlane } from "./plane.ts";
import { ServiceConfigs } from "./service-configs.ts";

async function until(what: string, condition: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 10_000; !condition(); await delay(2))
    assert.ok(performance.now() < deadline, `timed out: ${what}`);
}

async function reach({ address }: ControlPlane) {
  const transport = createTransport({ target: address });
  const registry = createClient(RegistryService, transport);
  return {
    admin: createClient(RegistryAdminService, transport),
    /** What a watch of a name is sent, keepalives left out. */
    watch(name: string) {
      const events: WatchResponse["event"][] = [];
      const stop = new AbortController();
      const done = (async () => {
        for await (const { event } of registry.watch({ name }, { signal: stop.signal, timeoutMs: 0 }))
          if (event.case !== "keepalive") events.push(event);
      })().catch(() => {});
      return {
        events,
        configs: () =>
          events.flatMap((event) => (event.case === "serviceConfig" ? [event.value.config] : [])),
        async [Symbol.asyncDispose]() {
          stop.abort();
          await done;
        },
      };
    },
    [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose](),
  };
}

const timeout = (timeoutMs: number) => ({ methods: [{ timeoutMs }] });

test("a config is told before the snapshot, when it changes, and when it goes; and only to whom it concerns", async () => {
  await using plane = await startControlPlane({ listen: "127.0.0.1:0", warmUpMs: 0 });
  await using client = await reach(plane);
  const { admin } = client;
  await admin.setServiceConfig({ name: "orders", config: timeout(1) });
  await using watch = client.watch("orders");
  await using other = client.watch("other");
  await until("the snapshots", () => watch.events.length === 2 && other.events.length === 1);
  assert.deepEqual(
    watch.events.map((event) => event.case),
    ["serviceConfig", "snapshot"],
  );
  assert.equal((await admin.setServiceConfig({ name: "orders", config: timeout(2) })).watchers, 1);
  assert.deepEqual(await admin.deleteServiceConfig({ name: "orders" }).then(({ removed }) => removed), true);
  assert.deepEqual(await admin.deleteServiceConfig({ name: "orders" }).then(({ removed }) => removed), false);
  await until("it is gone", () => watch.configs().at(-1) === undefined);
  assert.deepEqual(watch.configs()[0], timeout(1));
  assert.equal(other.events.length, 1);
});

test("that of * holds for names without one of their own", async () => {
  await using plane = await startControlPlane({ listen: "127.0.0.1:0", warmUpMs: 0 });
  await using client = await reach(plane);
  const { admin } = client;
  await using watch = client.watch("orders");
  await until("the snapshot", () => watch.events.length === 1);
  assert.equal((await admin.setServiceConfig({ name: "*", config: timeout(9) })).watchers, 1);
  await until("that of *", () => watch.configs().length === 1);
  await admin.setServiceConfig({ name: "orders", config: timeout(1) });
  await until("its own", () => watch.configs().length === 2);
  assert.equal((await admin.setServiceConfig({ name: "*", config: timeout(8) })).watchers, 0);
  await admin.deleteServiceConfig({ name: "orders" });
  await until("that of * again", () => watch.configs().length === 3);
  assert.deepEqual(watch.configs(), [timeout(9), timeout(1), timeout(8)]);
  const { config, setFor } = await admin.getServiceConfig({ name: "orders" });
  assert.deepEqual([config, setFor], [timeout(8), "*"]);
  assert.equal((await admin.getServiceConfig({ name: "*" })).setFor, "*");
});

test("what is wrong is refused with all that is wrong, and gRPC's form is taken, with notes", async () => {
  await using plane = await startControlPlane({ listen: "127.0.0.1:0" });
  await using client = await reach(plane);
  const { admin } = client;
  const refusal = async (config: object | undefined) => {
    const error = await admin
      .setServiceConfig({ name: "orders", ...(config === undefined ? {} : { config: config as never }) })
      .then(() => assert.fail("it was taken"), ConnectError.from);
    assert.equal(error.code, Code.InvalidArgument);
    return error.rawMessage;
  };
  assert.match(
    await refusal({ methods: [{ timeoutMs: -1 }], balanser: "x" }),
    /^config: methods\[0\]\.timeoutMs: .*; balanser: .*did you mean balancer\?/,
  );
  assert.match(await refusal(undefined), /^config: it is missing/);
  assert.match(await refusal({ methods: [{ names: [{ service: "a".repeat(300_000) }] }] }), /longer than/);
  const { notes } = await admin.setServiceConfig({ name: "orders", config: { methodConfig: [], later: 1 } });
  assert.deepEqual(notes, ["later has no effect here"]);
});

test("configs outlive the control plane in its store", async () => {
  const folder = await mkdtemp(join(tmpdir(), "heddle-configs-"));
  try {
    for (const round of [1, 2]) {
      await using plane = await startControlPlane({ listen: "127.0.0.1:0", data: folder });
      await using client = await reach(plane);
      const { entries } = await client.admin.listServiceConfigs({});
      if (round === 2)
        assert.deepEqual(
          entries.map(({ name, config }) => [name, config]),
          [
            ["*", { balancer: "random" }],
            ["orders", timeout(5)],
          ],
        );
      await client.admin.setServiceConfig({ name: "orders", config: timeout(5) });
      await client.admin.setServiceConfig({ name: "gone", config: timeout(5) });
      await client.admin.setServiceConfig({ name: "*", config: { balancer: "random" } });
      await client.admin.deleteServiceConfig({ name: "gone" });
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a watcher that left is told nothing and costs nothing", () => {
  const configs = new ServiceConfigs();
  let told = 0;
  const forget = configs.watch("a", () => told++);
  configs.set("a", {});
  forget();
  configs.set("a", undefined);
  assert.deepEqual([told, configs.watchersOf("a"), configs.size], [1, 0, 0]);
});
