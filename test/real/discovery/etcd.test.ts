/**
 * What is special to etcd, against real ones: leases, compaction, logins, TLS, members that are lost, and what other
 * programs write and read. What holds for every registry is in the contract suite.
 */
import "../../kit/trap.ts";
import assert from "node:assert/strict";
import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { openRegistry } from "heddle";
import { createEndpoint, createEndpointSet, type Endpoint, parseTarget } from "heddle/discovery";
import { createAuthority } from "../../kit/certificates.ts";
import { startEtcd } from "../../kit/registries/etcd.ts";
import { freePorts } from "../../kit/free-ports.ts";
import { builtProgram, serverFolder } from "../../kit/registries/places.ts";
import { fetchJson } from "../../kit/registries/probes.ts";
import { startNode } from "../../kit/registries/registry-server.ts";
import { until, within } from "../../kit/within.ts";

const run = promisify(execFile);

async function etcdctl(address: string, ...args: string[]): Promise<string> {
  const { stdout } = await run(builtProgram("etcdctl"), ["--endpoints", address, ...args]);
  return stdout.trim();
}

async function started(t: TestContext, size: 1 | 3 = 1) {
  const server = await startEtcd({ size });
  t.after(() => server.stop());
  const [first] = server.nodes;
  assert.ok(first);
  return { ...server, first, ctl: (...args: string[]) => etcdctl(first.address, ...args) };
}

/** One process's view of a registry, with what it was told. */
async function opened(t: TestContext, url: string, incarnation?: bigint) {
  const events: string[] = [];
  const warnings: string[] = [];
  const registry = await openRegistry(url, {
    onEvent: (event: { readonly kind: string }) => events.push(event.kind),
    onWarning: (text: string) => warnings.push(text),
    ...(incarnation === undefined ? {} : { incarnation }),
  });
  t.after(() => registry[Symbol.asyncDispose]());
  const { registrar } = registry;
  assert.ok(registrar);
  return { ...registry, registrar, events, warnings };
}

/** What a caller knows of a name. */
function watching(t: TestContext, { resolver }: Awaited<ReturnType<typeof opened>>, name: string) {
  const set = createEndpointSet();
  const stop = new AbortController();
  t.after(() => stop.abort());
  void (async () => {
    for await (const update of resolver.watch(parseTarget(`etcd:///${name}`), stop.signal)) set.apply(update);
  })();
  return set;
}

function instance(id: string, port: number, more: Partial<Endpoint> = {}): Endpoint {
  return createEndpoint({ id, address: `127.0.0.1:${port}`, service: "orders", ...more });
}

const ids = (set: { readonly endpoints: ReadonlyMap<string, Endpoint> }) =>
  [...set.endpoints.keys()].toSorted();

