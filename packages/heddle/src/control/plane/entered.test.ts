/** Instances that are in the registry without a stream of their own: static, remembered, held by another control plane. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type Instance,
  InstanceHealth,
  InstanceOrigin,
  InstanceSchema,
} from "../../gen/heddle/registry/v1/registry_pb.ts";
import { createRegistry, type Registry } from "./registry.ts";

const TTL = 10_000;
const instance = (id: string, fields: MessageInitShape<typeof InstanceSchema> = {}): Instance =>
  create(InstanceSchema, { id, service: "orders", address: "127.0.0.1:1", ...fields });
const start = (warmUpMs = 0) => createRegistry({ epoch: "e", startedAtMs: 0, warmUpMs });
const ids = (registry: Registry) =>
  registry
    .list("")
    .instances.map(({ id }) => id)
    .toSorted();
const failsWith = (code: Code, text: RegExp) => (error: unknown) =>
  error instanceof ConnectError && error.code === code && text.test(error.rawMessage);

test("a static instance needs no heartbeat, is marked, and only its own removal removes it", () => {
  const registry = start();
  assert.ok(registry.enter(instance("db"), "static"));
  for (let nowMs = 0; nowMs < 5 * TTL; nowMs += 1_000) registry.tick(nowMs);
  assert.equal(registry.list("orders").instances[0]?.origin, InstanceOrigin.STATIC);
  assert.equal(registry.deregister("db", 0n), false);
  assert.equal(registry.withdraw("db", "peer"), false);
  assert.throws(() => registry.register(instance("db"), 0), failsWith(Code.FailedPrecondition, /static/));
  assert.equal(registry.enter(instance("db"), "peer"), false);
  assert.ok(registry.enter(instance("db", { address: "127.0.0.1:2" }), "static"));
  assert.ok(registry.withdraw("db", "static"));
  assert.deepEqual(ids(registry), []);
});

test("what is remembered is shown, marked, until it registers or the registry is complete", () => {
  const registry = start(TTL);
  for (const id of ["back", "dead"]) registry.enter(instance(id), "remembered");
  const watcher = registry.watch("orders", () => {});
  const first = watcher.take();
  assert.ok(first?.kind === "snapshot" && !first.complete);
  assert.deepEqual(
    first.instances.map(({ id, origin }) => [id, origin]),
    [
      ["back", InstanceOrigin.REMEMBERED],
      ["dead", InstanceOrigin.REMEMBERED],
    ],
  );
  const session = registry.register(instance("back"), 2_000);
  assert.equal(registry.enter(instance("back"), "remembered"), false);
  for (let nowMs = 2_000; nowMs <= TTL; nowMs += 1_000) {
    registry.tick(nowMs);
    registry.heartbeat(session, nowMs);
  }
  let last = watcher.take();
  for (let next = last; next; next = watcher.take()) last = next;
  assert.ok(last?.kind === "snapshot" && last.complete);
  assert.deepEqual(
    last.instances.map(({ id, origin }) => [id, origin]),
    [["back", InstanceOrigin.UNSPECIFIED]],
  );
});

test("a registry that stood still while it warmed up waits for a whole warm-up again", () => {
  const registry = start(TTL);
  registry.enter(instance("a"), "remembered");
  registry.tick(1_000);
  registry.tick(60_000);
  assert.deepEqual([registry.complete, ids(registry)], [false, ["a"]]);
  for (let nowMs = 60_000; nowMs <= 60_000 + TTL; nowMs += 1_000) registry.tick(nowMs);
  assert.deepEqual([registry.complete, ids(registry)], [true, []]);
});

test("an instance that registers with another control plane leaves its stream here, and may come back", () => {
  const registry = start();
  const session = registry.register(instance("a", { incarnation: 1n }), 0);
  assert.equal(registry.enter(instance("a", { incarnation: 0n }), "peer"), false);
  assert.ok(registry.enter(instance("a", { incarnation: 1n, health: InstanceHealth.UNHEALTHY }), "peer"));
  assert.equal(registry.list("orders").instances[0]?.health, InstanceHealth.UNHEALTHY);
  assert.throws(() => registry.heartbeat(session, 1), failsWith(Code.Aborted, /another control plane/));
  registry.disconnect(session, 1);
  for (let nowMs = 0; nowMs < 3 * TTL; nowMs += 1_000) registry.tick(nowMs);
  assert.deepEqual(ids(registry), ["a"], "its lease is not ours");
  registry.register(instance("a", { incarnation: 1n }), 3 * TTL);
  assert.equal(registry.withdraw("a", "peer"), false);
  assert.deepEqual(ids(registry), ["a"]);
});

test("a drain holds for one incarnation, also when it registers again, and can be taken back", () => {
  const registry = start();
  registry.register(instance("a", { incarnation: 1n }), 0);
  const isDraining = () => registry.list("orders").instances[0]?.draining;
  assert.equal(registry.drain("a", 1n, true)?.draining, true);
  registry.register(instance("a", { incarnation: 1n, weight: 3 }), 0);
  assert.equal(isDraining(), true);
  assert.equal(registry.drain("a", 1n, false)?.draining, false);
  registry.drain("a", 1n, true);
  registry.register(instance("a", { incarnation: 2n }), 0);
  assert.deepEqual([isDraining(), registry.drainOf("a")], [false, undefined]);
  assert.equal(registry.drain("nobody", 1n, true), undefined);
});

test("health belongs to an incarnation; what good an instance says of it itself is not looked at", () => {
  const registry = start();
  const health = () => registry.list("orders").instances[0]?.health;
  registry.register(instance("a", { health: InstanceHealth.HEALTHY, origin: InstanceOrigin.STATIC }), 0);
  assert.equal(health(), InstanceHealth.UNSPECIFIED);
  assert.equal(registry.list("orders").instances[0]?.origin, InstanceOrigin.UNSPECIFIED);
  registry.setHealth("a", InstanceHealth.UNHEALTHY);
  registry.register(instance("a", { weight: 2 }), 0);
  assert.equal(health(), InstanceHealth.UNHEALTHY);
  registry.register(instance("a", { incarnation: 1n }), 0);
  assert.equal(health(), InstanceHealth.UNSPECIFIED);
});

test("an instance that calls itself unhealthy is, whatever checks find, until it takes that back", () => {
  const registry = start();
  const health = () => registry.list("orders").instances[0]?.health;
  const { UNHEALTHY, HEALTHY, UNSPECIFIED } = InstanceHealth;
  const session = registry.register(instance("a", { health: UNHEALTHY }), 0);
  assert.equal(health(), UNHEALTHY);
  registry.setHealth("a", HEALTHY);
  assert.equal(health(), UNHEALTHY);
  registry.update(session, instance("a"), 0);
  assert.equal(health(), HEALTHY, "what the check found in the meantime");
  registry.update(session, instance("a", { health: UNHEALTHY }), 0);
  registry.setHealth("a", UNSPECIFIED);
  registry.update(session, instance("a"), 0);
  assert.equal(health(), UNSPECIFIED, "its own word is not taken for what a check found");
  registry.enter(instance("b", { health: UNHEALTHY }), "static");
  assert.equal(registry.list("orders").instances.find(({ id }) => id === "b")?.health, UNSPECIFIED);
});

test("services are counted as they change", () => {
  const registry = start();
  registry.register(instance("a"), 0);
  registry.register(instance("b", { draining: true }), 0);
  registry.enter(instance("s", { service: "db" }), "static");
  registry.setHealth("a", InstanceHealth.HEALTHY);
  const counts = () =>
    Object.fromEntries([...registry.services.counts].map(([name, count]) => [name, { ...count }]));
  const none = { instances: 0, healthy: 0, unhealthy: 0, draining: 0, static: 0, remembered: 0 };
  assert.deepEqual(counts(), {
    orders: { ...none, instances: 2, healthy: 1, draining: 1 },
    db: { ...none, instances: 1, static: 1 },
  });
  registry.deregister("a", 0n);
  registry.deregister("b", 0n);
  assert.deepEqual(Object.keys(counts()), ["db"]);
});
