/**
 * What is special to Consul, against real agents: what other programs write and read, agents that forget, freeze, restart
 * or are lost, access control over TLS, checks, maintenance. What holds for every registry is in the contract suite.
 */
import "../../kit/trap.ts";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { createEndpoint } from "heddle/discovery";
import { createAuthority } from "../../kit/certificates.ts";
import { startConsul } from "../../kit/registries/consul.ts";
import { freePorts } from "../../kit/free-ports.ts";
import { instanceOf, opened, watching } from "../../kit/registries/opened.ts";
import { builtProgram, serverFolder } from "../../kit/registries/places.ts";
import { startNode } from "../../kit/registries/registry-server.ts";
import { until } from "../../kit/within.ts";

const run = promisify(execFile);

/** A request to an agent, as curl makes it. */
async function curl(
  address: string,
  method: string,
  path: string,
  body?: object,
  ...options: string[]
): Promise<string> {
  const data = body === undefined ? [] : ["--data", JSON.stringify(body)];
  const url = address.includes("://") ? `${address}${path}` : `http://${address}${path}`;
  const { stdout } = await run("curl", ["-sS", "--fail-with-body", "-X", method, ...data, ...options, url]);
  return stdout;
}

async function started(t: TestContext, size: 1 | 3 = 1) {
  const server = await startConsul({ size });
  t.after(() => server.stop());
  const [first] = server.nodes;
  assert.ok(first);
  const { address } = first;
  return {
    ...server,
    first,
    put: (path: string, body?: object) => curl(address, "PUT", path, body),
    get: async (path: string) => JSON.parse(await curl(address, "GET", path)),
  };
}

suite("consul: what others write and read", () => {
  test("a service that curl registers at the agent is found, changed and gone", async (t) => {
    const { url, put } = await started(t);
    const set = watching(t, await opened(t, url), "web");
    const service = {
      ID: "web-1",
      Name: "web",
      Address: "10.0.0.9",
      Port: 80,
      Tags: ["v1"],
      Meta: { version: "7" },
    };
    await put("/v1/agent/service/register", { ...service, Weights: { Passing: 5, Warning: 1 } });
    await until(() => set.size === 1, "it is found");
    assert.deepEqual(
      set.get("consul-0/web-1"),
      createEndpoint({
        id: "consul-0/web-1",
        address: "10.0.0.9:80",
        service: "web",
        version: "7",
        weight: 5,
        metadata: { version: "7" },
        health: "healthy",
      }),
    );
    await put("/v1/agent/service/register", { ...service, Port: 81 });
    await until(() => set.get("consul-0/web-1")?.address === "10.0.0.9:81", "the change");
    await put("/v1/agent/service/deregister/web-1");
    await until(() => set.size === 0, "it is gone");
  });

  test("a service in the catalog without an agent is found by name, tag and datacenter", async (t) => {
    const { url, put } = await started(t);
    const registry = await opened(t, url);
    await put("/v1/catalog/register", {
      Node: "legacy",
      Address: "10.1.0.1",
      NodeMeta: { zone: "cellar" },
      Service: { ID: "db", Service: "db", Port: 5432, Tags: ["primary", "eu"] },
    });
    const found = watching(t, registry, "db?tag=primary,eu&dc=dc1");
    const other = watching(t, registry, "db?tag=replica");
    await until(() => found.size === 1 && other.sizes.length > 0, "the answers");
    assert.equal(found.get("legacy/db")?.address, "10.1.0.1:5432");
    assert.equal(found.get("legacy/db")?.zone, "cellar");
    assert.equal(found.get("legacy/db")?.health, "unknown");
    assert.equal(other.size, 0);
  });

  test("python3-consul registers what we find, and finds what we register", async (t) => {
    const { url, first } = await started(t);
    const registry = await opened(t, url);
    const set = watching(t, registry, "billing");
    await registry.registrar.register(
      instanceOf("orders-1", { contracts: ["shop.v1.OrderService"], weight: 3, metadata: { team: "a" } }),
    ).registered;
    const script = `
import consul, json, sys
c = consul.Consul(port=int(sys.argv[1]))
c.agent.service.register("billing", service_id="b1", address="127.0.0.1", port=7001)
print(json.dumps([c.health.service(name, passing=True)[1][0]["Service"] for name in ["orders", "shop.v1.OrderService"]]))
`;
    const port = first.address.split(":")[1] ?? "";
    const { stdout } = await run("/usr/bin/python3", ["-c", script, port]);
    const [byService, byContract] = JSON.parse(stdout);
    assert.equal(`${byService.Address}:${byService.Port}`, "127.0.0.1:4001");
    assert.equal(byService.ID, "orders:orders-1");
    assert.equal(byService.Meta.team, "a");
    assert.equal(byService.Weights.Passing, 3);
    assert.equal(byContract.ID, "shop.v1.OrderService:orders-1");
    await until(() => set.size === 1, "billing is found");
    assert.equal(set.get("consul-0/b1")?.address, "127.0.0.1:7001");
  });

  test("a service in maintenance is draining, for those who want to see it", async (t) => {
    const { url, put } = await started(t);
    const registry = await opened(t, url);
    const [passing, all] = [watching(t, registry, "orders"), watching(t, registry, "orders?health=all")];
    await registry.registrar.register(instanceOf("orders-1")).registered;
    await until(() => passing.size === 1 && all.size === 1, "it is found");
    await put("/v1/agent/service/maintenance/orders:orders-1?enable=true");
    await until(() => passing.size === 0 && all.get("orders-1")?.draining === true, "the maintenance");
    assert.equal(all.get("orders-1")?.health, "unhealthy");
    await put("/v1/agent/service/maintenance/orders:orders-1?enable=false");
    await until(() => passing.size === 1, "its end");
  });
});

