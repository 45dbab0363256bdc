import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { createEndpoint, type Endpoint } from "./endpoint.ts";
import { createEndpointSet } from "./endpoint-set.ts";
import type { ResolverDelta, ResolverSnapshot } from "./resolver.ts";

const at = (id: string, fields: Partial<Endpoint> = {}) => createEndpoint({ id, address: "a:1", ...fields });

const snapshot = (endpoints: Endpoint[], fields: Partial<ResolverSnapshot> = {}): ResolverSnapshot => ({
  kind: "snapshot",
  epoch: "e",
  revision: 1n,
  endpoints,
  complete: true,
  ...fields,
});

const delta = (previousRevision: bigint, fields: Partial<ResolverDelta>): ResolverDelta => ({
  kind: "delta",
  revision: previousRevision + 1n,
  previousRevision,
  upserted: [],
  removed: [],
  ...fields,
});

const ids = (endpoints: readonly Endpoint[]) => endpoints.map((endpoint) => endpoint.id);

test("a snapshot is applied as a difference", () => {
  const set = createEndpointSet();
  assert.deepEqual(ids(set.apply(snapshot([at("a"), at("b"), at("c")])).added), ["a", "b", "c"]);
  const unchanged = set.endpoints.get("a");
  const change = set.apply(snapshot([at("a"), at("b", { weight: 2 }), at("d")], { epoch: "another" }));
  assert.deepEqual([ids(change.added), ids(change.changed), ids(change.removed)], [["d"], ["b"], ["c"]]);
  assert.equal(set.endpoints.get("a"), unchanged);
  assert.equal(set.endpoints.get("b")?.weight, 2);
});

test("an incomplete snapshot removes nothing, the complete one after it does", () => {
  const set = createEndpointSet();
  set.apply(snapshot([at("a"), at("b")], { epoch: "before" }));
  assert.deepEqual(ids(set.apply(snapshot([], { complete: false })).removed), []);
  assert.deepEqual(ids(set.apply(delta(1n, { upserted: [at("a", { weight: 3 })] })).changed), ["a"]);
  assert.deepEqual([...set.endpoints.keys()], ["a", "b"]);
  assert.deepEqual(ids(set.apply(snapshot([at("a")], { revision: 2n })).removed), ["b"]);
});

test("while a set is incomplete, what is said to be gone goes", () => {
  const set = createEndpointSet();
  set.apply(snapshot([at("a"), at("b")], { complete: false }));
  assert.equal(set.complete, false);
  assert.deepEqual(ids(set.apply(delta(1n, { removed: ["b"] })).removed), ["b"]);
});

test("a delta that doesn't follow, and a snapshot from the past, change nothing and ask for a resync", () => {
  const set = createEndpointSet();
  assert.equal(set.apply(delta(0n, { upserted: [at("a")] })).resync, true);
  assert.equal(set.apply(snapshot([at("a")], { revision: 7n })).resync, false);
  for (const update of [
    delta(6n, { removed: ["a"] }),
    delta(8n, { removed: ["a"] }),
    delta(7n, { revision: 5n, removed: ["a"] }),
    snapshot([], { revision: 6n }),
  ]) {
    assert.equal(set.apply(update).resync, true);
  }
  assert.deepEqual([...set.endpoints.keys()], ["a"]);
  assert.equal(set.apply(delta(7n, { removed: ["a"] })).resync, false);
  assert.equal(set.endpoints.size, 0);
});

test("updates in order give what the source has, and the changes add up to it", () => {
  const endpoint = fc
    .record({ id: fc.constantFrom("a", "b", "c", "d"), weight: fc.nat(2), draining: fc.boolean() })
    .map(({ id, ...fields }) => at(id, fields));
  const steps = fc.array(
    fc.oneof(
      fc.record({
        reset: fc.constant(true),
        upserted: fc.array(endpoint),
        removed: fc.constant([] as string[]),
      }),
      fc.record({
        reset: fc.constant(false),
        upserted: fc.array(endpoint),
        removed: fc.array(fc.constantFrom("a", "b", "c", "d")),
      }),
    ),
  );
  fc.assert(
    fc.property(steps, (all) => {
      const set = createEndpointSet();
      const source = new Map<string, Endpoint>();
      const sum = new Map<string, Endpoint>();
      let revision = 1n;
      set.apply(snapshot([]));
      for (const { reset, upserted, removed } of all) {
        if (reset) source.clear();
        for (const id of removed) if (!upserted.some((one) => one.id === id)) source.delete(id);
        for (const one of upserted) source.set(one.id, one);
        const change = set.apply(
          reset ? snapshot(upserted, { revision: revision + 1n }) : delta(revision, { upserted, removed }),
        );
        revision++;
        assert.equal(change.resync, false);
        for (const one of change.removed) assert.ok(sum.delete(one.id));
        for (const one of change.added) assert.ok(!sum.has(one.id) && sum.set(one.id, one));
        for (const one of change.changed) assert.ok(sum.has(one.id) && sum.set(one.id, one));
        const sorted = (map: ReadonlyMap<string, Endpoint>) =>
          [...map].toSorted(([a], [b]) => a.localeCompare(b));
        assert.deepEqual(sorted(set.endpoints), sorted(source));
        assert.deepEqual(sorted(sum), sorted(source));
      }
    }),
  );
});