suite("etcd: what others write and read", () => {
  test("etcdctl reads our keys: one for each name, on one lease, in the layout of gRPC naming", async (t) => {
    const { url, ctl } = await started(t);
    const { registrar } = await opened(t, `${url}/shop`);
    const described = instance("orders/1", 4001, {
      contracts: ["shop.v1.OrderService"],
      otherAddresses: ["[::1]:4001"],
      protocols: ["grpc", "connect"],
      tls: true,
      weight: 3,
      zone: "eu-1a",
      version: "1.2",
      metadata: { Metadata: "mine" },
    });
    await registrar.register(described).registered;
    await registrar.register(instance("orders-2", 4002)).registered;

    const keys = (await ctl("get", "", "--prefix", "--keys-only")).split(/\n+/);
    assert.deepEqual(keys, [
      "shop/orders/orders%2F1",
      "shop/orders/orders-2",
      "shop/shop.v1.OrderService/orders%2F1",
    ]);
    const value = JSON.parse(await ctl("get", "shop/orders/orders%2F1", "--print-value-only"));
    assert.equal(value.Op, 0);
    assert.equal(value.Addr, "127.0.0.1:4001");
    assert.equal(value.Metadata, undefined, "a Go client would panic at an object there");
    const leases = await ctl("lease", "list");
    assert.match(leases, /found 1 leases/);

    const found = watching(t, await opened(t, `${url}/shop`), "shop.v1.OrderService");
    await until(() => found.endpoints.size === 1, "the instance is found by its contract");
    assert.deepEqual(found.endpoints.get("orders/1"), described);
  });

  test("what etcdctl puts in the layout of gRPC naming is found, and what it deletes is gone", async (t) => {
    const { url, ctl } = await started(t);
    const us = await opened(t, `${url}?prefix=`);
    await ctl("put", "orders/10.0.0.1:80", '{"Op":0,"Addr":"10.0.0.1:80","Metadata":{"rack":"b","slots":4}}');
    await ctl("put", "orders/broken", "not JSON");
    await ctl("put", "orders-v2/10.0.0.9:80", '{"Op":0,"Addr":"10.0.0.9:80"}');
    const set = watching(t, us, "orders");
    await until(() => set.complete, "the list");
    assert.deepEqual(
      set.endpoints.get("10.0.0.1:80"),
      createEndpoint({ address: "10.0.0.1:80", metadata: { rack: "b", slots: "4" } }),
    );
    assert.deepEqual(ids(set), ["10.0.0.1:80"]);
    assert.equal(us.warnings.length, 1);
    assert.match(us.warnings[0] ?? "", /orders\/broken/);

    await ctl("put", "orders/b", '{"Op":0,"Addr":"10.0.0.2:80","Metadata":null}');
    await until(() => set.endpoints.size === 2, "the second is found");
    await ctl("put", "orders/b", "{}");
    await until(() => set.endpoints.size === 1, "one that became unreadable is gone");
    await ctl("del", "orders/", "--prefix");
    await until(() => set.endpoints.size === 0, "all are gone");
  });

  test("what a newer incarnation wrote is left alone", async (t) => {
    const { url, ctl } = await started(t);
    const older = await opened(t, url, 1n);
    const newer = await opened(t, url, 2n);
    const set = watching(t, newer, "orders");
    const first = older.registrar.register(instance("orders-1", 4001));
    await first.registered;
    await newer.registrar.register(instance("orders-1", 4002)).registered;
    await until(
      () => set.endpoints.get("orders-1")?.address === "127.0.0.1:4002",
      "the newer has taken over",
    );
    first.update({ weight: 7 });
    await until(() => first.state === "lost", "the older finds out");
    assert.match(String(first.lastError), /newer incarnation/);
    await first[Symbol.asyncDispose]();
    assert.match(await ctl("get", "heddle/orders/orders-1"), /127\.0\.0\.1:4002/);
  });
});

suite("etcd: leases", () => {
  test("an instance that is killed is gone when its lease has run out, and not before", async (t) => {
    const { url } = await started(t);
    const set = watching(t, await opened(t, url), "orders");
    const program = `
      import { openRegistry } from "heddle";
      import { createEndpoint } from "heddle/discovery";
      const registry = await openRegistry(${JSON.stringify(`${url}?ttlMs=2000`)});
      const endpoint = createEndpoint({ id: "orders-1", address: "127.0.0.1:4001", service: "orders" });
      await registry.registrar.register(endpoint).registered;
      console.log("registered");
      setInterval(() => {}, 1000);
    `;
    const child = spawn(process.execPath, ["--input-type=module-typescript", "--eval", program], {
      cwd: import.meta.dirname,
      stdio: ["ignore", "pipe", "inherit"],
    });
    t.after(() => child.kill("SIGKILL"));
    await within(once(child.stdout, "data"), "the registration", 20_000);
    await until(() => set.endpoints.has("orders-1"), "the instance is found");
    // Longer than the lease: it is renewed.
    const renewedUntil = performance.now() + 3_000;
    await until(() => performance.now() > renewedUntil, "the lease would have run out");
    assert.ok(set.endpoints.has("orders-1"));
    child.kill("SIGKILL");
    const killedAt = performance.now();
    await until(() => !set.endpoints.has("orders-1"), "the lease ran out", 8_000);
    assert.ok(performance.now() - killedAt > 800, "etcd waits for the lease");
  });

  test("a lease that an operator revokes is replaced", async (t) => {
    const { url, ctl } = await started(t);
    const us = await opened(t, `${url}?ttlMs=2000`);
    const registration = us.registrar.register(instance("orders-1", 4001));
    await registration.registered;
    const lease = (await ctl("lease", "list")).split("\n").at(-1) ?? "";
    await ctl("lease", "revoke", lease);
    await until(
      () => us.events.filter((kind) => kind === "registered").length === 2,
      "it is registered again",
    );
    assert.match(await ctl("get", "heddle/orders/", "--prefix"), /orders-1/);
  });

  test("etcd frozen for longer than the lease: lost by our own clock, and back", async (t) => {
    const { url, first } = await started(t);
    const us = await opened(t, `${url}?ttlMs=2000`);
    const caller = await opened(t, url);
    const set = watching(t, caller, "orders");
    const registration = us.registrar.register(instance("orders-1", 4001));
    await registration.registered;
    await until(() => set.endpoints.size === 1, "it is found");
    await first.freeze();
    const frozenAt = performance.now();
    await until(() => registration.state === "lost", "the lease is given up", 5_000);
    await until(() => caller.events.includes("disconnected"), "the caller finds out", 6_000);
    assert.ok(performance.now() - frozenAt < 6_000);
    assert.equal(set.endpoints.size, 1, "unreachable is not empty");
    first.thaw();
    await until(() => registration.state === "registered", "it is registered again", 15_000);
    await until(() => caller.events.at(-1) === "connected", "the caller is back", 15_000);
    assert.deepEqual(ids(set), ["orders-1"]);
  });

  test("the last one to leave takes the lease along", async (t) => {
    const { url, ctl } = await started(t);
    const us = await opened(t, url);
    const [one, two] = [instance("a", 4001), instance("b", 4002)].map((each) => us.registrar.register(each));
    await Promise.all([one?.registered, two?.registered]);
    await one?.[Symbol.asyncDispose]();
    assert.equal(await ctl("get", "", "--prefix", "--keys-only"), "heddle/orders/b");
    await us[Symbol.asyncDispose]();
    assert.equal(await ctl("get", "", "--prefix", "--keys-only"), "");
    assert.match(await ctl("lease", "list"), /found 0 leases/);
  });
});

