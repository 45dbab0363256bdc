/** Following keys: the source on the client's shared watch stream, under virtual time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { createRouterTransport } from "@connectrpc/connect";
import { isHeddleError } from "../../call/errors.ts";
import { EventSchema, KeyValueSchema } from "../../gen/etcd/kv_pb.ts";
import { KV, WatchResponseSchema } from "../../gen/etcd/rpc_pb.ts";
import { createRuntime } from "../../runtime/runtime.ts";
import type { SourceUpdate } from "../source.ts";
import { parseTarget } from "../target.ts";
import { createEtcdClient } from "./etcd-client.ts";
import { createEtcdLayout } from "./etcd-layout.ts";
import { createEtcdSource } from "./etcd-source.ts";
import { FakeEtcd } from "./fake-etcd.test.ts";
import { MAX_UNREAD_EVENTS, Watcher } from "./watcher.ts";

function createWorld(pageSize = 1_000) {
  const etcd = new FakeEtcd();
  const client = createEtcdClient({ transport: etcd.transport, runtime: etcd.runtime, pageSize });
  const warnings: string[] = [];
  const source = createEtcdSource({
    client,
    layout: createEtcdLayout("heddle"),
    registry: "etcd://fake",
    onWarning: (text) => warnings.push(text),
    runtime: etcd.runtime,
  });

  /** Reads until it ends. */
  function follow(name: string) {
    const updates: SourceUpdate[] = [];
    const stop = new AbortController();
    const state: { error?: unknown } = {};
    const reading = (async () => {
      for await (const update of source.open(parseTarget(`etcd:///${name}`), stop.signal))
        updates.push(update);
    })().catch((error: unknown) => {
      state.error = error;
    });
    return {
      updates,
      stop,
      state,
      reading,
      news: () => updates.filter(({ kind }) => kind !== "alive").map(summary),
    };
  }
  return { etcd, client, warnings, follow };
}

function summary(update: SourceUpdate): string {
  if (update.kind === "alive") return "alive";
  if (update.kind === "snapshot") return `= ${update.endpoints.map(({ id }) => id).join(" ")}`;
  if (update.kind === "service-config") return "config";
  return `+ ${update.upserted.map(({ id }) => id).join(" ")} - ${update.removed.join(" ")}`;
}

const value = (port: number) => JSON.stringify({ Addr: `10.0.0.1:${port}` });

test("a list in pages of one revision, then what happens, a revision at a time", async () => {
  const { etcd, follow } = createWorld(2);
  for (const id of ["a", "b", "c", "d", "e"]) etcd.put(`heddle/orders/${id}`, value(1));
  etcd.put("heddle/orders-v2/x", value(1));
  const { news, stop, reading } = follow("orders");
  await etcd.until(() => etcd.streams.size === 1 && news().length === 1, "the list");
  assert.equal(etcd.ranges, 3);
  etcd.put("heddle/orders/f", value(2));
  etcd.delete("heddle/orders/a", "heddle/orders/b", "heddle/orders-v2/x");
  etcd.put("heddle/orders/c", "unreadable");
  await etcd.until(() => news().length === 4, "the changes");
  assert.deepEqual(news(), ["= a b c d e", "+ f - ", "+  - a b", "+  - c"]);
  stop.abort();
  await reading;
  await etcd.until(() => etcd.streams.size === 0, "nobody watches: the stream ends");
});

test("what happens between the list and the watch is not missed", async () => {
  const { etcd, follow } = createWorld();
  const { news, updates, stop } = follow("orders");
  await etcd.until(() => {
    if (updates.length > 0 && etcd.streams.size === 0) etcd.put("heddle/orders/a", value(1));
    return news().length >= 2 || etcd.streams.size > 0;
  }, "the watch");
  etcd.put("heddle/orders/b", value(1));
  await etcd.until(() => news().at(-1) === "+ b - ", "the change");
  stop.abort();
});

test("all names of a process are followed on one stream, with one heartbeat", async () => {
  const { etcd, follow } = createWorld();
  const all = ["orders", "payments", "stock"].map(follow);
  await etcd.until(() => [...etcd.streams][0]?.watchers.size === 3, "three watchers");
  assert.equal(etcd.streamsOpened, 1);
  const before = etcd.progressRequests;
  await etcd.pass(15_000);
  assert.ok(Math.abs(etcd.progressRequests - before - 10) <= 1, "one each 1.5 s");
  for (const { updates } of all) assert.ok(updates.filter(({ kind }) => kind === "alive").length >= 9);
  all[0]?.stop.abort();
  await etcd.until(() => [...etcd.streams][0]?.watchers.size === 2, "one has left");
  etcd.put("heddle/stock/a", value(1));
  await etcd.until(() => all[2]?.news().length === 2, "the others are told");
  for (const { stop } of all) stop.abort();
});

