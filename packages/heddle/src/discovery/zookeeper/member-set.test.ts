import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createEndpoint } from "../endpoint.ts";
import { createMemberSet, type MemberOfNode } from "./member-set.ts";

const member = (id: string, createdZxid: number): MemberOfNode => ({
  endpoint: createEndpoint({ id, address: `10.0.0.1:${createdZxid}` }),
  incarnation: undefined,
  createdZxid: BigInt(createdZxid),
});

test("of two nodes with one id the younger counts, and the older one is back when that goes", () => {
  const set = createMemberSet();
  set.put("member_1", member("a", 1));
  set.put("member_2", member("a", 2));
  assert.deepEqual(
    set.endpoints().map(({ address }) => address),
    ["10.0.0.1:2"],
  );
  set.put("member_1", member("a", 1));
  assert.deepEqual(
    set.takeChanges().upserted.map(({ address }) => address),
    ["10.0.0.1:2"],
  );
  set.put("member_2", undefined);
  assert.deepEqual(
    set.takeChanges().upserted.map(({ address }) => address),
    ["10.0.0.1:1"],
  );
  set.put("member_1", undefined);
  assert.deepEqual(set.takeChanges(), { upserted: [], removed: ["a"] });
});

test("changes lead from one list of endpoints to the next", () => {
  const step = fc.record({
    node: fc.constantFrom("n1", "n2", "n3", "n4"),
    member: fc.option(
      fc.record({ id: fc.constantFrom("a", "b", "c"), zxid: fc.integer({ min: 1, max: 9 }) }),
    ),
  });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const set = createMemberSet();
      const followed = new Map<string, string>();
      for (const { node, member: said } of steps) {
        set.put(node, said === null ? undefined : member(said.id, said.zxid));
        const { upserted, removed } = set.takeChanges();
        for (const { id, address } of upserted) followed.set(id, address);
        for (const id of removed) followed.delete(id);
        const listed = new Map(set.endpoints().map(({ id, address }) => [id, address]));
        assert.deepEqual(Object.fromEntries(followed), Object.fromEntries(listed));
      }
    }),
  );
});