suite("etcd: history that is gone", () => {
  test("a store in which nothing happens is not taken for a dead one", { timeout: 60_000 }, async (t) => {
    const { url } = await started(t);
    const caller = await opened(t, url);
    const startedAt = performance.now();
    watching(t, caller, "orders");
    // Twice what it takes to give up a stream.
    await until(() => performance.now() - startedAt > 9_000, "9 s", 10_000);
    assert.deepEqual(caller.events, ["connected"]);
  });

  test("compacted while nobody was connected", async (t) => {
    const { url, first, ctl, compact } = await started(t);
    const caller = await opened(t, url);
    const set = watching(t, caller, "orders");
    await ctl("put", "heddle/orders/a", '{"Addr":"10.0.0.1:80"}');
    await ctl("put", "heddle/orders/b", '{"Addr":"10.0.0.2:80"}');
    await until(() => set.endpoints.size === 2, "both are found");
    await first.kill();
    await until(() => caller.events.includes("disconnected"), "the caller finds out");
    await first.restart();
    await ctl("del", "heddle/orders/a");
    await ctl("put", "heddle/orders/c", '{"Addr":"10.0.0.3:80"}');
    await compact();
    await until(() => ids(set).join() === "b,c", "what changed meanwhile is known", 15_000);
  });

  test("compacted under a watch that could not follow", async (t) => {
    const { url, first } = await started(t);
    const caller = await opened(t, url);
    const set = watching(t, caller, "orders");
    await until(() => set.complete, "the list");
    // This process takes nothing in while more is written than fits between it and etcd.
    const program = `
      const post = async (path, body) => (await fetch("http://${first.address}/v3/" + path, { method: "POST", body: JSON.stringify(body) })).json();
      const key = (n) => Buffer.from("heddle/orders/" + n).toString("base64");
      const value = (n) => Buffer.from(JSON.stringify({ Addr: "10.0.0.1:" + n, Metadata: "x".repeat(9000) })).toString("base64");
      let revision;
      for (let round = 1; round <= 30; round++) {
        const success = Array.from({ length: 100 }, (_, n) => ({ requestPut: { key: key(n), value: value(1000 * round + n) } }));
        revision = (await post("kv/txn", { success })).header.revision;
      }
      await post("kv/deleterange", { key: key(0) });
      await post("kv/compaction", { revision, physical: true });
    `;
    execFileSync(process.execPath, ["--input-type=module", "--eval", program]);
    await until(
      () => set.endpoints.get("99")?.address === "10.0.0.1:30099",
      "the last round is known",
      15_000,
    );
    await until(() => set.endpoints.size === 99, "so is the deletion");
  });
});

