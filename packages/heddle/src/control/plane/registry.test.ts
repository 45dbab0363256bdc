import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import * as fc from "fast-check";
import {
  type Instance,
  InstanceFilterSchema,
  InstanceSchema,
} from "../../gen/heddle/registry/v1/registry_pb.ts";
import type { Subscription } from "./feed.ts";
import type { RegistrySession } from "./instance-record.ts";
import { createRegistry, type Registry, type RegistryOptions } from "./registry.ts";

const TTL = 10_000;
const GRACE = 1_500;

const instance = (id: string, fields: MessageInitShape<typeof InstanceSchema> = {}): Instance =>
  create(InstanceSchema, {
    id,
    service: "orders",
    address: "127.0.0.1:4001",
    contracts: ["shop.v1.Orders"],
    ...fields,
  });

const start = (options: Partial<RegistryOptions> = {}) =>
  createRegistry({ epoch: "e1", startedAtMs: 0, warmUpMs: 0, ...options });

const ids = (registry: Registry, name = "") =>
  registry
    .list(name)
    .instances.map((one) => one.id)
    .toSorted();

/** Ticks as its owner does: often enough not to look like a standstill. */
function elapse(registry: Registry, fromMs: number, toMs: number): void {
  for (let nowMs = fromMs; nowMs < toMs; nowMs += 100) registry.tick(nowMs);
  registry.tick(toMs);
}

const failsWith = (code: Code, text: RegExp) => (error: unknown) =>
  error instanceof ConnectError && error.code === code && text.test(error.rawMessage);

/** What a careful watcher knows: snapshots replace, deltas must follow on one another. */
function createMirror(registry: Registry, name: string) {
  const known = new Map<string, Instance>();
  let subscription: Subscription = registry.watch(name, () => {});
  let revision = 0n;
  let resyncs = 0;
  const mirror = {
    known,
    get resyncs() {
      return resyncs;
    },
    drain() {
      for (let event = subscription.take(); event; event = subscription.take()) {
        if (event.kind === "overflow") {
          resyncs++;
          subscription = registry.watch(name, () => {});
        } else if (event.kind === "snapshot") {
          known.clear();
          for (const one of event.instances) known.set(one.id, one);
          revision = event.revision;
        } else {
          assert.equal(event.previousRevision, revision);
          assert.ok(event.revision > revision);
          for (const one of event.upserted) known.set(one.id, one);
          for (const id of event.removed) known.delete(id);
          revision = event.revision;
        }
        assert.equal(subscription.revision, event.kind === "overflow" ? 0n : revision);
      }
    },
  };
  return mirror;
}

test("an instance is found under its service, its contracts and the empty name", () => {
  const registry = start();
  registry.register(instance("a"), 0);
  for (const name of ["orders", "shop.v1.Orders", ""]) assert.deepEqual(ids(registry, name), ["a"]);
  assert.deepEqual(ids(registry, "shop.v1.Payments"), []);
});

test("heartbeats keep a lease, silence ends it at the TTL", () => {
  const registry = start();
  const session = registry.register(instance("a"), 0);
  registry.register(instance("b"), 0);
  elapse(registry, 0, 6_000);
  registry.heartbeat(session, 6_000);
  elapse(registry, 6_000, TTL - 1);
  assert.deepEqual(ids(registry), ["a", "b"]);
  assert.equal(registry.nextEventAt(), TTL);
  registry.tick(TTL);
  assert.deepEqual(ids(registry), ["a"]);
  elapse(registry, TTL, 16_000);
  assert.deepEqual(ids(registry), []);
  assert.throws(() => registry.heartbeat(session, 16_000), failsWith(Code.NotFound, /register again/));
});

test("a broken stream leaves a short grace, in which the process may come back unnoticed", () => {
  const registry = start();
  const a = registry.register(instance("a"), 0);
  const b = registry.register(instance("b"), 0);
  const mirror = createMirror(registry, "");
  mirror.drain();
  const before = registry.revision;
  registry.disconnect(a, 1_000);
  registry.disconnect(b, 1_000);
  assert.equal(registry.nextEventAt(), 1_000 + GRACE);
  const again = registry.register(instance("a"), 2_000);
  assert.equal(registry.revision, before, "registering the same again is no change");
  elapse(registry, 2_000, 2_500);
  mirror.drain();
  assert.deepEqual([...mirror.known.keys()], ["a"]);
  registry.disconnect(a, 2_600);
  elapse(registry, 2_500, 5_000);
  assert.deepEqual(ids(registry), ["a"], "the end of the replaced stream means nothing");
  assert.throws(() => registry.heartbeat(a, 5_000), failsWith(Code.Aborted, /another stream/));
  registry.heartbeat(again, 5_000);
});