test("a watch tells nothing that its list had", async () => {
  const { etcd, follow } = createWorld();
  etcd.put("heddle/orders/a", value(1));
  const { news, stop } = follow("orders");
  await etcd.until(() => [...etcd.streams][0]?.watchers.size === 1, "the watch");
  etcd.put("heddle/orders/b", value(1));
  await etcd.until(() => news().length === 2, "the change");
  assert.deepEqual(news(), ["= a", "+ b - "]);
  stop.abort();
});

test("history that is compacted, before or under the watch, means a new list", async () => {
  const { etcd, follow } = createWorld();
  etcd.put("heddle/orders/a", value(1));
  etcd.afterRange = () => {
    etcd.afterRange = () => {};
    etcd.put("heddle/orders/b", value(1));
    etcd.delete("heddle/orders/a");
    etcd.compact();
  };
  const { news, stop, state } = follow("orders");
  await etcd.until(() => news().length === 2, "a list and, for its cursor was too old, another one");
  await etcd.until(() => [...etcd.streams].some(({ watchers }) => watchers.size === 1), "the watch");
  etcd.cancelWatchersAsCompacted();
  etcd.put("heddle/orders/c", value(1));
  await etcd.until(() => news().length === 3, "the third list");
  assert.deepEqual(news(), ["= a", "= b", "= b c"]);
  assert.equal(state.error, undefined);
  stop.abort();
});

test("a member that is frozen is found out within 5 s, and every watcher told", async () => {
  const { etcd, follow } = createWorld();
  const both = ["orders", "payments"].map(follow);
  await etcd.until(() => [...etcd.streams][0]?.watchers.size === 2, "two watchers");
  await etcd.pass(4_000);
  etcd.frozen = true;
  const frozenAtMs = etcd.time.now();
  await etcd.until(() => both.every(({ state }) => state.error !== undefined), "the end");
  assert.ok(etcd.time.now() - frozenAtMs <= 6_000);
  assert.match(String(both[0]?.state.error), /said nothing for/);
  etcd.frozen = false;
  const again = follow("orders");
  await etcd.until(() => again.news().length === 1, "a new stream");
  again.stop.abort();
});

test("a member that ends its streams ends the attempt", async () => {
  const { etcd, follow } = createWorld();
  const { state } = follow("orders");
  await etcd.until(() => [...etcd.streams][0]?.watchers.size === 1, "the watcher");
  etcd.breakStreams();
  await etcd.until(() => state.error !== undefined, "the end");
  assert.match(String(state.error), /ended the watch/);
});

test("a refusal is told as one, and other watchers don't suffer from it", async () => {
  const { etcd, follow } = createWorld();
  const good = follow("orders");
  await etcd.until(() => [...etcd.streams][0]?.watchers.size === 1, "the watcher");
  etcd.refusesWatches = true;
  const bad = follow("payments");
  await etcd.until(() => bad.state.error !== undefined, "the refusal");
  assert.ok(isHeddleError(bad.state.error) && bad.state.error.reason === "registryRefused");
  etcd.put("heddle/orders/a", value(1));
  await etcd.until(() => good.news().length === 2, "the other goes on");
  good.stop.abort();
});

test("a target with options is refused, with the option's name", async () => {
  const { etcd, follow } = createWorld();
  const { state } = follow("orders?tag=v2");
  await etcd.until(() => state.error !== undefined, "the refusal");
  assert.match(String(state.error), /no option "tag"/);
});

test("a watcher that nobody reads ends instead of growing", async () => {
  const watcher = new Watcher(1n, 1n);
  const event = create(EventSchema, { kv: { modRevision: 1n } });
  const events = Array.from({ length: MAX_UNREAD_EVENTS / 2 }, () => event);
  const response = create(WatchResponseSchema, { events });
  assert.deepEqual(
    [1, 2, 3].map(() => watcher.take(response)),
    ["taken", "taken", "overflow"],
  );
  await watcher.next();
  await watcher.next();
  await assert.rejects(watcher.next(), /unread/);
});

test("an etcd that compacts all the time is not listed without a pause", async () => {
  const { etcd, follow } = createWorld();
  etcd.put("heddle/orders/a", value(1));
  const { state, stop } = follow("orders");
  let compactions = 0;
  etcd.afterRange = () => {
    etcd.put("heddle/others", "");
    etcd.put("heddle/others", "");
    etcd.compact();
    compactions++;
  };
  await etcd.until(() => state.error !== undefined, "the end of the attempt");
  assert.match(String(state.error), /compacted/);
  assert.ok(compactions <= 7, String(compactions));
  stop.abort();
});

test("an etcd that gives the same page again and again is not read for ever", async () => {
  const kv = create(KeyValueSchema, { key: Buffer.from("heddle/a"), value: Buffer.from("x") });
  let pages = 0;
  const transport = createRouterTransport(({ service }) =>
    service(KV, {
      range: () => ({ header: { revision: 5n }, kvs: [kv], more: true, count: BigInt(pages++) }),
    }),
  );
  const stuck = createEtcdClient({ transport, runtime: createRuntime() });
  await assert.rejects(stuck.list("heddle/"), /the same page again/);
  assert.equal(pages, 2);
});
