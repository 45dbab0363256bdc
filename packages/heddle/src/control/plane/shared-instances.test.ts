/** Two control planes over one etcd, under virtual time: one set, whatever happens to either of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import * as fc from "fast-check";
import { FakeEtcd } from "../../discovery/etcd/fake-etcd.test.ts";
import {
  PutStaticInstanceRequestSchema,
  ServiceOptionsSchema,
} from "../../gen/heddle/registry/v1/admin_pb.ts";
import { InstanceHealth, InstanceSchema } from "../../gen/heddle/registry/v1/registry_pb.ts";
import { createEtcdStore } from "./etcd-store.ts";
import type { RegistrySession } from "./instance-record.ts";
import { createRegistry } from "./registry.ts";
import { createRegistryService } from "./registry-service.ts";
import { ServiceConfigs } from "./service-configs.ts";
import { ServiceSettings } from "./service-settings.ts";
import { shareInstances } from "./shared-instances.ts";
import { openStoreKeeper } from "./store-keeper.ts";

const instance = (id: string, fields: MessageInitShape<typeof InstanceSchema> = {}) =>
  create(InstanceSchema, { id, service: "orders", address: "127.0.0.1:1", incarnation: 1n, ...fields });

/** A control plane without a server. */
async function startPlane(etcd: FakeEtcd, transport = etcd.transport) {
  const { runtime } = etcd;
  const warnings: string[] = [];
  const onWarning = (text: string) => void warnings.push(text);
  const store = createEtcdStore({ url: "etcd://e:2379/cp?ttlMs=9000", runtime, transport, onWarning });
  const registry = createRegistry({ epoch: "e", startedAtMs: runtime.clock.now(), warmUpMs: 0 });
  const settings = new ServiceSettings();
  const configs = new ServiceConfigs();
  const options = { store, registry, settings, configs, timers: runtime.timers, remembers: false, onWarning };
  const keeper = await openStoreKeeper(options);
  const sharing = shareInstances({ store, registry, runtime, onWarning });
  keeper.follow();
  const ticking = createRegistryService({ registry, clock: runtime.clock, timers: runtime.timers });
  const register = (id: string, fields: MessageInitShape<typeof InstanceSchema> = {}) =>
    registry.register(instance(id, fields), runtime.clock.now());
  /** As SIGKILL: nothing is written any more. */
  async function kill(): Promise<void> {
    ticking[Symbol.dispose]();
    await store[Symbol.asyncDispose]();
  }
  async function stop(): Promise<void> {
    ticking[Symbol.dispose]();
    const stopping = sharing[Symbol.asyncDispose]();
    await etcd.pass(600);
    await stopping;
    await keeper[Symbol.asyncDispose]();
  }
  const ids = () =>
    registry
      .list("")
      .instances.map(({ id }) => id)
      .toSorted()
      .join();
  return { registry, settings, configs, keeper, warnings, register, kill, stop, ids };
}

const leaseOf = (etcd: FakeEtcd, id: string) => etcd.kvs.get(`cp/instance/${id}`)?.lease ?? 0n;

test("what is registered with one is served by all, with its health, and leaves by any", async () => {
  const etcd = new FakeEtcd();
  const [a, b] = [await startPlane(etcd), await startPlane(etcd)];
  a.register("x");
  await etcd.until(() => b.ids() === "x", "b serves x");
  a.registry.setHealth("x", InstanceHealth.HEALTHY);
  await etcd.until(() => b.registry.find("x")?.shown.health === InstanceHealth.HEALTHY, "b knows its health");
  const late = await startPlane(etcd);
  assert.equal(late.ids(), "x");
  const session = a.register("y");
  await etcd.until(() => b.ids() === "x,y", "b serves y");
  a.registry.disconnect(session, etcd.time.now());
  assert.ok(b.registry.deregister("y", 1n));
  await etcd.until(() => a.ids() === "x" && late.ids() === "x", "y is gone everywhere");
  assert.deepEqual([...etcd.kvs.keys()], ["cp/instance/x"]);
  for (const plane of [a, b, late]) await plane.stop();
});