suite("consul: registrations", () => {
  test("what an agent has forgotten it gets again, and a change of it arrives", async (t) => {
    const { url, put } = await started(t);
    const registry = await opened(t, `${url}?ttlMs=1500`);
    const set = watching(t, registry, "orders");
    const registration = registry.registrar.register(instanceOf("orders-1"));
    await registration.registered;
    await until(() => set.size === 1, "it is found");
    registration.update({ weight: 0, draining: true, metadata: { "not a key": "x".repeat(2000) } });
    await until(() => set.get("orders-1")?.draining === true, "the change");
    assert.equal(set.get("orders-1")?.weight, 0);
    assert.equal(set.get("orders-1")?.metadata["not a key"], "x".repeat(2000));
    await put("/v1/agent/service/deregister/orders:orders-1");
    await until(() => set.size === 0, "it is forgotten");
    await until(() => set.size === 1, "it is there again");
    // Whoever watches may hear of it before the answer to the registration is there.
    await until(() => registration.state === "registered", "the end of the registration");
  });

  test("whoever sends no word for a TTL is critical, and no longer found", async (t) => {
    const { url, put } = await started(t);
    const registry = await opened(t, url);
    const set = watching(t, registry, "orders");
    const Check = { TTL: "1s", Status: "passing", DeregisterCriticalServiceAfter: "1m" };
    await put("/v1/agent/service/register", { ID: "dead", Name: "orders", Port: 1, Check });
    await until(() => set.size === 1, "it is found");
    await until(() => set.size === 0, "its TTL is over");
    const all = watching(t, registry, "orders?health=all");
    await until(() => all.get("consul-0/dead")?.health === "unhealthy", "it is critical");
  });

  test("a check that the agent makes itself finds a port that closes", async (t) => {
    const { url } = await started(t);
    const registry = await opened(t, `${url}?check=tcp&checkIntervalMs=1000`);
    const set = watching(t, registry, "orders");
    const port = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
    await once(port, "listening");
    const address = `127.0.0.1:${(port.address() as AddressInfo).port}`;
    await registry.registrar.register(instanceOf("orders-1", { address })).registered;
    await until(() => set.size === 1, "it is found");
    port.close();
    await until(() => set.size === 0, "it is critical");
  });

  test("an old incarnation does not come in the way of a new one", async (t) => {
    const { url, get } = await started(t);
    const old = await opened(t, `${url}?ttlMs=1500`);
    const oldRegistration = old.registrar.register(instanceOf("orders-1"));
    await oldRegistration.registered;
    const young = await opened(t, url);
    await young.registrar.register(instanceOf("orders-1", { address: "127.0.0.1:4002" })).registered;
    await until(() => old.events.includes("refused"), "the refusal");
    await oldRegistration[Symbol.asyncDispose]();
    assert.equal((await get("/v1/agent/service/orders:orders-1")).Port, 4002);
  });

  test("five thousand instances come in one answer, and one change of them at once", async (t) => {
    const { url, put } = await started(t);
    const services = Array.from({ length: 5000 }, (_, i) => ({
      ID: `i${i}`,
      Name: "orders",
      Address: "10.0.0.1",
      Port: 1 + i,
    }));
    for (let at = 0; at < services.length; at += 64) {
      const ops = services.slice(at, at + 64).map(({ Name, ...service }) => ({
        Service: { Verb: "set", Node: "bulk", Service: { ...service, Service: Name } },
      }));
      if (at === 0) await put("/v1/catalog/register", { Node: "bulk", Address: "10.0.0.1" });
      await put("/v1/txn", ops as object);
    }
    const set = watching(t, await opened(t, url), "orders");
    await until(() => set.size === 5000, "all are found", 30_000);
    const startedAtMs = performance.now();
    await put("/v1/catalog/deregister", { Node: "bulk", ServiceID: "i77" });
    await until(() => set.size === 4999, "the change");
    t.diagnostic(`a change among 5000: ${Math.round(performance.now() - startedAtMs)} ms`);
  });
});

