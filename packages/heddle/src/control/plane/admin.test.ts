/** What tools see of a control plane: its admin service as plain HTTP and JSON, its page for Prometheus, its store. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { createClient, type HandlerContext } from "@connectrpc/connect";
import { createTransport } from "../../client/transport.ts";
import { createEndpoint } from "../../discovery/endpoint.ts";
import {
  ServiceOptionsSchema,
  SetServiceConfigRequestSchema,
  SetServiceOptionsRequestSchema,
} from "../../gen/heddle/registry/v1/admin_pb.ts";
import { InstanceOrigin, RegistryService } from "../../gen/heddle/registry/v1/registry_pb.ts";
import { openAgent } from "../agent/registry-world.test.ts";
import { createAdminService } from "./admin-service.ts";
import { type ControlPlane, type ControlPlaneOptions, startControlPlane } from "./plane.ts";
import { createRegistry } from "./registry.ts";
import { ServiceConfigs } from "./service-configs.ts";
import { ServiceSettings } from "./service-settings.ts";
import type { Fact } from "./store-keeper.ts";

const root = await mkdtemp(join(tmpdir(), "heddle-admin-"));
after(() => rm(root, { recursive: true }));

const start = (options: ControlPlaneOptions = {}) =>
  startControlPlane({ listen: "127.0.0.1:0", warmUpMs: 0, ...options });

async function post(plane: ControlPlane, method: string, body: unknown) {
  const response = await fetch(`http://${plane.address}/heddle.registry.v1.RegistryAdminService/${method}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function services(plane: ControlPlane) {
  const url = `http://${plane.address}/heddle.registry.v1.RegistryAdminService/ListServices?encoding=json&message=%7B%7D`;
  const response = await fetch(url);
  assert.equal(response.status, 200);
  return (await response.json()) as { services?: Record<string, unknown>[]; complete?: boolean };
}

const db = { id: "db-1", service: "db", address: "10.0.0.1:5432", metadata: { "metrics.port": "9187" } };
const ids = (plane: ControlPlane) =>
  plane.registry
    .list("")
    .instances.map(({ id }) => id)
    .toSorted();

test("static instances, drains and options of services by curl", async () => {
  await using plane = await start();
  assert.deepEqual(await post(plane, "PutStaticInstance", { instance: db }), {
    status: 200,
    body: { revision: "1" },
  });
  const { status, body } = await post(plane, "DrainInstance", { id: "db-1" });
  assert.deepEqual(
    [status, body["instance"]],
    [200, { ...db, draining: true, origin: "INSTANCE_ORIGIN_STATIC" }],
  );
  await post(plane, "DrainInstance", { id: "db-1", draining: false });
  const check = { tcp: {}, intervalMs: 60_000 };
  await post(plane, "SetServiceOptions", { service: "later", options: { check } });
  assert.deepEqual(await services(plane), {
    services: [
      { service: "db", instances: 1, static: 1 },
      { service: "later", options: { check } },
    ],
    complete: true,
  });
  await post(plane, "SetServiceOptions", { service: "later" });
  assert.deepEqual((await post(plane, "DeleteStaticInstance", { id: "db-1" })).body, { removed: true });
  assert.deepEqual((await post(plane, "DeleteStaticInstance", { id: "db-1" })).body, {});
  assert.deepEqual(await services(plane), { complete: true });
});

test("what is wrong is named by its field", async () => {
  await using plane = await start();
  const cases: [string, unknown, RegExp][] = [
    ["PutStaticInstance", {}, /^instance: must not be empty/],
    ["PutStaticInstance", { instance: { ...db, address: "nowhere" } }, /^instance\.address "nowhere"/],
    ["PutStaticInstance", { instance: db, check: {} }, /^check: say what to do/],
    [
      "PutStaticInstance",
      { instance: db, check: { http: { path: "x" } } },
      /^check\.http\.path: must begin with a slash/,
    ],
    ["DeleteStaticInstance", {}, /^id: must not be empty/],
    ["SetServiceOptions", { service: "a b" }, /^service: contains white space/],
    [
      "SetServiceOptions",
      { service: "a", options: { check: { tcp: {}, intervalMs: 5 } } },
      /^options\.check\.interval_ms: less than 100/,
    ],
    // Instances that never answer would keep the probes that may run at once for an hour.
    [
      "PutStaticInstance",
      { instance: db, check: { tcp: {}, intervalMs: 3_600_000, timeoutMs: 3_600_000 } },
      /^check\.timeout_ms: more than 10000/,
    ],
  ];
  for (const [method, request, text] of cases) {
    const { status, body } = await post(plane, method, request);
    assert.deepEqual([status, body["code"]], [400, "invalid_argument"]);
    assert.match(String(body["message"]), text);
  }
  assert.equal((await post(plane, "DrainInstance", { id: "nobody" })).status, 404);
  assert.deepEqual(ids(plane), []);
});

test("Prometheus finds what can be scraped, filtered, over HTTP/1.1; and nothing while the registry warms up", async () => {
  await using plane = await start();
  await post(plane, "PutStaticInstance", { instance: { ...db, zone: "z", tls: true } });
  await post(plane, "PutStaticInstance", { instance: { id: "u", service: "db", address: "unix:/a" } });
  const get = (query = "", init: RequestInit = {}) =>
    fetch(`http://${plane.address}/prometheus/sd${query}`, init);
  const response = await get();
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.deepEqual(await response.json(), [
    {
      targets: ["10.0.0.1:9187"],
      labels: {
        __meta_heddle_service: "db",
        __meta_heddle_instance: "db-1",
        __meta_heddle_health: "unknown",
        __meta_heddle_draining: "false",
        __meta_heddle_zone: "z",
        __scheme__: "https",
        __meta_heddle_metadata_metrics_port: "9187",
      },
    },
  ]);
  assert.deepEqual(await (await get("?service=db&zone=y")).json(), []);
  assert.equal((await get("?zne=y")).status, 400);
  assert.equal((await get("", { method: "POST", body: "" })).status, 405);
  const head = await get("", { method: "HEAD" });
  assert.deepEqual([head.status, await head.text()], [200, ""]);

  await using young = await start({ warmUpMs: 60_000 });
  assert.equal((await fetch(`http://${young.address}/prometheus/sd`)).status, 503);
});

test("a control plane with a folder starts with what it knew", async () => {
  const options = { data: join(root, "restart"), leaseTtlMs: 2_000, warmUpMs: 2_000 };
  const plane = await start(options);
  await using transport = createTransport({ target: plane.address, waitForReadyMs: 500 });
  const agent = openAgent({ transport });
  const orders = createEndpoint({ id: "orders-1", address: "127.0.0.1:4001", service: "orders" });
  await agent.registrar.register(orders).registered;
  await post(plane, "PutStaticInstance", { instance: db });
  await post(plane, "PutStaticInstance", { instance: { ...db, id: "db-2" } });
  await post(plane, "DeleteStaticInstance", { id: "db-2" });
  await post(plane, "SetServiceOptions", {
    service: "db",
    options: { check: { tcp: {}, intervalMs: 60_000 } },
  });
  await post(plane, "DrainInstance", { id: "db-1" });
  await plane.close();
  await agent[Symbol.asyncDispose]();

  await using again = await start(options);
  const { complete, instances } = again.registry.list("");
  assert.equal(complete, false);
  assert.deepEqual(
    instances
      .map(({ id, origin, draining }) => [id, origin, draining])
      .toSorted(([a], [b]) => String(a).localeCompare(String(b))),
    [
      ["db-1", InstanceOrigin.STATIC, true],
      ["orders-1", InstanceOrigin.REMEMBERED, false],
    ],
  );
  assert.equal((await services(again)).services?.length, 2);
  await using second = createTransport({ target: again.address });
  const first = await createClient(RegistryService, second).listInstances({ name: "orders" });
  assert.equal(first.instances[0]?.id, "orders-1");
  for (const deadline = performance.now() + 10_000; !again.registry.complete; await delay(10))
    assert.ok(performance.now() < deadline);
  assert.deepEqual(ids(again), ["db-1"], "what has not registered again is gone");
});

test("options are kept for so many services and no more, and those that have some can change them", async () => {
  const settings = new ServiceSettings();
  const registry = createRegistry({ epoch: "e", startedAtMs: 0 });
  const keeper = {
    async enter(fact: Fact) {
      if (fact.kind === "service") settings.set(fact.key, fact.value);
    },
  };
  const { setServiceOptions } = createAdminService({
    registry,
    settings,
    configs: new ServiceConfigs(),
    keeper,
  });
  const options = create(ServiceOptionsSchema, { check: { kind: { case: "tcp", value: {} } } });
  const enter = async (service: string, given: typeof options | undefined) => {
    const request = create(SetServiceOptionsRequestSchema, { service, ...(given ? { options: given } : {}) });
    return await setServiceOptions(request, {} as HandlerContext);
  };
  for (let index = 0; index < 10_000; index++) await enter(`s${index}`, options);
  await assert.rejects(enter("one-more", options), /resource_exhausted.*10000 services/);
  await enter("s0", options);
  await enter("s0", undefined);
  await enter("one-more", options);
  assert.equal(settings.all.size, 10_000);
});

test("configs are kept up to a length of them all, and one that takes the place of another can be set", async () => {
  const configs = new ServiceConfigs();
  const keeper = {
    async enter(fact: Fact) {
      if (fact.kind === "config") configs.set(fact.key, fact.value);
    },
  };
  const registry = createRegistry({ epoch: "e", startedAtMs: 0 });
  const { setServiceConfig } = createAdminService({
    registry,
    settings: new ServiceSettings(),
    configs,
    keeper,
  });
  const enter = async (name: string, length: number) => {
    const config = { methods: [{ names: [{ service: "a".repeat(length) }] }] };
    const request = create(SetServiceConfigRequestSchema, { name, config });
    return await setServiceConfig(request, {} as HandlerContext);
  };
  for (let index = 0; index < 64; index++) await enter(`s${index}`, 256 * 1024 - 100);
  await assert.rejects(enter("one-more", 256 * 1024 - 100), /resource_exhausted.*all configs together/);
  await enter("s0", 1000);
  await enter("one-more", 256 * 1024 - 100);
  configs.set("s1", undefined);
  await enter("s1", 256 * 1024 - 100);
  assert.equal(configs.size, 65);
});