test("a grace never makes a lease longer", () => {
  const registry = start();
  const session = registry.register(instance("a"), 0);
  elapse(registry, 0, 9_500);
  registry.disconnect(session, 9_500);
  elapse(registry, 9_500, TTL);
  assert.deepEqual(ids(registry), []);
});

test("only the owner deregisters, an older incarnation can't take over, a newer one can", () => {
  const registry = start();
  const old = registry.register(instance("a", { incarnation: 2n }), 0);
  assert.equal(registry.deregister("a", 1n), false);
  assert.throws(
    () => registry.register(instance("a", { incarnation: 1n }), 0),
    failsWith(Code.FailedPrecondition, /incarnation 2, newer than 1/),
  );
  registry.register(instance("a", { incarnation: 3n, address: "127.0.0.1:5000" }), 0);
  assert.throws(
    () => registry.update(old, instance("a", { incarnation: 2n }), 0),
    failsWith(Code.Aborted, /another/),
  );
  assert.equal(registry.deregister("a", 2n), false);
  assert.equal(registry.deregister("a", 3n), true);
  assert.equal(registry.deregister("a", 3n), false);
  assert.throws(
    () => registry.update(old, instance("a", { incarnation: 2n }), 0),
    failsWith(Code.NotFound, /ran out/),
  );
});

