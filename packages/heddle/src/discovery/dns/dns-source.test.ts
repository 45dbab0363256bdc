/** Rounds of questions to a scripted DNS under virtual time. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createSeededRandom } from "../../runtime/random.ts";
import { createRuntime } from "../../runtime/runtime.ts";
import { createVirtualTime } from "../../runtime/virtual-time.ts";
import type { SourceUpdate } from "../source.ts";
import { parseTarget } from "../target.ts";
import type { DnsLookup, ServiceRecord } from "./dns-lookup.ts";
import { createDnsSource } from "./dns-source.ts";

interface Zone {
  /** Addresses of both families; an error is what asking gives. */
  hosts: Record<string, readonly string[] | Error>;
  services: Record<string, readonly ServiceRecord[] | Error>;
  ttlMs: number | undefined;
}

const srv = (host: string, { port = 50051, priority = 0, weight = 0 } = {}): ServiceRecord => ({
  host,
  port,
  priority,
  weight,
});

function follow(t: TestContext, target: string, zone: Zone) {
  const time = createVirtualTime();
  const asked: string[] = [];
  const find = <T>(question: string, found: readonly T[] | Error | undefined) => {
    asked.push(question);
    if (found instanceof Error) throw found;
    return { records: found ?? [], ttlMs: found && found.length > 0 ? zone.ttlMs : undefined };
  };
  const lookup: DnsLookup = {
    open: () => ({
      addresses: async (host, family) => {
        const { records, ttlMs } = find(
          `${family} ${host}`,
          zone.hosts[`${family} ${host}`] ?? zone.hosts[host],
        );
        return { records: records.filter((ip) => ip.includes(":") === (family === 6)), ttlMs };
      },
      services: async (name) => ({ ...find(`srv ${name}`, zone.services[name]), ttlMs: undefined }),
      [Symbol.dispose]: () => {},
    }),
  };
  const source = createDnsSource({
    lookup,
    servers: [],
    suffix: "svc.test",
    srv: "on",
    family: "any",
    minIntervalMs: 5_000,
    maxIntervalMs: 60_000,
    timeoutMs: 2_000,
    runtime: createRuntime({ clock: time, timers: time, random: createSeededRandom(1) }),
  });
  const controller = new AbortController();
  t.after(() => controller.abort());
  const seen = { updates: [] as SourceUpdate[], error: undefined as unknown, shown: "", complete: true };
  void (async () => {
    try {
      for await (const update of source.open(parseTarget(target), controller.signal)) {
        seen.updates.push(update);
        if (update.kind !== "snapshot") continue;
        seen.complete = update.complete ?? true;
        seen.shown = update.endpoints
          .map(({ address, otherAddresses, weight }) => `${[address, ...otherAddresses].join("|")}*${weight}`)
          .toSorted()
          .join(" ");
      }
    } catch (error) {
      seen.error = error;
    }
  })();
  return {
    seen,
    asked,
    /** Lets time pass, and everything that follows happen. */
    async pass(ms: number) {
      for (const step of [0, ms]) {
        time.advance(step);
        for (let turn = 0; turn < 50; turn++) await Promise.resolve();
      }
    },
  };
}

test("all addresses of a host are endpoints, and one of each family is one endpoint", async (t) => {
  const zone: Zone = {
    hosts: { several: ["10.0.0.2", "10.0.0.1"], one: ["10.0.0.1", "::1"] },
    services: {},
    ttlMs: 1,
  };
  const several = follow(t, "dns:///several:80", zone);
  const one = follow(t, "dns:///one:80", zone);
  await Promise.all([several.pass(0), one.pass(0)]);
  assert.equal(several.seen.shown, "10.0.0.1:80*1 10.0.0.2:80*1");
  assert.equal(one.seen.shown, "10.0.0.1:80|[::1]:80*1");
});

test("it asks again when the TTL is over, between the floor and the ceiling", async (t) => {
  for (const { ttlMs, atLeast, atMost } of [
    { ttlMs: 1_000, atLeast: 5_000, atMost: 5_500 },
    { ttlMs: 20_000, atLeast: 20_000, atMost: 22_000 },
    { ttlMs: 3_600_000, atLeast: 60_000, atMost: 66_000 },
    { ttlMs: undefined, atLeast: 5_000, atMost: 5_500 },
  ]) {
    const watch = follow(t, "dns:///orders:80", { hosts: { orders: ["10.0.0.1"] }, services: {}, ttlMs });
    await watch.pass(atLeast - 10);
    assert.equal(watch.asked.length, 2, `TTL ${ttlMs}: too early`);
    await watch.pass(atMost - atLeast + 10);
    assert.ok(watch.asked.length >= 3, `TTL ${ttlMs}: too late`);
  }
});

