import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { createEndpoint, type Endpoint } from "../endpoint.ts";
import { RegistrationRefused } from "../holder.ts";
import { createCuratorLayout } from "./curator-layout.ts";
import type { Layout } from "./layout.ts";
import { basePath, pathOfName } from "./node-path.ts";
import { serversetLayout } from "./serverset-layout.ts";

const curator = createCuratorLayout({ springPayload: false, registeredAtMs: 1_700_000_000_000 });
const full = createEndpoint({
  id: "orders-1",
  address: "[::1]:4001",
  otherAddresses: ["10.0.0.1:4001"],
  service: "orders",
  contracts: ["shop.v1.OrderService"],
  protocols: ["grpc", "connect"],
  tls: true,
  weight: 3,
  zone: "eu-west-1a",
  version: "1.2.3",
  metadata: { team: "shop", id: "kept", name: "kept too", empty: "" },
});

const text = fc.string({ unit: fc.constantFrom("a", "Z", "0", "-", "_", ".", " ", "ß", "€", "👍") });
const name = fc.string({ unit: fc.constantFrom("a", "b", "Z", "0", "-", "_"), minLength: 1 });
const instance = fc
  .record({
    id: name,
    address: fc.constantFrom("10.0.0.1:80", "[::1]:81", "host.example:65535"),
    otherAddresses: fc.array(fc.constantFrom("10.0.0.2:80", "unix:/run/a.sock"), { maxLength: 2 }),
    service: name,
    contracts: fc.array(name, { maxLength: 3 }),
    protocols: fc.subarray(["grpc", "grpc-web", "connect"]),
    weight: fc.integer({ min: 0, max: 1_000 }),
    zone: text,
    version: text,
    draining: fc.boolean(),
    metadata: fc.dictionary(text, text),
  })
  .map((fields) => createEndpoint({ ...fields, metadata: { ...fields.metadata } }));

for (const [layoutName, layout] of [
  ["curator", curator],
  ["serverset", serversetLayout],
] as [string, Layout][])
  suite(layoutName, () => {
    test("what is written is read again", () => {
      fc.assert(
        fc.property(instance, fc.bigInt({ min: 0n, max: 2n ** 63n }), (written: Endpoint, incarnation) => {
          const read = layout.read("member_1", layout.write(written, "orders", incarnation), "orders");
          assert.deepEqual(read, { endpoint: written, incarnation });
        }),
      );
    });

    test("reads anything without surprise", () => {
      fc.assert(
        fc.property(fc.oneof(fc.json().map(Buffer.from), fc.uint8Array().map(Buffer.from)), (data) => {
          try {
            layout.read("member_1", data, "orders");
          } catch (error) {
            assert.ok(error instanceof Error && !(error instanceof TypeError), String(error));
          }
        }),
      );
    });
  });