test("what is entered with one holds for all, and is there for the next", async () => {
  const etcd = new FakeEtcd();
  const [a, b] = [await startPlane(etcd), await startPlane(etcd)];
  b.register("x");
  const value = create(PutStaticInstanceRequestSchema, { instance: instance("db", { service: "db" }) });
  await a.keeper.enter({ kind: "static", key: "db", value });
  const check = { intervalMs: 500, kind: { case: "tcp" as const, value: {} } };
  await a.keeper.enter({ kind: "service", key: "db", value: create(ServiceOptionsSchema, { check }) });
  await a.keeper.enter({ kind: "drain", key: "x", value: 1n });
  for (const plane of [a, b]) {
    await etcd.until(() => plane.ids() === "db,x", "both are served");
    await etcd.until(() => plane.registry.find("x")?.shown.draining === true, "x drains");
    assert.equal(plane.settings.get("db")?.check?.intervalMs, 500);
  }
  await b.keeper.enter({ kind: "static", key: "db", value: undefined });
  await b.keeper.enter({ kind: "service", key: "db", value: undefined });
  await etcd.until(() => a.ids() === "x" && a.settings.all.size === 0, "a forgets both");
  for (const plane of [a, b]) await plane.stop();
});

test("a control plane that is killed takes along only who has not come back by the end of its lease", async () => {
  const etcd = new FakeEtcd();
  const [a, b] = [await startPlane(etcd), await startPlane(etcd)];
  for (const id of ["moves", "dies"]) a.register(id);
  await etcd.until(() => b.ids() === "dies,moves", "b serves both");
  const lease = leaseOf(etcd, "moves");
  await a.kill();
  await etcd.pass(2_000);
  assert.equal(b.ids(), "dies,moves");
  b.register("moves");
  await etcd.until(() => leaseOf(etcd, "moves") !== lease, "b writes it under its own lease");
  etcd.endLease(lease);
  await etcd.until(() => b.ids() === "moves", "the other one goes");
  await b.stop();
});

test("a control plane that stops leaves its instances the time to move", async () => {
  const etcd = new FakeEtcd();
  const [a, b] = [await startPlane(etcd), await startPlane(etcd)];
  a.register("x");
  await etcd.until(() => b.ids() === "x", "b serves x");
  await a.stop();
  await etcd.pass(3_000);
  assert.equal(b.ids(), "x");
  await b.stop();
});

test("who lost sight of an instance neither removes nor overwrites what it registered elsewhere", async () => {
  const etcd = new FakeEtcd();
  const [a, b] = [await startPlane(etcd), await startPlane(etcd)];
  const session = a.register("x");
  await etcd.until(() => b.ids() === "x", "b serves x");
  // Its connection moves, and a finds out late.
  b.register("x", { weight: 5 });
  a.registry.disconnect(session, etcd.time.now());
  await etcd.pass(5_000);
  assert.deepEqual([a.ids(), b.ids()], ["x", "x"]);
  assert.equal(a.registry.find("x")?.shown.weight, 5);
  assert.throws(() => a.registry.heartbeat(session, etcd.time.now()), /another control plane/);
  for (const plane of [a, b]) await plane.stop();
});

test("a lease that was lost is replaced, and everything written again", async () => {
  const etcd = new FakeEtcd();
  const [a, b] = [await startPlane(etcd), await startPlane(etcd)];
  const sessions = ["x", "y"].map((id) => a.register(id));
  await etcd.until(() => b.ids() === "x,y", "b serves both");
  const lease = leaseOf(etcd, "x");
  etcd.endLease(lease);
  await etcd.until(() => {
    for (const session of sessions) a.registry.heartbeat(session, etcd.time.now());
    return b.ids() === "x,y" && leaseOf(etcd, "x") > lease && leaseOf(etcd, "y") > lease;
  }, "b serves both again, under a new lease");
  assert.equal(a.ids(), "x,y");
  for (const plane of [a, b]) await plane.stop();
});

test("what is missing after an outage goes only when its control plane had the time to write it again", async () => {
  const etcd = new FakeEtcd();
  const [a, b] = [await startPlane(etcd), await startPlane(etcd)];
  a.register("x");
  await etcd.until(() => b.ids() === "x", "b serves x");
  await a.kill();
  etcd.breakStreams();
  etcd.delete("cp/instance/x");
  etcd.compact();
  await etcd.pass(8_000);
  assert.equal(b.ids(), "x");
  await etcd.pass(8_000);
  assert.equal(b.ids(), "");
  await b.stop();
});

