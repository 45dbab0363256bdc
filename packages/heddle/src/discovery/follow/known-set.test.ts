import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createSeededRandom } from "../../runtime/random.ts";
import { createEndpoint, type Endpoint } from "../endpoint.ts";
import { createKnownSet, type KnownSet } from "./known-set.ts";

const at = (id: string | number, fields: Partial<Endpoint> = {}) =>
  createEndpoint({ id: String(id), address: `10.0.0.1:${4000 + Number(id)}`, ...fields });
const upTo = (count: number) => Array.from({ length: count }, (_, id) => at(id));
const newSet = (options = {}) => createKnownSet(createSeededRandom(1), options);
const ids = (set: KnownSet) => [...set.endpoints.keys()].map(Number).toSorted((a, b) => a - b);

test("a loss of most is held until a later question has the same answer", () => {
  const set = newSet();
  set.snapshot(upTo(10), true, 0, 0);
  const loss = set.snapshot(upTo(2), true, 0, 100);
  assert.deepEqual([loss.held, loss.changes.size, set.held, set.endpoints.size], [8, 0, 8, 10]);
  const dueMs = set.confirmAtMs;
  assert.ok(dueMs >= 4_100 && dueMs <= 6_100);
  assert.equal(set.snapshot(upTo(2), true, 0, 50_000).changes.size, 0, "the same attempt repeats itself");
  assert.equal(set.snapshot(upTo(2), true, dueMs - 1, 50_000).changes.size, 0, "asked too soon");
  assert.equal(set.snapshot(upTo(2), false, dueMs, 50_000).changes.size, 0, "an incomplete answer");
  const confirmed = set.snapshot(upTo(2), true, dueMs, 50_000);
  assert.deepEqual([confirmed.urgent, set.held, set.confirmAtMs], [true, 0, Number.POSITIVE_INFINITY]);
  assert.deepEqual(ids(set), [0, 1]);
});

test("what comes back is held no longer, changed or not", () => {
  const set = newSet();
  set.snapshot(upTo(10), true, 0, 0);
  set.delta(
    [],
    upTo(10).map(({ id }) => id),
    2_000,
  );
  assert.equal(set.held, 10);
  const change = set.delta([at(3), at(4, { weight: 2 })], [], 2_500);
  assert.deepEqual([[...change.changes.keys()], set.held], [["4"], 8]);
  set.snapshot(upTo(10), true, 3_000, 3_000);
  assert.deepEqual([set.held, set.endpoints.size], [0, 10]);
});

test("what announced its end goes at once, and its end is no loss", () => {
  const set = newSet();
  set.snapshot(upTo(10), true, 0, 0);
  set.delta(
    upTo(9).map((endpoint) => ({ ...endpoint, draining: true })),
    [],
    10,
  );
  const change = set.snapshot([at(9)], true, 0, 20);
  assert.deepEqual([change.held, ids(set)], [0, [9]]);
});

test("endpoints that move, drain or change their health are urgent; others are not", () => {
  const urgent = (fields: Partial<Endpoint>) => {
    const set = newSet();
    set.snapshot([at(1)], true, 0, 0);
    return set.delta([at(1, fields)], [], 0).urgent;
  };
  assert.ok(
    urgent({ draining: true }) && urgent({ health: "unhealthy" }) && urgent({ address: "10.0.0.9:1" }),
  );
  assert.ok(!urgent({ weight: 7 }) && !urgent({ metadata: { a: "b" } }));
});

test("a saved set adds what is missing, and changes nothing that the registry said", () => {
  const set = newSet();
  set.snapshot([at(1, { weight: 9 })], false, 0, 0);
  const change = set.remember([at(1), at(2)]);
  assert.deepEqual([...change.changes.keys()], ["2"]);
  assert.equal(set.endpoints.get("1")?.weight, 9);
  assert.equal(set.complete, false);
  assert.equal(set.snapshot([at(1)], true, 5, 5).completed, true);
  assert.deepEqual(ids(set), [1]);
});

test("a loss goes at once exactly if it is at most half; in the end the set is what the registry says", () => {
  const size = fc.integer({ min: 0, max: 30 });
  fc.assert(
    fc.property(size, fc.uniqueArray(fc.nat({ max: 40 })), fc.boolean(), (count, listed, asDelta) => {
      const set = newSet();
      set.snapshot(upTo(count), true, 0, 0);
      const next = listed.map((id) => at(id));
      const lost = upTo(count).filter(({ id }) => !listed.includes(Number(id)));
      if (asDelta)
        set.delta(
          next,
          lost.map(({ id }) => id),
          5_000,
        );
      else set.snapshot(next, true, 0, 5_000);
      const isDoubtful = count >= 4 && lost.length > 0 && listed.length < count / 2;
      assert.equal(set.held, isDoubtful ? lost.length : 0);
      assert.equal(set.endpoints.size, next.length + set.held);
      set.snapshot(next, true, 20_000, 20_000);
      assert.deepEqual(
        ids(set),
        listed.toSorted((a, b) => a - b),
      );
    }),
  );
});