suite("consul: agents that fail", () => {
  test("a frozen agent is found while it holds back an answer, and nobody is lost when it thaws", async (t) => {
    const { url, first } = await started(t);
    const registry = await opened(t, `${url}?ttlMs=1500&probeMs=300&timeoutMs=500`);
    const registration = registry.registrar.register(instanceOf("orders-1"));
    const set = watching(t, registry, "orders");
    await until(() => set.size === 1, "it is found");
    await first.freeze();
    const frozenAtMs = performance.now();
    await until(() => registry.events.includes("disconnected"), "the silence is noticed");
    assert.ok(performance.now() - frozenAtMs < 2_500);
    await until(() => registration.state === "lost", "the registration is lost by our own time");
    await until(() => performance.now() - frozenAtMs > 3_000, "twice the TTL");
    first.thaw();
    await until(() => registration.state === "registered", "it is registered again");
    await until(
      () => registry.events.filter((kind) => kind === "connected").length >= 2,
      "the watch is back",
    );
    assert.ok(
      set.sizes.slice(set.sizes.indexOf(1)).every((size) => size === 1),
      String(set.sizes),
    );
  });

  test("an agent that was killed and restarted loses nobody", async (t) => {
    const { url, first } = await started(t);
    const registry = await opened(t, `${url}?ttlMs=3000`);
    const registration = registry.registrar.register(instanceOf("orders-1"));
    const set = watching(t, registry, "orders");
    await until(() => set.size === 1, "it is found");
    await first.kill();
    await until(() => registry.events.includes("disconnected"), "the loss is noticed");
    await first.restart();
    await until(() => registration.state === "registered", "it is registered");
    registration.update({ weight: 9 });
    await until(() => set.get("orders-1")?.weight === 9, "a change arrives");
    assert.ok(
      set.sizes.slice(set.sizes.indexOf(1)).every((size) => size === 1),
      String(set.sizes),
    );
  });

  test("of three agents one dies: watch and registration go to another one", async (t) => {
    const { url, first } = await started(t, 3);
    const registry = await opened(t, `${url}?ttlMs=3000`);
    const registration = registry.registrar.register(instanceOf("orders-1"));
    const set = watching(t, registry, "orders");
    await until(() => set.size === 1, "it is found");
    await first.kill();
    registration.update({ weight: 4 });
    await until(() => set.get("orders-1")?.weight === 4, "the change arrives through another agent", 20_000);
    assert.ok(
      set.sizes.slice(set.sizes.indexOf(1)).every((size) => size === 1),
      String(set.sizes),
    );
  });
});

