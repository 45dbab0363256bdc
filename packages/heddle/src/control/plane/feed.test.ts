import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { type Instance, InstanceSchema } from "../../gen/heddle/registry/v1/registry_pb.ts";
import { Feed, type WatchEvent } from "./feed.ts";

function createWorld(maxPending = 100) {
  let revision = 0;
  const feed = new Feed({
    maxPending,
    toSnapshot: (instances) => ({
      kind: "snapshot",
      epoch: "e",
      revision: BigInt(revision),
      complete: true,
      instances,
    }),
  });
  const put = (id: string, weight = 1) => feed.set(id, create(InstanceSchema, { id, weight }), ++revision);
  const remove = (id: string) => feed.set(id, undefined, ++revision);
  return { feed, put, remove };
}

const ids = (instances: readonly Instance[]) => instances.map(({ id }) => id);
const watch = (feed: Feed, onReady = () => {}) => feed.watch(onReady, () => {});

function shown(event: WatchEvent | undefined) {
  if (event?.kind !== "delta") return event?.kind;
  return { upserted: ids(event.upserted), removed: event.removed };
}

test("what happened since is one event, in order, each instance once", () => {
  const { feed, put, remove } = createWorld();
  const watcher = watch(feed);
  assert.equal(watcher.take()?.kind, "snapshot");
  for (const id of ["a", "b", "c", "a"]) put(id);
  remove("b");
  assert.deepEqual(shown(watcher.take()), { upserted: ["c", "a"], removed: ["b"] });
  assert.equal(watcher.take(), undefined);
  put("b");
  remove("b");
  assert.deepEqual(shown(watcher.take()), { upserted: [], removed: ["b"] });
});

test("watchers that know the same get the very same event", () => {
  const { feed, put } = createWorld();
  const watchers = [watch(feed), watch(feed), watch(feed)];
  const first = watchers.map((watcher) => watcher.take());
  assert.ok(first.every((event) => event === first[0] && event?.kind === "snapshot"));
  put("a");
  const late = watch(feed);
  put("b");
  const second = watchers.map((watcher) => watcher.take());
  assert.ok(second.every((event) => event === second[0]));
  assert.deepEqual(shown(second[0]), { upserted: ["a", "b"], removed: [] });
  assert.equal(late.take()?.kind, "snapshot");
  assert.equal(late.take(), undefined);
});

test("a watcher is woken once, until it has taken", () => {
  const { feed, put } = createWorld();
  let woken = 0;
  const watcher = watch(feed, () => woken++);
  put("a");
  assert.equal(woken, 0, "its first event was due anyway");
  watcher.take();
  put("b");
  put("c");
  assert.equal(woken, 1);
  watcher.take();
  feed.reset();
  assert.equal(woken, 2);
  assert.equal(watcher.take()?.kind, "snapshot");
});

test("departures are forgotten beyond the bound, and only who needed them is cut off", () => {
  const { feed, put, remove } = createWorld(3);
  const [slow, quick] = [watch(feed), watch(feed)];
  for (const watcher of [slow, quick]) watcher.take();
  for (let n = 0; n < 5; n++) {
    put(`i${n}`);
    remove(`i${n}`);
    assert.equal(quick.take()?.kind, "delta");
  }
  put("last");
  assert.equal(quick.take()?.kind, "delta");
  assert.deepEqual(slow.take(), { kind: "overflow" });
  assert.equal(slow.take(), undefined);
  put("more");
  assert.deepEqual(shown(quick.take()), { upserted: ["more"], removed: [] });
});