suite("etcd: a cluster of three", () => {
  for (const [what, which] of [
    ["the leader", "leader"],
    ["each member in turn", "each"],
  ] as const)
    test(`frozen: ${what}`, { timeout: 120_000 }, async (t) => {
      const { url, nodes } = await started(t, 3);
      const us = await opened(t, `${url}?ttlMs=10000`);
      const caller = await opened(t, url);
      const set = watching(t, caller, "orders");
      const registration = us.registrar.register(instance("orders-1", 4001));
      await registration.registered;
      await until(() => set.endpoints.size === 1, "it is found");
      const leader = await leaderOf(nodes.map(({ address }) => address));
      const victims = which === "leader" ? nodes.filter(({ address }) => address === leader) : nodes;
      for (const [round, victim] of victims.entries()) {
        await victim.freeze();
        registration.update({ weight: round + 2 });
        await until(
          () => set.endpoints.get("orders-1")?.weight === round + 2,
          `a change arrives without ${victim.address}`,
          15_000,
        );
        victim.thaw();
        await until(() => isHealthy(victim.address), `${victim.address} is back`, 20_000);
      }
      assert.ok(!us.events.includes("unregistered"), "the lease was held all the time");
      assert.deepEqual(ids(set), ["orders-1"]);
    });

  test("a member without the others ends its watches: the caller moves on", {
    timeout: 60_000,
  }, async (t) => {
    const { nodes } = await started(t, 3);
    const [alone, ...others] = nodes;
    assert.ok(alone);
    // Known to this caller is the one member only, and the others are gone for it.
    const caller = await opened(t, `etcd://${alone.address}`);
    const set = watching(t, caller, "orders");
    await until(() => set.complete, "the list");
    await Promise.all(others.map((node) => node.freeze()));
    await until(() => caller.events.includes("disconnected"), "the watch ends", 15_000);
    for (const node of others) node.thaw();
    await until(() => caller.events.at(-1) === "connected", "the caller is back", 20_000);
  });
});

async function leaderOf(addresses: readonly string[]): Promise<string> {
  for (const address of addresses) {
    const status = await fetchJson<{ leader: string; header: { member_id: string } }>(
      `http://${address}/v3/maintenance/status`,
      {},
    );
    if (status.leader === status.header.member_id) return address;
  }
  throw new Error("nobody leads");
}

async function isHealthy(address: string): Promise<boolean> {
  return fetchJson<{ health: string }>(`http://${address}/health`).then(
    ({ health }) => health === "true",
    () => false,
  );
}

suite("etcd: who may", () => {
  async function withUsers(t: TestContext) {
    const server = await started(t);
    const { ctl } = server;
    await ctl("user", "add", "root:rootpw");
    await ctl("user", "grant-role", "root", "root");
    await ctl("role", "add", "app");
    await ctl("role", "grant-permission", "app", "readwrite", "heddle/", "--prefix");
    await ctl("user", "add", "app:s3cret/pw");
    await ctl("user", "grant-role", "app", "app");
    await ctl("auth", "enable");
    const as = (user: string) => server.url.replace("://", `://${user}@`);
    return { ...server, as, root: (...args: string[]) => ctl("--user=root:rootpw", ...args) };
  }

  test("a user with rights registers and resolves, also when etcd has forgotten its tokens", async (t) => {
    const { as, first, root } = await withUsers(t);
    const us = await opened(t, as("app:s3cret%2Fpw"));
    const set = watching(t, us, "orders");
    const registration = us.registrar.register(instance("orders-1", 4001));
    await registration.registered;
    await until(() => set.endpoints.size === 1, "it is found");
    await first.restart();
    await until(() => us.events.includes("disconnected"), "the restart is noticed", 15_000);
    await until(() => us.events.at(-1) !== "disconnected", "the caller is back", 15_000);
    registration.update({ weight: 5 });
    await until(() => set.endpoints.get("orders-1")?.weight === 5, "a change arrives", 15_000);
    assert.match(await root("get", "heddle/orders/orders-1"), /"weight":5/);
  });

  test("a wrong password and a missing right are told as such, and no secret with them", async (t) => {
    const { as, url } = await withUsers(t);
    for (const [place, reason] of [
      [as("app:wrong-s3cret"), /authentication failed/],
      [url, /user name is empty/],
      [`${as("app:s3cret%2Fpw")}/elsewhere`, /permission denied/],
    ] as const) {
      const us = await opened(t, place);
      const registration = us.registrar.register(instance("orders-1", 4001));
      await assert.rejects(within(registration.registered, "the refusal"), (error: Error) => {
        assert.match(error.message, /HDL-2502/);
        assert.match(error.message, reason);
        assert.doesNotMatch(error.message, /s3cret/);
        return true;
      });
      const set = watching(t, us, "orders");
      await until(() => us.events.includes("disconnected"), "the caller is told");
      assert.equal(set.complete, false);
    }
  });

  test("a right that is granted later is used without a restart", async (t) => {
    const { as, root } = await withUsers(t);
    const us = await opened(t, `${as("app:s3cret%2Fpw")}/later`);
    const set = watching(t, us, "orders");
    await until(() => us.events.includes("disconnected"), "the refusal");
    await root("role", "grant-permission", "app", "readwrite", "later/", "--prefix");
    await until(() => set.complete, "the list", 15_000);
  });
});

