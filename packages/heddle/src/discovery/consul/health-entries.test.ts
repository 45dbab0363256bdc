import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createEndpoint } from "../endpoint.ts";
import { RegistrationRefused } from "../holder.ts";
import { readHealthEntries } from "./health-entries.ts";
import { serviceId, toServiceDefinition } from "./service-definition.ts";

const PASSING = [{ CheckID: "serfHealth", Status: "passing" }];

const OPTIONS = {
  check: "ttl",
  ttlMs: 15_000,
  checkIntervalMs: 5_000,
  deregisterAfterMs: 60_000,
  tags: ["a"],
} as const;

/** What an agent makes of a definition, as it answers a query for its health. */
function entryOf(definition: object, checks: unknown = PASSING) {
  return { Node: { Node: "n1", Address: "10.0.0.1", Meta: {} }, Service: definition, Checks: checks };
}

test("a service that another program registered is an endpoint, with what Consul says of it", () => {
  const entry = {
    Node: { Node: "n1", Address: "10.0.0.1", Meta: { zone: "eu-1a" } },
    Service: {
      ID: "web-1",
      Service: "web",
      Tags: ["x"],
      Address: "",
      Port: 8080,
      Meta: { version: "1.2", secure: "true", team: "shop" },
      Weights: { Passing: 10, Warning: 2 },
    },
    Checks: [...PASSING, { CheckID: "service:web-1", Status: "warning" }],
  };
  assert.deepEqual(readHealthEntries([entry]), [
    createEndpoint({
      id: "n1/web-1",
      address: "10.0.0.1:8080",
      service: "web",
      tls: true,
      weight: 2,
      zone: "eu-1a",
      version: "1.2",
      metadata: { version: "1.2", secure: "true", team: "shop" },
      health: "healthy",
    }),
  ]);
});

test("checks are mapped: critical, maintenance, none at all", () => {
  const service = { ID: "a", Service: "s", Port: 1, Address: "::1" };
  const read = (checks: unknown) => {
    const [{ health, draining, address } = assert.fail()] = readHealthEntries([entryOf(service, checks)]);
    assert.equal(address, "[::1]:1");
    return { health, draining };
  };
  const critical = [
    { CheckID: "c", Status: "critical" },
    { CheckID: "d", Status: "warning" },
  ];
  assert.deepEqual(read(critical), { health: "unhealthy", draining: false });
  const maintenance = [{ CheckID: "_service_maintenance:a", Status: "critical" }];
  assert.deepEqual(read(maintenance), { health: "unhealthy", draining: true });
  assert.deepEqual(read([]), { health: "unknown", draining: false });
  assert.deepEqual(read(PASSING), { health: "healthy", draining: false });
});

test("any instance that we register is read back as it was, under each of its names", () => {
  const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 });
  const instance = fc.record({
    id: text,
    service: fc.stringMatching(/^[a-z]{1,20}$/),
    contracts: fc.array(fc.stringMatching(/^[a-z]+\.v1\.[A-Z][a-z]+$/), { maxLength: 3 }),
    address: fc.constantFrom("127.0.0.1:4001", "[::1]:80", "orders.internal:443", "unix:/run/orders.sock"),
    weight: fc.oneof(fc.nat(200), fc.nat(999_999)),
    zone: text,
    version: text,
    draining: fc.boolean(),
    tls: fc.boolean(),
    metadata: fc.dictionary(text, text, { maxKeys: 20, noNullPrototype: true }),
  });
  fc.assert(
    fc.property(instance, (given) => {
      const endpoint = createEndpoint({ ...given, protocols: ["grpc"] });
      const definition = toServiceDefinition("any", endpoint, 5n, OPTIONS);
      assert.ok(definition.Weights.Passing >= 1 && definition.Weights.Passing <= 65_535);
      const [read] = readHealthEntries([entryOf({ ...definition, Service: "any" })]);
      assert.deepEqual(read, { ...endpoint, health: "healthy" });
    }),
  );
});

test("of an instance at two agents the newer counts, then the living, then what was written last", () => {
  const instance = createEndpoint({ id: "a", service: "s", address: "h:1" });
  const at = (address: string, incarnation: bigint, status = "passing", ModifyIndex = 7) => {
    const definition = toServiceDefinition("s", { ...instance, address }, incarnation, OPTIONS);
    return entryOf({ ...definition, Service: "s", ModifyIndex }, [{ CheckID: "x", Status: status }]);
  };
  const read = (...entries: unknown[]) => readHealthEntries(entries).map(({ address }) => address);
  assert.deepEqual(read(at("h:1", 1n), at("h:2", 2n)), ["h:2"]);
  assert.deepEqual(read(at("h:2", 2n), at("h:1", 1n)), ["h:2"]);
  assert.deepEqual(read(at("h:1", 2n, "critical"), at("h:2", 2n)), ["h:2"]);
  assert.deepEqual(read(at("h:2", 2n), at("h:1", 2n, "critical", 8)), ["h:2"]);
  assert.deepEqual(read(at("h:1", 2n), at("h:2", 2n, "passing", 8)), ["h:2"]);
  assert.deepEqual(read(at("h:2", 2n, "passing", 8), at("h:1", 2n)), ["h:2"]);
});

test("no answer whatever breaks the reader, and a sound entry among broken ones is found", () => {
  const sound = entryOf({ ID: "a", Service: "s", Port: 1 });
  const keys = fc.constantFrom(
    "Service",
    "Node",
    "Checks",
    "Meta",
    "Port",
    "Address",
    "Weights",
    "ID",
    "Locality",
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(null, true, -1, 0, 99_999, 1.5, "", "x", "heddle-id"),
      fc.array(tie("tree"), { maxLength: 3 }),
      fc.dictionary(keys, tie("tree"), { maxKeys: 5 }),
    ),
  }));
  fc.assert(
    fc.property(fc.array(tree), (broken) => {
      assert.ok(readHealthEntries([...broken, sound]).some(({ id }) => id === "n1/a"));
    }),
  );
  assert.throws(() => readHealthEntries({}), /no list/);
});

test("what Consul can't hold is refused with the reason", () => {
  const define = (fields: Parameters<typeof createEndpoint>[0]) =>
    toServiceDefinition("s", createEndpoint({ service: "s", ...fields }), 1n, OPTIONS);
  assert.throws(() => define({ address: "memory:x" }), RegistrationRefused);
  const metadata = Object.fromEntries(Array.from({ length: 70 }, (_, index) => [`k${index}`, "v"]));
  assert.throws(
    () => define({ address: "h:1", metadata }),
    /64 pairs of metadata, and this instance needs 73/,
  );
});

test("a definition carries the check that was chosen", () => {
  const instance = createEndpoint({ id: "i", service: "s", address: "h:1", tls: true });
  const check = (kind: "ttl" | "grpc" | "tcp" | "none") =>
    toServiceDefinition("s", instance, 9n, { ...OPTIONS, check: kind }).Checks[0];
  const common = {
    CheckID: `heddle:${serviceId("s", instance)}:9`,
    Status: "passing",
    DeregisterCriticalServiceAfter: "60000ms",
  };
  const made = { Interval: "5000ms", Timeout: "5000ms" };
  assert.deepEqual(check("ttl"), { ...common, Name: "Heddle ttl", TTL: "15000ms" });
  assert.deepEqual(check("grpc"), { ...common, ...made, Name: "Heddle grpc", GRPC: "h:1", GRPCUseTLS: true });
  assert.deepEqual(check("tcp"), { ...common, ...made, Name: "Heddle tcp", TCP: "h:1" });
  assert.equal(check("none"), undefined);
});
