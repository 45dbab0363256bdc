import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type Instance,
  InstanceFilterSchema,
  InstanceHealth,
  InstanceSchema,
} from "../../gen/heddle/registry/v1/registry_pb.ts";
import { createInstanceMatch } from "./instance-filter.ts";
import { createRegistry } from "./registry.ts";

const instance = (id: string, fields: MessageInitShape<typeof InstanceSchema> = {}): Instance =>
  create(InstanceSchema, { id, service: "orders", address: "127.0.0.1:1", ...fields });

const filter = (fields: MessageInitShape<typeof InstanceFilterSchema>) =>
  create(InstanceFilterSchema, fields);

test("every condition that is given must hold", () => {
  const one = instance("a", { zone: "z", version: "1", contracts: ["x.Y"], metadata: { k: "v", l: "" } });
  const cases: [MessageInitShape<typeof InstanceFilterSchema>, boolean][] = [
    [{}, true],
    [{ zone: "z" }, true],
    [{ zone: "y" }, false],
    [{ version: "1", contract: "x.Y", metadata: { k: "v", l: "" } }, true],
    [{ contract: "x" }, false],
    [{ metadata: { k: "w" } }, false],
    [{ metadata: { toString: "" } }, false],
    [{ zone: "z", version: "2" }, false],
    [{ healthyOnly: true }, true],
  ];
  for (const [fields, expected] of cases)
    assert.equal(createInstanceMatch(filter(fields)).matches(one), expected, JSON.stringify(fields));
  for (const fields of [{ draining: true }, { health: InstanceHealth.UNHEALTHY }])
    assert.equal(createInstanceMatch(filter({ healthyOnly: true })).matches(instance("b", fields)), false);
});

test("filters that mean the same have the same key, and out of bounds they are refused by field", () => {
  const key = (fields: MessageInitShape<typeof InstanceFilterSchema>) =>
    createInstanceMatch(filter(fields)).key;
  assert.equal(key({}), "");
  assert.equal(createInstanceMatch(undefined).key, "");
  assert.equal(key({ metadata: { a: "1", b: "2" } }), key({ metadata: { b: "2", a: "1" } }));
  assert.notEqual(key({ zone: "1" }), key({ version: "1" }));
  assert.throws(() => key({ zone: "z".repeat(2_000) }), /filter\.zone: longer/);
  const many = Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`k${n}`, ""]));
  assert.throws(() => key({ metadata: many }), /filter\.metadata: more than 16/);
});

test("a filtered watcher is told of what matches, comes to match and no longer does, and of nothing else", () => {
  const registry = createRegistry({ epoch: "e", startedAtMs: 0, warmUpMs: 0 });
  registry.register(instance("a", { zone: "z" }), 0);
  registry.register(instance("b", { zone: "y" }), 0);
  let woken = 0;
  const inZone = registry.watch("orders", () => woken++, filter({ zone: "z", healthyOnly: true }));
  const first = inZone.take();
  assert.ok(first?.kind === "snapshot" && first.instances.map(({ id }) => id).join() === "a");
  registry.register(instance("c", { zone: "y" }), 0);
  registry.deregister("b", 0n);
  assert.deepEqual([woken, inZone.take()], [0, undefined]);
  registry.register(instance("c", { zone: "z" }), 0);
  registry.setHealth("a", InstanceHealth.UNHEALTHY);
  const second = inZone.take();
  assert.ok(second?.kind === "delta");
  assert.deepEqual([second.upserted.map(({ id }) => id), second.removed], [["c"], ["a"]]);
  assert.equal(second.previousRevision, first.revision);
  registry.setHealth("a", InstanceHealth.HEALTHY);
  registry.drain("c", 0n, true);
  const third = inZone.take();
  assert.ok(third?.kind === "delta");
  assert.deepEqual([third.upserted.map(({ id }) => id), third.removed], [["a"], ["c"]]);
  assert.deepEqual(
    registry.list("orders", filter({ zone: "z", healthyOnly: true })).instances.map(({ id }) => id),
    ["a"],
  );
  inZone.close();
  assert.deepEqual(
    registry
      .list("", filter({ zone: "z" }))
      .instances.map(({ id }) => id)
      .toSorted(),
    ["a", "c"],
  );
});