suite("Curator's layout", () => {
  test("is what Curator's serializer reads", () => {
    assert.equal(curator.nodeOf(full), "orders-1");
    const { payload, uriSpec, ...fields } = JSON.parse(
      String(curator.write(full, "shop.v1.OrderService", 7n)),
    );
    assert.deepEqual(fields, {
      name: "shop.v1.OrderService",
      id: "orders-1",
      address: "::1",
      port: 4001,
      sslPort: 4001,
      registrationTimeUTC: 1_700_000_000_000,
      serviceType: "DYNAMIC",
    });
    assert.equal(payload.metadata["heddle.incarnation"], "7");
    assert.equal(payload.metadata.team, "shop");
    assert.equal(
      uriSpec.parts.map(({ value }: { value: string }) => value).join(""),
      "scheme://address:port",
    );
  });

  test("names Spring's class only when it is asked to, and enabled only when draining", () => {
    assert.equal("@class" in JSON.parse(String(curator.write(full, "orders", 1n))).payload, false);
    const spring = createCuratorLayout({ springPayload: true, registeredAtMs: 0 });
    const written = JSON.parse(String(spring.write({ ...full, draining: true }, "orders", 1n)));
    assert.equal(
      written.payload["@class"],
      "org.springframework.cloud.zookeeper.discovery.ZookeeperInstance",
    );
    assert.equal(written.enabled, false);
  });

  test("reads what Spring writes", () => {
    const data = Buffer.from(
      JSON.stringify({
        name: "cart",
        id: "6f2f",
        address: "cart-7",
        port: 8004,
        sslPort: null,
        payload: {
          "@class": "org.springframework.cloud.zookeeper.discovery.ZookeeperInstance",
          id: "application-1",
          name: "cart",
          metadata: { zone: "b" },
        },
        registrationTimeUTC: 1_642_376_683_503,
        serviceType: "DYNAMIC",
        uriSpec: { parts: [] },
      }),
    );
    assert.deepEqual(curator.read("6f2f", data, "cart"), {
      incarnation: undefined,
      endpoint: createEndpoint({
        id: "6f2f",
        address: "cart-7:8004",
        service: "cart",
        metadata: { zone: "b" },
      }),
    });
  });

  test("reads flat payloads, none at all, only a TLS port, and what is not enabled", () => {
    const read = (fields: object) =>
      curator.read("n", Buffer.from(JSON.stringify({ id: "i", address: "h", port: 1, ...fields })), "s")
        ?.endpoint;
    assert.deepEqual(read({ payload: { role: "main", count: 3 } })?.metadata, { role: "main" });
    assert.deepEqual(read({ payload: null })?.metadata, {});
    assert.deepEqual(read({ payload: "text" })?.metadata, {});
    assert.equal(read({ port: null, sslPort: 8443 })?.tls, true);
    assert.equal(read({ port: null, sslPort: 8443 })?.address, "h:8443");
    assert.equal(read({ sslPort: 8443 })?.tls, undefined);
    assert.equal(read({ enabled: false })?.draining, true);
    assert.throws(() => read({ port: 70_000 }), /make no sense/);
    assert.throws(() => read({ port: null }), /make no sense/);
    assert.equal(curator.read("archive", Buffer.alloc(0), "s"), undefined);
  });

  test("holds addresses without a port, and ids with a slash", () => {
    const local = createEndpoint({ id: "a/1%", address: "unix:/run/a.sock", service: "s" });
    assert.equal(curator.nodeOf(local), "a%2F1%25");
    assert.deepEqual(curator.read("a%2F1%25", curator.write(local, "s", 1n), "s")?.endpoint, local);
    assert.throws(() => curator.nodeOf(createEndpoint({ id: "..", address: "a:1" })), RegistrationRefused);
  });
});

suite("serversets", () => {
  test("are what Finagle and Prometheus read", () => {
    const { metadata, ...fields } = JSON.parse(String(serversetLayout.write(full, "orders", 7n)));
    assert.deepEqual(fields, {
      serviceEndpoint: { host: "::1", port: 4001 },
      additionalEndpoints: {},
      status: "ALIVE",
    });
    assert.equal(metadata["heddle.id"], "orders-1");
    assert.equal(
      JSON.parse(String(serversetLayout.write({ ...full, draining: true }, "o", 1n))).status,
      "STOPPING",
    );
  });

  test("are read as others write them: a shard, other endpoints, other states", () => {
    const read = (node: string, fields: object) =>
      serversetLayout.read(
        node,
        Buffer.from(
          JSON.stringify({
            serviceEndpoint: { host: "h", port: 3457 },
            additionalEndpoints: { admin: { host: "h", port: 9990 } },
            status: "ALIVE",
            ...fields,
          }),
        ),
        "ids",
      )?.endpoint;
    assert.deepEqual(
      read("member_0000000003", { shard: 3 }),
      createEndpoint({
        id: "member_0000000003",
        address: "h:3457",
        service: "ids",
        metadata: { shard: "3" },
      }),
    );
    assert.equal(read("member_1", { status: "DEAD" }), undefined);
    assert.equal(read("member_1", { status: "STOPPING" })?.draining, true);
    assert.equal(read("vector_1", {}), undefined);
    assert.throws(() => read("member_1", { serviceEndpoint: { host: "h" } }), /no address/);
    assert.throws(() => serversetLayout.read("member_1", Buffer.from("[1]"), "ids"), /no JSON object/);
  });

  test("hold no addresses without a port", () => {
    const local = createEndpoint({ id: "a", address: "unix:/run/a.sock" });
    assert.throws(() => serversetLayout.write(local, "s", 1n), RegistrationRefused);
  });
});

test("paths have no empty parts, dots or control characters", () => {
  assert.equal(pathOfName("/services", "orders"), "/services/orders");
  assert.equal(pathOfName("", "prod/orders"), "/prod/orders");
  for (const bad of ["", "/a", "a//b", "a/", "..", "a/./b", "a\0b", "a\u{fff0}"])
    assert.equal(pathOfName("/services", bad), undefined, bad);
  assert.equal(basePath("", "services"), "/services");
  assert.equal(basePath("/a/b/", "/"), "/a/b");
  assert.equal(basePath("", ""), "");
  assert.equal(basePath("a", ".."), undefined);
});