test("an hour of a short TTL is no storm", async (t) => {
  const watch = follow(t, "dns:///orders", {
    hosts: { a: ["10.0.0.1"], b: ["10.0.0.2"] },
    services: { "_grpc._tcp.orders.svc.test": [srv("a"), srv("b")] },
    ttlMs: 0,
  });
  for (let second = 0; second < 3_600; second++) await watch.pass(1_000);
  const rounds = watch.asked.filter((question) => question.startsWith("srv")).length;
  assert.ok(rounds > 600 && rounds <= 721, `${rounds} rounds`);
  assert.ok(watch.asked.length <= rounds * 5);
});

test("hosts whose TTL is not over are not asked again with the SRV records", async (t) => {
  const zone: Zone = {
    hosts: { a: ["10.0.0.1"], b: ["10.0.0.2"] },
    services: { "_grpc._tcp.orders.svc.test": [srv("a")] },
    ttlMs: 30_000,
  };
  const watch = follow(t, "dns:///orders", zone);
  await watch.pass(0);
  assert.equal(watch.seen.shown, "10.0.0.1:50051*1");
  zone.services = { "_grpc._tcp.orders.svc.test": [srv("a"), srv("b")] };
  // The negative answer for IPv6 brings no TTL and is not what decides.
  await watch.pass(33_100);
  assert.equal(watch.seen.shown, "10.0.0.1:50051*1 10.0.0.2:50051*1");
});

test("the best priority that leads anywhere is used, with the weights of its records", async (t) => {
  const name = "_grpc._tcp.orders.svc.test";
  const zone: Zone = {
    hosts: { a: ["10.0.0.1"], b: ["10.0.0.2", "10.0.0.3"], c: ["10.0.1.1"] },
    services: {
      [name]: [
        srv("a", { weight: 10, priority: 1 }),
        srv("b", { weight: 20, priority: 1, port: 7 }),
        srv("c", { priority: 2 }),
        srv("gone", { priority: 0 }),
      ],
    },
    ttlMs: 1,
  };
  const watch = follow(t, "dns:///orders", zone);
  await watch.pass(0);
  assert.equal(watch.seen.shown, "10.0.0.1:50051*20 10.0.0.2:7*20 10.0.0.3:7*20");
  zone.hosts = { c: ["10.0.1.1"] };
  await watch.pass(6_000);
  assert.equal(watch.seen.shown, "10.0.1.1:50051*1");
});

test("no such name is an answer: nothing is there", async (t) => {
  const watch = follow(t, "dns:///orders", { hosts: {}, services: {}, ttlMs: 1 });
  await watch.pass(0);
  assert.deepEqual(
    watch.seen.updates.filter(({ kind }) => kind === "snapshot"),
    [{ kind: "snapshot", endpoints: [], complete: true }],
  );
});

test("a server that fails says nothing of the name", async (t) => {
  const zone: Zone = { hosts: { orders: ["10.0.0.1"] }, services: {}, ttlMs: 1 };
  const watch = follow(t, "dns:///orders:80", zone);
  await watch.pass(0);
  zone.hosts["orders"] = new Error("SERVFAIL");
  await watch.pass(6_000);
  assert.match(String(watch.seen.error), /SERVFAIL/);
  assert.equal(watch.seen.shown, "10.0.0.1:80*1");

  const fresh = follow(t, "dns:///orders:80", zone);
  await fresh.pass(0);
  assert.match(String(fresh.seen.error), /SERVFAIL/);
  assert.equal(fresh.seen.updates.length, 0);
});

test("a host of an SRV record that cannot be asked keeps its addresses; one never known leaves the set incomplete", async (t) => {
  const name = "_grpc._tcp.orders.svc.test";
  const zone: Zone = {
    hosts: { a: ["10.0.0.1"], b: ["10.0.0.2"] },
    services: { [name]: [srv("a"), srv("b")] },
    ttlMs: 1,
  };
  const watch = follow(t, "dns:///orders", zone);
  await watch.pass(0);
  zone.hosts["b"] = new Error("timeout");
  await watch.pass(6_000);
  assert.equal(watch.seen.shown, "10.0.0.1:50051*1 10.0.0.2:50051*1");
  assert.equal(watch.seen.complete, true);
  zone.services = { [name]: [srv("a"), srv("b"), srv("c")] };
  zone.hosts["c"] = new Error("timeout");
  await watch.pass(6_000);
  assert.equal(watch.seen.complete, false);
  zone.services = { [name]: new Error("SERVFAIL") };
  await watch.pass(6_000);
  assert.match(String(watch.seen.error), /SERVFAIL/);
});

test("a server that fails on AAAA, as many do, is believed about A", async (t) => {
  const watch = follow(t, "dns:///orders:80", {
    hosts: { "4 orders": ["10.0.0.1"], "6 orders": new Error("NOTIMP") },
    services: {},
    ttlMs: 1,
  });
  await watch.pass(0);
  assert.equal(watch.seen.shown, "10.0.0.1:80*1");
});