test("consul: access control over TLS: what a token needs, and what happens without", async (t) => {
  const folder = serverFolder("consul-acl");
  const authority = createAuthority();
  const leaf = authority.issue({ names: ["localhost", "127.0.0.1", "server.dc1.consul"] });
  const files = { ca: authority.cert, cert: leaf.cert, key: leaf.key };
  const pathOf = (name: string) => join(folder.path, `${name}.pem`);
  for (const [name, text] of Object.entries(files)) writeFileSync(pathOf(name), text);
  const [https = 0, raft = 0, gossip = 0] = await freePorts(3);
  const data = join(folder.path, "data");
  mkdirSync(data);
  const config = join(folder.path, "consul.json");
  const root = "11111111-2222-3333-4444-555555555555";
  writeFileSync(
    config,
    JSON.stringify({
      server: true,
      bootstrap_expect: 1,
      node_name: "safe",
      bind_addr: "127.0.0.1",
      client_addr: "127.0.0.1",
      data_dir: data,
      ports: {
        http: -1,
        https,
        server: raft,
        serf_lan: gossip,
        serf_wan: -1,
        dns: -1,
        grpc: -1,
        grpc_tls: -1,
      },
      performance: { raft_multiplier: 1 },
      disable_update_check: true,
      acl: { enabled: true, default_policy: "deny", tokens: { initial_management: root, agent: root } },
      tls: {
        https: {
          ca_file: pathOf("ca"),
          cert_file: pathOf("cert"),
          key_file: pathOf("key"),
          verify_incoming: true,
        },
      },
    }),
  );
  const base = `https://127.0.0.1:${https}`;
  const tls = ["--cacert", pathOf("ca"), "--cert", pathOf("cert"), "--key", pathOf("key")];
  const asRoot = (method: string, path: string, body?: object) =>
    curl(base, method, path, body, ...tls, "-H", `X-Consul-Token: ${root}`);
  const nodes = [
    await startNode({
      address: `127.0.0.1:${https}`,
      command: builtProgram("consul"),
      args: ["agent", `-config-file=${config}`],
      log: join(folder.path, "log"),
      isReady: async () =>
        (await asRoot("GET", "/v1/health/service/consul?passing&consistent")).includes("safe"),
    }),
  ];
  t.after(() => folder.stop(nodes));
  const Rules = 'service_prefix "" { policy = "write" } node_prefix "" { policy = "read" }';
  await asRoot("PUT", "/v1/acl/policy", { Name: "services", Rules });
  const { SecretID } = JSON.parse(await asRoot("PUT", "/v1/acl/token", { Policies: [{ Name: "services" }] }));
  const url = `consul://127.0.0.1:${https}?ca=${pathOf("ca")}&cert=${pathOf("cert")}&key=${pathOf("key")}`;
  const tokenFile = join(folder.path, "token");
  writeFileSync(tokenFile, `${SecretID}\n`);

  const trusted = await opened(t, `${url}&tokenFile=${tokenFile}`);
  const set = watching(t, trusted, "orders");
  const registration = trusted.registrar.register(instanceOf("orders-1"));
  await until(() => set.size === 1, "it is found");

  const powerless = JSON.parse(await asRoot("PUT", "/v1/acl/token", { Description: "no policy" }))
    .SecretID as string;
  const stranger = await opened(t, `${url}&token=${powerless}`);
  const seen = watching(t, stranger, "orders");
  await assert.rejects(stranger.registrar.register(instanceOf("orders-2")).registered, /Permission denied/);
  await until(() => stranger.events.includes("disconnected"), "the refusal of the watch");
  assert.deepEqual(seen.sizes, [], "what may not be read is not empty");
  await assert.rejects(
    opened(t, `consul://127.0.0.1:${https}?tls=on`).then(({ registrar }) =>
      Promise.race([
        registrar.register(instanceOf("orders-3")).registered,
        until(() => false, "a registration at a server that is not trusted", 1_000),
      ]),
    ),
    /did not happen/,
  );
  await registration[Symbol.asyncDispose]();
  await until(() => set.size === 0, "it is given up");
});
