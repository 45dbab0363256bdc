import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { createEndpoint, endpointsEqual } from "../../discovery/endpoint.ts";
import {
  GrpcCheckSchema,
  HttpCheckSchema,
  InstanceHealth,
  InstanceSchema,
  TtlCheckSchema,
} from "../../gen/heddle/registry/v1/registry_pb.ts";
import { checkInstance } from "../plane/instance-check.ts";
import { toEndpoint, toHealthCheck, toInstance } from "./instance.ts";

const name = fc.stringMatching(/^[a-z][a-z0-9.-]{0,20}$/);
const address = fc.oneof(
  fc.tuple(name, fc.integer({ min: 1, max: 65_535 })).map(([host, port]) => `${host}:${port}`),
  name.map((path) => `unix:/run/${path}`),
);

test("an endpoint comes back from the wire as it went; of its health only what is bad", () => {
  const endpoint = fc
    .record(
      {
        id: name,
        address,
        otherAddresses: fc.array(address, { maxLength: 8 }),
        service: name,
        contracts: fc.array(name, { maxLength: 3 }),
        protocols: fc.array(fc.constantFrom("grpc", "grpc-web", "connect"), { maxLength: 3 }),
        tls: fc.boolean(),
        weight: fc.nat({ max: 1_000_000 }),
        zone: name,
        version: name,
        metadata: fc.dictionary(name, fc.string(), { noNullPrototype: true }),
        draining: fc.boolean(),
        health: fc.constantFrom("unknown", "healthy", "unhealthy"),
      },
      { requiredKeys: ["id", "address", "service"] },
    )
    .map(createEndpoint);
  fc.assert(
    fc.property(endpoint, (sent) => {
      const instance = toInstance(sent, 7n);
      checkInstance(instance);
      const received = fromBinary(InstanceSchema, toBinary(InstanceSchema, instance));
      const health = sent.health === "unhealthy" ? sent.health : "unknown";
      assert.ok(endpointsEqual(toEndpoint(received), { ...sent, health }));
      assert.equal(received.incarnation, 7n);
    }),
  );
});

test("health is what the registry says, and unknown where it says something new", () => {
  const instance = toInstance(createEndpoint({ address: "127.0.0.1:1", service: "s" }), 1n);
  const health = (value: number) => toEndpoint({ ...instance, health: value as InstanceHealth }).health;
  assert.equal(health(InstanceHealth.HEALTHY), "healthy");
  assert.equal(health(InstanceHealth.UNHEALTHY), "unhealthy");
  assert.equal(health(InstanceHealth.UNSPECIFIED), "unknown");
  assert.equal(health(99), "unknown");
});

test("what an instance wants to be checked by is said in the registry's words", () => {
  const { unhealthyAfter, ...rest } = toHealthCheck({ kind: "http", intervalMs: 500, unhealthyAfter: 2 });
  assert.deepEqual([rest.kind.case, rest.kind.value], ["http", create(HttpCheckSchema, { path: "/readyz" })]);
  assert.deepEqual([rest.intervalMs, rest.timeoutMs, unhealthyAfter], [500, 0, 2]);
  const grpc = toHealthCheck({ kind: "grpc", service: "shop.v1.OrderService" });
  assert.deepEqual(grpc.kind.value, create(GrpcCheckSchema, { service: "shop.v1.OrderService" }));
  assert.equal(toHealthCheck({ kind: "tcp" }).kind.case, "tcp");
  assert.deepEqual(
    toHealthCheck({ kind: "ttl", ttlMs: 700 }).kind.value,
    create(TtlCheckSchema, { ttlMs: 700 }),
  );
});

test("addresses and protocols have bounds", () => {
  const refused = (fields: Partial<ReturnType<typeof createEndpoint>>, reason: RegExp) =>
    assert.throws(
      () => checkInstance(toInstance(createEndpoint({ address: "h:1", service: "s", ...fields }), 1n)),
      reason,
    );
  refused({ otherAddresses: ["nowhere"] }, /other_addresses "nowhere": it is not host:port/);
  refused({ otherAddresses: Array(9).fill("h:2") }, /other_addresses: more than 8/);
  refused({ protocols: Array(17).fill("grpc") }, /protocols: more than 16/);
  refused({ protocols: ["a b"] }, /protocols: contains white space/);
});