test("a store that can't be reached stops the start, and takes nothing away later", async () => {
  const etcd = new FakeEtcd();
  let down = false;
  const reach = () => {
    if (down) throw new ConnectError("connection refused", Code.Unavailable);
    return etcd.transport;
  };
  const transport: Transport = {
    unary: async (...args) => reach().unary(...args),
    stream: async (...args) => reach().stream(...args),
  };
  const plane = await startPlane(etcd, transport);
  const session = plane.register("x");
  await etcd.pass(200);
  const lease = leaseOf(etcd, "x");
  down = true;
  etcd.breakStreams();
  const passBeating = async (seconds: number) => {
    for (let n = 0; n < seconds; n++) {
      await etcd.pass(1_000);
      plane.registry.heartbeat(session, etcd.time.now());
    }
  };
  await passBeating(60);
  assert.equal(plane.ids(), "x");
  assert.match(
    plane.warnings.join(),
    /^.*etcd:\/\/e:2379\/cp cannot be used: .*; what is known stays in use/,
  );
  assert.equal(plane.warnings.length, 1);
  const starting = assert.rejects(startPlane(etcd, transport), { reason: "storeFailed" });
  await passBeating(10);
  await starting;
  etcd.endLease(lease);
  down = false;
  await etcd.until(() => etcd.kvs.has("cp/instance/x"), "it is written again");
  assert.match(plane.warnings[1] ?? "", /answers again/);
  await plane.stop();
});

test("after any sequence of events all serve the same, and etcd holds it", async () => {
  const planeOf = fc.nat(1);
  const idOf = fc.constantFrom("x", "y", "z");
  const step = fc.oneof(
    fc.record({ do: fc.constant("register" as const), plane: planeOf, id: idOf, weight: fc.nat(3) }),
    fc.record({ do: fc.constant("break" as const), plane: planeOf, id: idOf }),
    fc.record({ do: fc.constant("leave" as const), plane: planeOf, id: idOf }),
    fc.record({ do: fc.constant("pass" as const), ms: fc.nat(400) }),
    fc.record({ do: fc.constant("lose answers" as const) }),
    fc.record({ do: fc.constant("break streams" as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const etcd = new FakeEtcd();
      const planes = [await startPlane(etcd), await startPlane(etcd)] as const;
      const at = (index: number) => planes[index === 0 ? 0 : 1];
      const sessions = new Map<string, RegistrySession>();
      for (const one of steps) {
        if (one.do === "pass") await etcd.pass(one.ms);
        else if (one.do === "lose answers") etcd.answersToLose = 1;
        else if (one.do === "break streams") etcd.breakStreams();
        else if (one.do === "register")
          sessions.set(`${one.plane}${one.id}`, at(one.plane).register(one.id, { weight: one.weight }));
        else {
          const session = sessions.get(`${one.plane}${one.id}`);
          if (session) at(one.plane).registry.disconnect(session, etcd.time.now());
          if (one.do === "leave") at(one.plane).registry.deregister(one.id, 1n);
        }
      }
      // Every lease that nobody renews runs out in this time.
      await etcd.pass(30_000);
      const inEtcd = [...etcd.kvs.keys()]
        .map((key) => key.slice("cp/instance/".length))
        .toSorted()
        .join();
      assert.deepEqual(
        planes.map((plane) => plane.ids()),
        [inEtcd, inEtcd],
      );
      for (const plane of planes) await plane.kill();
    }),
    { numRuns: 20 },
  );
});

test("a service config that is set with one holds at all, and for those that start later", async () => {
  const etcd = new FakeEtcd();
  const [a, b] = [await startPlane(etcd), await startPlane(etcd)];
  await a.keeper.enter({ kind: "config", key: "orders", value: { balancer: "random" } });
  await etcd.until(() => b.configs.for("orders") !== undefined, "b has it");
  const late = await startPlane(etcd);
  assert.deepEqual(late.configs.for("orders"), { balancer: "random" });
  await b.keeper.enter({ kind: "config", key: "orders", value: undefined });
  await etcd.until(() => a.configs.for("orders") === undefined, "a has it no more");
  for (const plane of [a, b, late]) await plane.stop();
});
