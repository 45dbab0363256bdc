/** Checks of real servers on loopback, by every kind of probe. */
import assert from "node:assert/strict";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server as NetServer } from "node:net";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Health, HealthCheckResponse_ServingStatus } from "../../gen/grpc/health/v1/health_pb.ts";
import { ServiceOptionsSchema } from "../../gen/heddle/registry/v1/admin_pb.ts";
import {
  HealthCheckSchema,
  InstanceHealth,
  InstanceSchema,
} from "../../gen/heddle/registry/v1/registry_pb.ts";
import { systemRuntime } from "../../runtime/runtime.ts";
import { implement } from "../../server/implement.ts";
import { createServer } from "../../server/server.ts";
import { createAuthority } from "../../../../../test/kit/certificates.ts";
import { startHealthChecker } from "./health-checker.ts";
import { createRegistry } from "./registry.ts";
import { ServiceSettings } from "./service-settings.ts";

const { HEALTHY, UNHEALTHY, UNSPECIFIED } = InstanceHealth;

function createWorld(options: Partial<Parameters<typeof startHealthChecker>[0]> = {}) {
  const registry = createRegistry({
    epoch: "e",
    startedAtMs: systemRuntime.clock.now(),
    warmUpMs: 0,
    leaseTtlMs: 1_000,
  });
  const settings = new ServiceSettings();
  const checker = startHealthChecker({ registry, settings, runtime: systemRuntime, ...options });
  return {
    registry,
    settings,
    register(
      id: string,
      address: string,
      fields: MessageInitShape<typeof InstanceSchema> = {},
      check?: MessageInitShape<typeof HealthCheckSchema>,
    ) {
      const instance = create(InstanceSchema, { id, service: "orders", address, ...fields });
      return registry.register(instance, systemRuntime.clock.now(), check && quick(check));
    },
    health: (id: string) => registry.find(id)?.shown.health,
    async becomes(id: string, health: InstanceHealth) {
      for (const deadline = performance.now() + 10_000; this.health(id) !== health; await delay(5))
        assert.ok(performance.now() < deadline, `${id} is ${this.health(id)}, not ${health}`);
    },
    [Symbol.dispose]: () => checker[Symbol.dispose](),
  };
}

const quick = (check: MessageInitShape<typeof HealthCheckSchema>) =>
  create(HealthCheckSchema, {
    intervalMs: 100,
    timeoutMs: 100,
    unhealthyAfter: 2,
    healthyAfter: 1,
    ...check,
  });

async function listen(server: NetServer): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("tcp: healthy while connections are taken", async () => {
  using world = createWorld();
  const server = createTcpServer((socket) => socket.destroy());
  const address = await listen(server);
  world.register("a", address, {}, { kind: { case: "tcp", value: {} } });
  await world.becomes("a", HEALTHY);
  await new Promise((resolve) => server.close(resolve));
  await world.becomes("a", UNHEALTHY);
});

test("http: healthy while the path answers with 2xx in time; what a redirect leads to is not asked", async () => {
  using world = createWorld();
  let answer: number | "silence" = 200;
  const paths = new Set<string>();
  const server = createHttpServer((request, response) => {
    paths.add(`${request.method} ${request.url}`);
    if (answer !== "silence") response.writeHead(answer, { location: "/elsewhere" }).end("x");
  });
  try {
    const address = await listen(server);
    world.register("a", address, {}, { kind: { case: "http", value: { path: "/ready?deep=1" } } });
    for (const bad of [500, 302, "silence"] as const) {
      answer = 204;
      await world.becomes("a", HEALTHY);
      answer = bad;
      await world.becomes("a", UNHEALTHY);
    }
    assert.deepEqual([...paths], ["GET /ready?deep=1"]);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

for (const isTls of [false, true]) {
  test(`grpc: healthy while the server says SERVING${isTls ? ", over TLS that the check trusts" : ""}`, async () => {
    const authority = createAuthority();
    const tls = isTls ? { ...authority.issue({ names: ["127.0.0.1"] }) } : undefined;
    let status: HealthCheckResponse_ServingStatus = HealthCheckResponse_ServingStatus.SERVING;
    const asked = new Set<string>();
    const implementation = implement(Health, {
      check({ service }) {
        asked.add(service);
        return { status };
      },
    });
    await using server = await createServer({ services: [implementation], ...(tls ? { tls } : {}) });
    using world = createWorld(isTls ? { tls: { ca: authority.cert } } : {});
    const check = { kind: { case: "grpc" as const, value: { service: "shop.v1.Orders" } } };
    world.register("a", server.address, { tls: isTls }, check);
    await world.becomes("a", HEALTHY);
    status = HealthCheckResponse_ServingStatus.NOT_SERVING;
    await world.becomes("a", UNHEALTHY);
    assert.deepEqual([...asked], ["shop.v1.Orders"]);
  });
}

test("ttl: healthy while heartbeats come", async () => {
  using world = createWorld();
  const session = world.register("a", "127.0.0.1:1", {}, { kind: { case: "ttl", value: { ttlMs: 150 } } });
  await world.becomes("a", HEALTHY);
  await world.becomes("a", UNHEALTHY);
  const beat = setInterval(() => world.registry.heartbeat(session, systemRuntime.clock.now()), 20);
  await world.becomes("a", HEALTHY);
  clearInterval(beat);
});

test("a service's check holds for its instances, static ones too, until it is taken away", async () => {
  using world = createWorld();
  const server = createTcpServer((socket) => socket.destroy());
  const address = await listen(server);
  world.register("before", address);
  world.settings.set(
    "orders",
    create(ServiceOptionsSchema, { check: quick({ kind: { case: "tcp", value: {} } }) }),
  );
  world.registry.enter(create(InstanceSchema, { id: "static", service: "orders", address }), "static");
  world.registry.enter(create(InstanceSchema, { id: "peer", service: "orders", address }), "peer");
  world.register("other", address, { service: "other" });
  await world.becomes("before", HEALTHY);
  await world.becomes("static", HEALTHY);
  assert.deepEqual([world.health("peer"), world.health("other")], [UNSPECIFIED, UNSPECIFIED]);
  world.settings.set("orders", undefined);
  assert.deepEqual([world.health("before"), world.health("static")], [UNSPECIFIED, UNSPECIFIED]);
  await new Promise((resolve) => server.close(resolve));
});

test("what is no host and port is never probed", async () => {
  using world = createWorld();
  world.register("a", "unix:/run/some.sock", {}, { kind: { case: "tcp", value: {} } });
  await world.becomes("a", UNHEALTHY);
});
