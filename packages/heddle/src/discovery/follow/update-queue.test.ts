import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createEndpoint, type Endpoint } from "../endpoint.ts";
import { createEndpointSet } from "../endpoint-set.ts";
import type { ResolverDelta } from "../resolver.ts";
import { createUpdateQueue } from "./update-queue.ts";

/** What a queue is fed from: a set that changes, and the deltas that say how. */
function createOrigin() {
  const endpoints = new Map<string, Endpoint>();
  const origin = {
    endpoints,
    complete: true,
    revision: 0n,
    answered: true,
    change(upserted: readonly Endpoint[], removed: readonly string[]): ResolverDelta {
      for (const endpoint of upserted) endpoints.set(endpoint.id, endpoint);
      for (const id of removed) endpoints.delete(id);
      const previousRevision = origin.revision++;
      return { kind: "delta", revision: origin.revision, previousRevision, upserted, removed };
    },
  };
  return origin;
}

const at = (id: number, weight = 1) => createEndpoint({ id: `${id}`, address: "127.0.0.1:1", weight });

test("a reader that keeps up gets the very deltas, and a slow one their sum", () => {
  const origin = createOrigin();
  const [quick, slow] = [createUpdateQueue(origin, "q"), createUpdateQueue(origin, "s")];
  assert.equal(slow.take()?.kind, "snapshot");
  assert.equal(quick.take()?.kind, "snapshot");
  const deltas = [origin.change([at(1)], []), origin.change([at(2)], []), origin.change([at(1, 5)], ["2"])];
  for (const delta of deltas) {
    slow.push(delta);
    quick.push(delta);
    assert.equal(quick.take(), delta);
  }
  assert.deepEqual(slow.take(), {
    kind: "delta",
    revision: 3n,
    previousRevision: 0n,
    upserted: [at(1, 5)],
    removed: ["2"],
  });
  assert.equal(slow.take(), undefined);
});

test("too much unread becomes one snapshot of another epoch", () => {
  const origin = createOrigin();
  const queue = createUpdateQueue(origin, "q", 3);
  const first = queue.take();
  for (let id = 0; id < 10; id++) queue.push(origin.change([at(id)], []));
  const resync = queue.take();
  assert.ok(first?.kind === "snapshot" && resync?.kind === "snapshot");
  assert.notEqual(resync.epoch, first.epoch);
  assert.equal(resync.endpoints.length, 10);
  assert.equal(queue.take(), undefined);
});

test("there is no snapshot before something is known", async () => {
  const origin = { ...createOrigin(), answered: false };
  const queue = createUpdateQueue(origin, "q");
  assert.equal(queue.take(), undefined);
  const news = queue.news();
  origin.answered = true;
  queue.resync();
  await news;
  assert.equal(queue.take()?.kind, "snapshot");
});

test("whatever the pace of a reader, its set is the origin's, and no update has to be refused", () => {
  const change = fc.record({
    upserted: fc.array(fc.tuple(fc.nat({ max: 9 }), fc.integer({ min: 1, max: 3 })), { maxLength: 4 }),
    removed: fc.array(fc.nat({ max: 9 }), { maxLength: 3 }),
    reads: fc.nat({ max: 2 }),
    resync: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), fc.integer({ min: 1, max: 8 }), (changes, bound) => {
      const origin = createOrigin();
      const queue = createUpdateQueue(origin, "q", bound);
      const set = createEndpointSet();
      const read = () => {
        const update = queue.take();
        if (update !== undefined) assert.equal(set.apply(update).resync, false);
        return update !== undefined;
      };
      for (const { upserted, removed, reads, resync } of changes) {
        const present = new Set(upserted.map(([id]) => `${id}`));
        const gone = removed.map(String).filter((id) => !present.has(id));
        const delta = origin.change(
          upserted.map(([id, weight]) => at(id, weight)),
          gone,
        );
        if (resync) queue.resync();
        else queue.push(delta);
        for (let n = 0; n < reads; n++) read();
      }
      while (read());
      assert.deepEqual(set.endpoints, origin.endpoints);
    }),
  );
});
