/** Being registered: the holder, the lease and the login, under virtual time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createEndpoint, type Endpoint } from "../endpoint.ts";
import { RegistrationRefused } from "../holder.ts";
import { createInstanceState } from "../register/instance-state.ts";
import { createEtcdClient } from "./etcd-client.ts";
import { createEtcdHolder } from "./etcd-holder.ts";
import { keyText } from "./etcd-keys.ts";
import { createEtcdLayout, readInstance, readOwner } from "./etcd-layout.ts";
import { FakeEtcd } from "./fake-etcd.test.ts";
import { createLeaseKeeper } from "./lease-keeper.ts";

/** A process on `etcd`, without the loop that tries again. */
function createProcess(etcd: FakeEtcd, { incarnation = 1n, username = "", password = "" } = {}) {
  const { runtime, transport } = etcd;
  const client = createEtcdClient({ transport, runtime, username, password, timeoutMs: 300 });
  const leases = createLeaseKeeper({ client, runtime, ttlMs: 9_000 });
  const layout = createEtcdLayout("heddle");
  const holder = createEtcdHolder({ client, leases, layout, incarnation, runtime });

  function hold(first: Endpoint) {
    const current = createInstanceState(first, runtime.timers);
    const stop = new AbortController();
    const held = { registered: 0, error: undefined as unknown, stop, current };
    let seen = 0;
    holder
      .hold({
        get instance() {
          return current.instance;
        },
        signal: stop.signal,
        registered: () => held.registered++,
        async next(ms) {
          const what = await current.changed(seen, ms, stop.signal);
          seen = current.version;
          return what;
        },
      })
      .catch((error: unknown) => {
        held.error = error;
      });
    return held;
  }
  const release = (instance: Endpoint) => holder.release(instance, new AbortController().signal);
  return { client, leases, hold, release };
}

const orders = createEndpoint({
  id: "orders-1",
  address: "10.0.0.1:80",
  service: "orders",
  contracts: ["shop.v1.OrderService"],
});
const stock = createEndpoint({ id: "stock-1", address: "10.0.0.1:81", service: "stock" });
const KEYS = ["heddle/orders/orders-1", "heddle/shop.v1.OrderService/orders-1"];
const keys = (etcd: FakeEtcd) => [...etcd.kvs.keys()].toSorted();
const seenAs = (etcd: FakeEtcd, key: string) =>
  readInstance("orders", "orders-1", etcd.kvs.get(key)?.value ?? new Uint8Array());

test("a key for each name, all on one lease, renewed every third of its time", async () => {
  const etcd = new FakeEtcd();
  const process = createProcess(etcd);
  const both = [orders, stock].map((each) => process.hold(each));
  await etcd.until(() => both.every(({ registered }) => registered > 0), "both registered");
  assert.deepEqual(keys(etcd), [...KEYS, "heddle/stock/stock-1"].toSorted());
  assert.equal(etcd.grants, 1);
  await etcd.pass(30_000);
  assert.ok(
    etcd.keepAlives === 9 || etcd.keepAlives === 10,
    `first after 3 s, then each 3 s: ${etcd.keepAlives}`,
  );
  assert.deepEqual(seenAs(etcd, KEYS[0] ?? ""), orders);
  both[0]?.current.set({ ...orders, draining: true });
  await etcd.until(() => seenAs(etcd, KEYS[0] ?? "")?.draining === true, "the change");
  assert.ok(both.every(({ error }) => error === undefined));
});

test("lost by our own clock when etcd keeps silent, and not before", async () => {
  const etcd = new FakeEtcd();
  const process = createProcess(etcd);
  const held = process.hold(orders);
  await etcd.until(() => held.registered > 0, "registered");
  const renewedAtMs = etcd.time.now();
  etcd.frozen = true;
  await etcd.pass(8_500);
  assert.equal(held.error, undefined);
  await etcd.until(() => held.error !== undefined, "the loss");
  assert.ok(etcd.time.now() - renewedAtMs <= 9_300, String(etcd.time.now() - renewedAtMs));
  assert.match(String(held.error), /not renewed within 9000 ms/);
  etcd.frozen = false;
  const again = process.hold(orders);
  await etcd.until(() => again.registered > 0, "registered again");
  assert.equal(etcd.grants, 2);
  assert.equal(etcd.kvs.get(KEYS[0] ?? "")?.lease, 2n, "the keys are on the new lease");
});

test("a lease that etcd has let run out is noticed at the next renewal", async () => {
  const etcd = new FakeEtcd();
  const held = createProcess(etcd).hold(orders);
  await etcd.until(() => held.registered > 0, "registered");
  etcd.endLease(1n);
  await etcd.until(() => held.error !== undefined, "the loss");
  assert.match(String(held.error), /let it run out/);
});

