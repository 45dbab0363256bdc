import assert from "node:assert/strict";
import { test } from "node:test";
import { createEndpoint } from "../discovery/endpoint.ts";
import type { Resolver, ResolverUpdate } from "../discovery/resolver.ts";
import { parseTarget } from "../discovery/target.ts";
import { createFaults } from "./index.ts";

test("snapshots and deltas name the ways in the place of the addresses; all else stays", async (t) => {
  const faults = createFaults();
  t.after(() => faults.close());
  const a = createEndpoint({ id: "a", address: "memory:one", otherAddresses: ["memory:two"], weight: 3 });
  const b = createEndpoint({ id: "b", address: "memory:three", zone: "x" });
  const inner: Resolver = {
    scheme: "fixed",
    async *watch() {
      yield { kind: "snapshot", epoch: "1", revision: 1n, endpoints: [a], complete: true };
      yield { kind: "delta", previousRevision: 1n, revision: 2n, upserted: [b], removed: ["a"] };
    },
    describe: () => [],
  };
  const resolver = faults.resolver("web", inner);
  assert.equal(resolver.scheme, "fixed");
  assert.deepEqual(resolver.describe?.(), []);
  const updates: ResolverUpdate[] = [];
  for await (const update of resolver.watch(parseTarget("fixed:///x"), AbortSignal.timeout(5000)))
    updates.push(update);
  assert.deepEqual(updates, [
    {
      kind: "snapshot",
      epoch: "1",
      revision: 1n,
      endpoints: [{ ...a, address: "memory:web>one", otherAddresses: [] }],
      complete: true,
    },
    {
      kind: "delta",
      previousRevision: 1n,
      revision: 2n,
      upserted: [{ ...b, address: "memory:web>three" }],
      removed: ["a"],
    },
  ]);
  assert.equal(await faults.route("web", "memory:one"), "memory:web>one");
  assert.equal(faults.between("web", "memory:one"), faults.between("web", "memory:one"));
});
