import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createEndpoint } from "../endpoint.ts";
import { isServicesName, parseServicesText } from "./parse-text.ts";
import { instanceFileText } from "./services-file.ts";

test("a services file gives every instance with what its service says for all", async () => {
  const yaml = `
services:
  orders:
    contracts: [shop.v1.OrderService]
    protocols: [grpc, connect]
    instances:
      - 10.0.0.1:4001
      - { id: second, address: "[::1]:4001", weight: 3, zone: a, version: "1.10", metadata: { rack: "7" }, draining: true }
  payments: ["10.0.0.9:1"]
`;
  const { instances, ttlMs } = await parseServicesText(yaml, "services.yaml");
  assert.equal(ttlMs, undefined);
  const common = { service: "orders", contracts: ["shop.v1.OrderService"], protocols: ["grpc", "connect"] };
  assert.deepEqual(instances, [
    createEndpoint({ ...common, address: "10.0.0.1:4001" }),
    createEndpoint({
      ...common,
      id: "second",
      address: "[::1]:4001",
      weight: 3,
      zone: "a",
      version: "1.10",
      metadata: { rack: "7" },
      draining: true,
    }),
    createEndpoint({ service: "payments", address: "10.0.0.9:1" }),
  ]);
});

test("Prometheus' target groups are read: the label service or job names the service", async () => {
  const groups = [
    {
      targets: ["10.0.0.1:80", "10.0.0.2:80"],
      labels: { job: "orders", zone: "a", team: "shop", __scheme__: "http" },
    },
    { targets: ["10.0.0.3:80"], labels: { job: "x", service: "payments" } },
  ];
  const { instances } = await parseServicesText(JSON.stringify(groups), "sd.json");
  assert.deepEqual(
    instances.map(({ service, address, zone, metadata }) => [service, address, zone, { ...metadata }]),
    [
      ["orders", "10.0.0.1:80", "a", { team: "shop" }],
      ["orders", "10.0.0.2:80", "a", { team: "shop" }],
      ["payments", "10.0.0.3:80", undefined, {}],
    ],
  );
});

test("a fault tells file, line and field", async () => {
  const faults: readonly [name: string, text: string, message: RegExp][] = [
    ["a.json", '{"services": ', /^a\.json: .*JSON/],
    ["a.yaml", "services:\n\torders: 1", /^a\.yaml: .*line 2/],
    ["a.json", "[1]", /^a\.json:1: \[0\]: it must be an object with "targets"$/],
    ["a.json", '{\n"servces": {}}', /^a\.json:1: .*did you mean "services"\?$/],
    [
      "a.json",
      '{"services":{\n"orders":{\n"instances":[{\n"adress":"a:1"}]}}}',
      /^a\.json:4: services\.orders\.instances\[0\]\.adress: there is no such field; did you mean "address"\?$/,
    ],
    [
      "a.json",
      '{"services":{\n"orders":[\n"a:1",\n"a"]}}',
      /^a\.json:4: services\.orders\[1\]: "a": it is not host:port/,
    ],
    [
      "a.json",
      '{"services":{"orders":[\n"a:1",\n"a:1"]}}',
      /^a\.json:3: services\.orders\[1\]: another instance has the id "a:1" too$/,
    ],
    [
      "a.yaml",
      "services:\n  orders:\n    - address: a:1\n      version: 1.2",
      /^a\.yaml:4: services\.orders\[0\]\.version: it must be text: put it in quotes$/,
    ],
    [
      "a.yaml",
      "services:\n  orders:\n    - weight: 1",
      /^a\.yaml:3: services\.orders\[0\]\.address: it is missing$/,
    ],
    [
      "a.json",
      '{"services":{"orders":[{"address":"a:1","weight":-1}]}}',
      /weight: it must be a whole number, 0 or more$/,
    ],
    ["a.json", "null", /^a\.json:1: it must be an object with "services"/],
  ];
  for (const [name, text, message] of faults)
    await assert.rejects(parseServicesText(text, name), { message });
});