test("an update is seen at once, also by those who lose sight of the instance", () => {
  const registry = start();
  const session = registry.register(instance("a"), 0);
  const byContract = createMirror(registry, "shop.v1.Orders");
  const byService = createMirror(registry, "orders");
  byContract.drain();
  byService.drain();
  registry.update(session, instance("a", { draining: true, contracts: [] }), 0);
  byContract.drain();
  byService.drain();
  assert.deepEqual([...byContract.known.keys()], []);
  assert.equal(byService.known.get("a")?.draining, true);
  assert.throws(
    () => registry.update(session, instance("b"), 0),
    failsWith(Code.InvalidArgument, /can't change/),
  );
});

test("after a start snapshots are incomplete for one TTL, and every watcher then gets a complete one", () => {
  const registry = start({ warmUpMs: TTL, startedAtMs: 500 });
  registry.register(instance("a"), 500);
  let woken = 0;
  const subscription = registry.watch("orders", () => woken++);
  const first = subscription.take();
  assert.ok(first?.kind === "snapshot" && !first.complete && first.instances.length === 1);
  assert.equal(registry.nextEventAt(), 500 + TTL);
  const session = registry.register(instance("b"), 4_000);
  assert.equal(subscription.take()?.kind, "delta");
  for (let nowMs = 4_000; nowMs < 500 + TTL; nowMs += 500) {
    registry.tick(nowMs);
    registry.heartbeat(session, nowMs);
  }
  assert.equal(subscription.take(), undefined);
  assert.equal(registry.complete, false);
  woken = 0;
  registry.tick(500 + TTL);
  assert.ok(woken > 0);
  const second = subscription.take();
  assert.ok(second?.kind === "snapshot" && second.complete);
  assert.deepEqual(
    second.instances.map((one) => one.id),
    ["b"],
  );
});

test("a registry that stood still holds the missed heartbeats against nobody", () => {
  const registry = start();
  const a = registry.register(instance("a"), 0);
  const b = registry.register(instance("b"), 0);
  registry.tick(1_000);
  registry.disconnect(b, 1_000);
  registry.tick(60_000);
  assert.deepEqual(ids(registry), ["a", "b"]);
  registry.heartbeat(a, 60_000);
  elapse(registry, 60_000, 60_000 + GRACE);
  assert.deepEqual(ids(registry), ["a"]);
});

test("a watcher that falls too far behind is cut off with the reason and gets nothing more", () => {
  const registry = start({ limits: { maxPendingChanges: 3 } });
  const subscription = registry.watch("", () => {});
  assert.equal(subscription.take()?.kind, "snapshot");
  for (const id of ["a", "b", "c"]) registry.register(instance(id), 0);
  for (let n = 0; n < 100; n++) registry.register(instance("a", { weight: n, incarnation: 1n }), 0);
  const folded = subscription.take();
  assert.ok(folded?.kind === "delta" && folded.upserted.length === 3, "changes of one instance are folded");
  for (const id of ["d", "e", "f", "g"]) registry.register(instance(id), 0);
  assert.deepEqual(subscription.take(), { kind: "overflow" });
  registry.register(instance("h"), 0);
  assert.equal(subscription.take(), undefined);
});

test("bad instances are refused by name of the field", () => {
  const cases: [MessageInitShape<typeof InstanceSchema>, RegExp][] = [
    [{ id: "" }, /^id: must not be empty/],
    [{ id: "a".repeat(257) }, /^id: longer/],
    [{ service: "" }, /^service: must not be empty/],
    [{ service: "a\nb" }, /^service: contains white space/],
    [{ address: "nowhere" }, /^address "nowhere": it is not host:port/],
    [{ address: "127.0.0.1:0" }, /^address .*port 0/],
    [{ contracts: [""] }, /^contracts: must not be empty/],
    [{ contracts: Array.from({ length: 257 }, (_, n) => `c${n}`) }, /^contracts: more than 256/],
    [{ weight: 4_000_000_000 }, /^weight: more than/],
    [{ zone: "z".repeat(300) }, /^zone: longer/],
    [{ version: "z".repeat(300) }, /^version: longer/],
    [{ metadata: { k: "ü".repeat(8_192) } }, /^metadata: 16385 bytes, more than 16384/],
  ];
  const registry = start();
  for (const [fields, text] of cases) {
    assert.throws(() => registry.register(instance("a", fields), 0), failsWith(Code.InvalidArgument, text));
  }
  assert.equal(registry.revision, 0n);
});

test("limits hold, and room comes back", () => {
  const limits = { maxInstances: 3, maxInstancesPerService: 2, maxWatchers: 1 };
  const registry = start({ limits });
  registry.register(instance("a"), 0);
  registry.register(instance("b"), 0);
  assert.throws(
    () => registry.register(instance("c"), 0),
    failsWith(Code.ResourceExhausted, /service orders is full/),
  );
  registry.register(instance("a", { draining: true }), 0);
  registry.register(instance("c", { service: "other" }), 0);
  assert.throws(
    () => registry.register(instance("d", { service: "third" }), 0),
    failsWith(Code.ResourceExhausted, /registry is full/),
  );
  registry.deregister("a", 0n);
  registry.register(instance("d"), 0);
  const subscription = registry.watch("", () => {});
  assert.throws(() => registry.watch("", () => {}), failsWith(Code.ResourceExhausted, /no more/));
  subscription.close();
  registry.watch("", () => {}).close();
});

test("filters are limited in number and in what they hold, and room comes back", () => {
  const zone = (name: string) => create(InstanceFilterSchema, { zone: name });
  const full = failsWith(Code.ResourceExhausted, /too many different/);
  const few = start({ limits: { maxFiltersPerName: 2 } });
  const open = ["a", "b", "b"].map((name) => few.watch("orders", () => {}, zone(name)));
  assert.throws(() => few.watch("orders", () => {}, zone("c")), full);
  few.watch("payments", () => {}, zone("c"));
  open[1]?.close();
  assert.throws(() => few.watch("orders", () => {}, zone("c")), full);
  open[2]?.close();
  few.watch("orders", () => {}, zone("c")).close();

  const small = start({ limits: { maxFilteredInstances: 3, maxWatchers: 10 } });
  for (const id of ["1", "2", "3"]) small.register(instance(id, { zone: "a" }), 0);
  const first = small.watch("orders", () => {}, zone("a"));
  for (let round = 0; round < 20; round++)
    assert.throws(() => small.watch("orders", () => {}, zone("b")), full);
  small.deregister("1", 0n);
  const second = small.watch("orders", () => {}, zone("b"));
  small.register(instance("2", { zone: "b" }), 0);
  small.register(instance("3", { zone: "b" }), 0);
  small.register(instance("4", { zone: "b" }), 0);
  assert.throws(() => small.watch("orders", () => {}, zone("c")), full);
  first.close();
  second.close();
  small.watch("orders", () => {}, zone("c")).close();
  assert.throws(
    () => few.watch("lost", () => {}, zone("x".repeat(2_000))),
    failsWith(Code.InvalidArgument, /zone/),
  );
});

test("a change wakes only the watchers whom it concerns", () => {
  const registry = start();
  const woken: string[] = [];
  for (const name of ["", "orders", "shop.v1.Orders", "payments"])
    registry.watch(name, () => woken.push(name)).take();
  registry.register(instance("a"), 0);
  assert.deepEqual(woken.toSorted(), ["", "orders", "shop.v1.Orders"]);
});

// The model: one entry an id, a deadline each, no index, no queue, no subscription.
interface ModelEntry {
  instance: Instance;
  session: RegistrySession;
  length: number;
  expiresAt: number;
}

const idOf = fc.constantFrom("a", "b", "c", "d", "e");
const step = fc.oneof(
  fc.record({
    do: fc.constant("register" as const),
    id: idOf,
    incarnation: fc.bigInt(0n, 2n),
    service: fc.constantFrom("s", "t"),
    contracts: fc.subarray(["x", "y"]),
    weight: fc.nat(2),
  }),
  fc.record({
    do: fc.constant("update" as const),
    nth: fc.nat(),
    service: fc.constantFrom("s", "t"),
    contracts: fc.subarray(["x", "y"]),
    weight: fc.nat(2),
  }),
  fc.record({ do: fc.constantFrom("heartbeat" as const, "break" as const), nth: fc.nat() }),
  fc.record({ do: fc.constant("deregister" as const), id: idOf, incarnation: fc.bigInt(0n, 2n) }),
  fc.record({
    do: fc.constant("advance" as const),
    ms: fc.oneof(fc.nat(1_600), fc.nat(TTL / 2), fc.nat(3 * TTL)),
  }),
  fc.record({ do: fc.constant("drain" as const), nth: fc.nat() }),
);

test("any sequence of events leaves what a naive model has, and all watchers know it", () => {
  let resyncs = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150, size: "max" }), (steps) => {
      const registry = start({ warmUpMs: TTL, limits: { maxPendingChanges: 2 } });
      const model = new Map<string, ModelEntry>();
      const sessions: RegistrySession[] = [];
      const mirrors = ["", "s", "t", "x", "y"].map((name) => ({
        name,
        mirror: createMirror(registry, name),
      }));
      let nowMs = 0;

      const lease = () => ({ length: TTL, expiresAt: nowMs + TTL });
      for (const one of steps) {
        const session = "nth" in one ? sessions[one.nth % Math.max(1, sessions.length)] : undefined;
        const owned =
          session && model.get(session.id)?.session === session ? model.get(session.id) : undefined;
        switch (one.do) {
          case "register": {
            const { id, incarnation, service, contracts, weight } = one;
            const next = instance(id, { incarnation, service, contracts, weight });
            if ((model.get(id)?.instance.incarnation ?? 0n) > incarnation) {
              assert.throws(() => registry.register(next, nowMs), ConnectError);
            } else {
              const session = registry.register(next, nowMs);
              sessions.push(session);
              model.set(id, { instance: next, session, ...lease() });
            }
            break;
          }
          case "update": {
            if (!session) break;
            const { service, contracts, weight } = one;
            const next = instance(session.id, {
              incarnation: session.incarnation,
              service,
              contracts,
              weight,
            });
            if (owned) {
              registry.update(session, next, nowMs);
              model.set(session.id, { instance: next, session, ...lease() });
            } else assert.throws(() => registry.update(session, next, nowMs), ConnectError);
            break;
          }
          case "heartbeat":
            if (!session) break;
            if (owned) {
              registry.heartbeat(session, nowMs);
              Object.assign(owned, lease());
            } else assert.throws(() => registry.heartbeat(session, nowMs), ConnectError);
            break;
          case "break":
            if (!session) break;
            registry.disconnect(session, nowMs);
            if (owned && owned.length === TTL && owned.expiresAt > nowMs + GRACE) {
              Object.assign(owned, { length: GRACE, expiresAt: nowMs + GRACE });
            }
            break;
          case "deregister":
            assert.equal(
              registry.deregister(one.id, one.incarnation),
              model.get(one.id)?.instance.incarnation === one.incarnation,
            );
            if (model.get(one.id)?.instance.incarnation === one.incarnation) model.delete(one.id);
            break;
          case "advance":
            nowMs += one.ms;
            if (one.ms > registry.maxTickGapMs) {
              for (const entry of model.values()) entry.expiresAt = nowMs + entry.length;
            }
            registry.tick(nowMs);
            for (const [id, entry] of model) if (entry.expiresAt <= nowMs) model.delete(id);
            break;
          case "drain":
            mirrors[one.nth % mirrors.length]?.mirror.drain();
            break;
        }
        assert.deepEqual(ids(registry), [...model.keys()].toSorted());
        assert.ok(registry.nextEventAt() > nowMs);
      }

      for (const { name, mirror } of mirrors) {
        mirror.drain();
        resyncs += mirror.resyncs;
        const expected = [...model.values()]
          .map((entry) => entry.instance)
          .filter((one) => name === "" || one.service === name || one.contracts.includes(name));
        const sorted = (all: Iterable<Instance>) => [...all].toSorted((a, b) => a.id.localeCompare(b.id));
        assert.deepEqual(sorted(mirror.known.values()), sorted(expected));
        assert.deepEqual(sorted(registry.list(name).instances), sorted(expected));
      }
    }),
    { numRuns: 300 },
  );
  assert.ok(resyncs > 0, "the bound on pending changes was met");
});