test("etcd: TLS, with a certificate of ours", async (t) => {
  const folder = serverFolder("etcd-tls");
  const authority = createAuthority();
  const [client = 0, peer = 0] = await freePorts(2);
  const file = (name: string, content: string) => {
    const path = join(folder.path, name);
    writeFileSync(path, content);
    return path;
  };
  const ca = file("ca.pem", authority.cert);
  const [theirs, ours] = [authority.issue(), authority.issue({ names: ["app"] })];
  const [cert, key] = [file("cert.pem", ours.cert), file("key.pem", ours.key)];
  const address = `127.0.0.1:${client}`;
  const node = await folder.holdFor(
    startNode({
      address,
      command: builtProgram("etcd"),
      args: [
        `--data-dir=${join(folder.path, "data")}`,
        `--listen-client-urls=https://${address}`,
        `--advertise-client-urls=https://${address}`,
        `--listen-peer-urls=http://127.0.0.1:${peer}`,
        `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
        `--initial-cluster=default=http://127.0.0.1:${peer}`,
        `--cert-file=${file("server.pem", theirs.cert)}`,
        `--key-file=${file("server.key", theirs.key)}`,
        `--trusted-ca-file=${ca}`,
        "--client-cert-auth",
        "--log-level=warn",
      ],
      log: join(folder.path, "log"),
      isReady: () =>
        etcdctl(address, `--cacert=${ca}`, `--cert=${cert}`, `--key=${key}`, "endpoint", "health").then(
          () => true,
        ),
    }),
  );
  t.after(() => folder.stop([node]));
  const us = await opened(t, `etcd://${address}?ca=${ca}&cert=${cert}&key=${key}`);
  const set = watching(t, us, "orders");
  await us.registrar.register(instance("orders-1", 4001)).registered;
  await until(() => set.endpoints.size === 1, "it is found");

  const stranger = await opened(t, `etcd://${address}?ca=${ca}`);
  watching(t, stranger, "orders");
  await until(() => stranger.events.includes("disconnected"), "without a certificate there is no way in");
});

test("etcd: 5 000 instances are one list, and a change among them is one step", {
  timeout: 60_000,
}, async (t) => {
  const { url, first } = await started(t);
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  for (let from = 0; from < 5_000; from += 100) {
    const success = Array.from({ length: 100 }, (_, n) => ({
      requestPut: {
        key: base64(`heddle/orders/${from + n}`),
        value: base64(JSON.stringify({ Op: 0, Addr: `10.0.${(from + n) >> 8}.${(from + n) & 255}:80` })),
      },
    }));
    await fetchJson(`http://${first.address}/v3/kv/txn`, { success });
  }
  const us = await opened(t, url);
  const startedAt = performance.now();
  const set = watching(t, us, "orders");
  await until(() => set.complete, "the list");
  t.diagnostic(`list of 5 000: ${Math.round(performance.now() - startedAt)} ms`);
  assert.equal(set.endpoints.size, 5_000);
  await us.registrar.register(instance("orders-1", 4001)).registered;
  await until(() => set.endpoints.size === 5_001, "one more");
});
