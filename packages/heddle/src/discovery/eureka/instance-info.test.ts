import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createEndpoint } from "../endpoint.ts";
import { RegistrationRefused } from "../holder.ts";
import { eurekaId, readInstanceInfo, toInstanceInfo } from "./instance-info.ts";

const LEASE = { renewMs: 30_000, durationMs: 90_000 };
const IP = { address: "ip", prefer: "plain" } as const;

/** As Spring Cloud registers one. */
const SPRING = {
  instanceId: "host-7:orders:8080",
  app: "ORDERS",
  hostName: "host-7.example",
  ipAddr: "10.0.0.7",
  status: "UP",
  overriddenStatus: "UNKNOWN",
  port: { $: 8080, "@enabled": "true" },
  securePort: { $: 443, "@enabled": "false" },
  dataCenterInfo: { "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", name: "MyOwn" },
  metadata: {
    "@class": "java.util.Collections$EmptyMap",
    zone: "eu-1a",
    version: "3",
    "management.port": "8080",
  },
  vipAddress: "orders,orders.shop",
  secureVipAddress: "orders",
  lastDirtyTimestamp: "1763729000000",
  actionType: "ADDED",
};

test("an instance that Spring registered is an endpoint under all its names", () => {
  assert.deepEqual(readInstanceInfo(SPRING, IP), {
    key: "ORDERS/host-7:orders:8080",
    names: ["ORDERS", "ORDERS.SHOP"],
    status: "UP",
    incarnation: -1n,
    lastDirtyMs: 1_763_729_000_000,
    endpoint: createEndpoint({
      id: "ORDERS/host-7:orders:8080",
      address: "10.0.0.7:8080",
      service: "orders",
      tls: false,
      zone: "eu-1a",
      version: "3",
      metadata: { zone: "eu-1a", version: "3", "management.port": "8080" },
      health: "healthy",
    }),
  });
});

test("addresses and ports: ip or host, plain or secure, numbers as texts", () => {
  const read = (change: object, how: object = {}) => {
    const endpoint = readInstanceInfo({ ...SPRING, ...change }, { ...IP, ...how })?.endpoint;
    return endpoint && { address: endpoint.address, tls: endpoint.tls };
  };
  const secure = { securePort: { $: "8443", "@enabled": true } };
  assert.deepEqual(read({}, { address: "host" }), { address: "host-7.example:8080", tls: false });
  assert.deepEqual(read(secure), { address: "10.0.0.7:8080", tls: false });
  assert.deepEqual(read(secure, { prefer: "secure" }), { address: "10.0.0.7:8443", tls: true });
  assert.deepEqual(read({ ...secure, port: { $: 8080, "@enabled": "false" } }), {
    address: "10.0.0.7:8443",
    tls: true,
  });
  assert.equal(read({ port: { $: 8080, "@enabled": "false" } }), undefined);
  assert.equal(read({ ipAddr: "", hostName: "" }), undefined);
});

test("statuses are health and draining, and Amazon's zone is a zone", () => {
  const read = (change: object) => {
    const { health, draining, zone } =
      readInstanceInfo({ ...SPRING, ...change }, IP)?.endpoint ?? assert.fail();
    return { health, draining, zone };
  };
  const zone = "eu-1a";
  assert.deepEqual(read({ status: "DOWN" }), { health: "unhealthy", draining: false, zone });
  assert.deepEqual(read({ status: "STARTING" }), { health: "unhealthy", draining: false, zone });
  assert.deepEqual(read({ status: "OUT_OF_SERVICE" }), { health: "unhealthy", draining: true, zone });
  assert.deepEqual(read({ status: "UNKNOWN" }), { health: "unknown", draining: false, zone });
  const dataCenterInfo = { name: "Amazon", metadata: { "availability-zone": "us-east-1c" } };
  assert.equal(read({ metadata: {}, dataCenterInfo }).zone, "us-east-1c");
});

test("any instance that we register is read back as it was, whatever it holds", () => {
  const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 });
  const instance = fc.record({
    id: text,
    service: fc.stringMatching(/^[a-zA-Z]{1,20}$/),
    contracts: fc.array(fc.stringMatching(/^[a-z]+\.v1\.[A-Z][a-z]+$/), { maxLength: 3 }),
    otherAddresses: fc.constantFrom([], ["10.0.0.1:80"]),
    address: fc.constantFrom("127.0.0.1:4001", "[::1]:80", "orders.internal:443"),
    weight: fc.nat(999_999),
    zone: text,
    version: text,
    health: fc.constantFrom("unknown" as const, "unhealthy" as const),
    draining: fc.boolean(),
    tls: fc.boolean(),
    metadata: fc.dictionary(
      fc.oneof(text, fc.constantFrom("zone", "version", "@class", "xml", "heddle.id")),
      text,
      {
        noNullPrototype: true,
      },
    ),
  });
  fc.assert(
    fc.property(instance, fc.bigInt({ min: 0n, max: 2n ** 63n }), (given, incarnation) => {
      const endpoint = createEndpoint(given);
      const written = JSON.parse(
        JSON.stringify(toInstanceInfo("any", endpoint, incarnation, 7, LEASE).instance),
      );
      for (const key of Object.keys(written.metadata)) assert.match(key, /^[A-Za-z_][\w.-]*$/);
      const read = readInstanceInfo(written, IP);
      assert.deepEqual(read?.endpoint, {
        ...endpoint,
        health: endpoint.health === "unhealthy" ? "unhealthy" : "healthy",
      });
      assert.equal(read?.incarnation, incarnation);
      assert.equal(read?.lastDirtyMs, 7);
      assert.deepEqual(read?.names, ["ANY"]);
    }),
  );
});

test("an id is one that may stand in a URL, and no two are the same there", () => {
  assert.equal(eurekaId("host:orders/1@a"), "host:orders~2F1@a");
  assert.equal(eurekaId("~2F é%"), "~7E2F~20~C3~A9~25");
});

test("only addresses of hosts can be registered", () => {
  const endpoint = createEndpoint({ service: "s", address: "unix:/run/x" });
  assert.throws(() => toInstanceInfo("s", endpoint, 1n, 1, LEASE), RegistrationRefused);
});