test("a write whose answer is lost is looked up, and done once", async () => {
  const etcd = new FakeEtcd();
  etcd.answersToLose = 1;
  const held = createProcess(etcd).hold(orders);
  await etcd.until(() => held.registered > 0, "registered");
  assert.deepEqual(keys(etcd), KEYS);
  assert.equal(etcd.revision, 2n, "nothing was written again");
});

test("a key that somebody deletes or overwrites is put back within a minute", async () => {
  const etcd = new FakeEtcd();
  const held = createProcess(etcd).hold(orders);
  await etcd.until(() => held.registered > 0, "registered");
  etcd.delete(KEYS[1] ?? "");
  etcd.put(KEYS[0] ?? "", "something else");
  await etcd.until(() => keys(etcd).length === 2, "the deleted key");
  assert.ok(etcd.time.now() < 60_000);
  assert.deepEqual(seenAs(etcd, KEYS[0] ?? ""), orders);
  assert.equal(held.error, undefined);
});

test("what a newer incarnation wrote is left alone, by a write and on the way out", async () => {
  const etcd = new FakeEtcd();
  const [older, newer] = [createProcess(etcd, { incarnation: 1n }), createProcess(etcd, { incarnation: 2n })];
  const first = older.hold(orders);
  await etcd.until(() => first.registered > 0, "the older");
  const second = newer.hold({ ...orders, address: "10.0.0.2:80" });
  await etcd.until(() => second.registered > 0, "the newer takes over");
  first.current.set({ ...orders, weight: 2 });
  await etcd.until(() => first.error !== undefined, "the older gives up");
  assert.match(String(first.error), /newer incarnation/);
  await older.release(orders);
  assert.deepEqual(keys(etcd), KEYS);
  assert.equal(readOwner(etcd.kvs.get(KEYS[0] ?? "")?.value ?? new Uint8Array())?.incarnation, 2n);
  await newer.release(orders);
  assert.deepEqual(keys(etcd), []);
});

test("who leaves takes its keys, and the last one the lease", async () => {
  const etcd = new FakeEtcd();
  const process = createProcess(etcd);
  const both = [orders, stock].map((each) => process.hold(each));
  await etcd.until(() => both.every(({ registered }) => registered > 0), "both registered");
  both[0]?.stop.abort();
  await process.release(orders);
  assert.deepEqual(keys(etcd), ["heddle/stock/stock-1"]);
  assert.equal(both[1]?.error, undefined);
  both[1]?.stop.abort();
  await process.release(stock);
  assert.deepEqual([etcd.kvs.size, etcd.leases.size], [0, 0]);
});

test("a write that may still arrive doesn't outlive its instance: the lease is left behind", async () => {
  const etcd = new FakeEtcd();
  const process = createProcess(etcd);
  const other = process.hold(stock);
  await etcd.until(() => other.registered > 0, "the other");
  etcd.answersToLose = 1;
  const held = process.hold(orders);
  await etcd.until(() => held.registered > 0, "registered");
  held.stop.abort();
  await process.release(orders);
  await etcd.until(() => other.error !== undefined, "the other has to take a new lease");
  const again = process.hold(stock);
  await etcd.until(() => again.registered > 0, "which it does");
  assert.equal(etcd.kvs.get("heddle/stock/stock-1")?.lease, 2n);
});

test("a login is made once, and again when its token is forgotten", async () => {
  const etcd = new FakeEtcd();
  etcd.token = "first";
  const process = createProcess(etcd, { username: "app", password: "pw" });
  const held = process.hold(orders);
  await etcd.until(() => held.registered > 0, "registered");
  assert.equal(etcd.logins, 1);
  etcd.token = "second";
  held.current.set({ ...orders, weight: 4 });
  await etcd.until(() => seenAs(etcd, KEYS[0] ?? "")?.weight === 4, "the change");
  assert.equal(etcd.logins, 2);
});

test("a user while authentication is off is no obstacle; a wrong password is a refusal", async () => {
  const open = new FakeEtcd();
  const held = createProcess(open, { username: "app", password: "pw" }).hold(orders);
  await open.until(() => held.registered > 0, "registered");
  const closed = new FakeEtcd();
  closed.token = "t";
  const refused = createProcess(closed, { username: "app", password: "wrong" }).hold(orders);
  await closed.until(() => refused.error !== undefined, "the refusal");
  assert.ok(refused.error instanceof RegistrationRefused);
  assert.match(refused.error.message, /authentication failed/);
});

test("lists are tried again, and keys are what they are", async () => {
  const etcd = new FakeEtcd();
  const { client } = createProcess(etcd);
  etcd.put("a/1", "x");
  etcd.put("b", "y");
  const { kvs, revision } = await client.list("a/");
  assert.deepEqual([kvs.map(({ key }) => keyText(key)), revision], [["a/1"], 3n]);
});
