import assert from "node:assert/strict";
import { test } from "node:test";
import { clone, create, equals, type MessageInitShape } from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { type Instance, InstanceSchema } from "../../gen/heddle/registry/v1/registry_pb.ts";
import { sameInstance } from "./same-instance.ts";

const one = (): Instance =>
  create(InstanceSchema, { id: "a", contracts: ["x", "y"], metadata: { k: "v", l: "w" }, weight: 1 });

test("a difference in any field of the contract is a difference", () => {
  const others: Record<string, unknown> = {
    ...Object.fromEntries(["id", "service", "address", "zone", "version"].map((name) => [name, "other"])),
    ...Object.fromEntries(["contracts", "protocols", "otherAddresses"].map((name) => [name, ["other"]])),
    weight: 2,
    metadata: { k: "v", l: "x" },
    draining: true,
    incarnation: 7n,
    tls: false,
    health: 1,
    origin: 1,
  };
  assert.deepEqual(
    InstanceSchema.fields.map(({ localName }) => localName).toSorted(),
    Object.keys(others).toSorted(),
    "the contract has grown: compare the new field too",
  );
  for (const [name, value] of Object.entries(others)) {
    const changed = Object.assign(clone(InstanceSchema, one()), { [name]: value });
    assert.equal(sameInstance(one(), changed), false, name);
  }
});

test("it agrees with protobuf-es", () => {
  const word = fc.constantFrom("", "a", "b");
  const fields: fc.Arbitrary<MessageInitShape<typeof InstanceSchema>> = fc.record({
    id: word,
    zone: word,
    contracts: fc.array(word, { maxLength: 2 }),
    metadata: fc.dictionary(fc.constantFrom("a", "b", "toString"), word, { maxKeys: 2 }),
    weight: fc.constantFrom(0, 1),
  });
  fc.assert(
    fc.property(fields, fields, (a, b) => {
      const [left, right] = [create(InstanceSchema, a), create(InstanceSchema, b)];
      assert.equal(sameInstance(left, right), equals(InstanceSchema, left, right));
      assert.ok(sameInstance(left, clone(InstanceSchema, left)));
    }),
  );
});