test("the file of one instance says all that the instance says", async () => {
  const words = fc.string({ minLength: 1, maxLength: 8, unit: "grapheme" });
  const endpoint = fc.record(
    {
      id: words,
      address: fc.constantFrom("10.0.0.1:1", "[::1]:4001", "unix:/run/a.sock"),
      otherAddresses: fc.array(fc.constantFrom("10.0.0.1:1", "h:2")),
      service: words,
      contracts: fc.array(words),
      protocols: fc.array(words),
      tls: fc.boolean(),
      weight: fc.nat(),
      zone: words,
      version: words,
      metadata: fc.dictionary(words, fc.string(), { noNullPrototype: true }),
      health: fc.constantFrom("unknown" as const, "healthy" as const, "unhealthy" as const),
      draining: fc.boolean(),
    },
    { requiredKeys: ["address"], noNullPrototype: true },
  );
  await fc.assert(
    fc.asyncProperty(endpoint, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), async (fields, incarnation) => {
      const instance = createEndpoint(fields);
      const read = await parseServicesText(instanceFileText(instance, incarnation, 15_000), "one.json");
      assert.deepEqual(read, { instances: [instance], incarnation, ttlMs: 15_000 });
    }),
    { numRuns: 200 },
  );
});

test("whatever stands in a file, it is read or refused with an error that names the file", async () => {
  const shaped = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 6 },
      fc.string(),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie("tree"), { maxLength: 3 }),
      fc.dictionary(
        fc.constantFrom(
          "services",
          "instance",
          "instances",
          "address",
          "targets",
          "labels",
          "ttlMs",
          "__proto__",
          "x",
        ),
        tie("tree"),
        { maxKeys: 4 },
      ),
    ),
  })).tree;
  const text = fc.oneof(
    shaped.map((value) => JSON.stringify(value)),
    fc.string({ unit: "binary" }),
  );
  await fc.assert(
    fc.asyncProperty(text, fc.constantFrom("f.json", "f.yaml"), async (content, name) => {
      try {
        const { instances } = await parseServicesText(content, name);
        for (const { address } of instances) assert.equal(typeof address, "string");
      } catch (error) {
        assert.ok((error as Error).message.startsWith(name), (error as Error).message);
      }
    }),
    { numRuns: 400 },
  );
});

test("a long file takes time in proportion, a name that stands twice is told, and YAML without end is refused", async () => {
  const yaml = (count: number) =>
    `services:\n${Array.from({ length: count }, (_, index) => `  s${index}: [10.0.0.1:1]`).join("\n")}`;
  await parseServicesText(yaml(2_000), "warm.yaml");
  const startedAt = performance.now();
  assert.equal((await parseServicesText(yaml(20_000), "long.yaml")).instances.length, 20_000);
  // Every key against every other one took 20 s.
  assert.ok(performance.now() - startedAt < 10_000);
  await assert.rejects(
    parseServicesText("services:\n  a: [10.0.0.1:1]\n  b: []\n  a: []\n", "twice.yaml"),
    /twice\.yaml: "a" stands twice in one map, at line 4 again/,
  );
  await assert.rejects(parseServicesText(`# ${"x".repeat(3e6)}`, "endless.yaml"), /takes too long to read/);
  const levels = Array.from(
    "bcdefgh",
    (name, level) => `${name}: &${name} [${Array(9).fill(`*${"abcdefgh"[level]}`).join()}]`,
  );
  await assert.rejects(parseServicesText(`a: &a [x]\n${levels.join("\n")}`, "bomb.yaml"), /alias/);
});

test("editors' temporary files are no services files", () => {
  for (const name of ["a.json", "b.yaml", "c.yml", "orders-1%3A4001.json"])
    assert.ok(isServicesName(name), name);
  for (const name of [
    ".a.json.swp",
    ".a.json",
    "a.json~",
    "#a.json#",
    "~a.json",
    "4913",
    "a.json.tmp",
    "README.md",
  ])
    assert.ok(!isServicesName(name), name);
});
