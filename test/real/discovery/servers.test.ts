/** The registry servers by themselves, without Heddle: that what the handles promise is so. */
import "../../kit/trap.ts";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Resolver } from "node:dns/promises";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { runProgram } from "../../kit/program.ts";
import { startConsul } from "../../kit/registries/consul.ts";
import { startDnsmasq } from "../../kit/registries/dnsmasq.ts";
import { startEtcd } from "../../kit/registries/etcd.ts";
import { startEureka } from "../../kit/registries/eureka.ts";
import { type KubernetesServer, startKubernetes } from "../../kit/registries/kubernetes.ts";
import { askInWords, fetchJson } from "../../kit/registries/probes.ts";
import type { RegistryServer } from "../../kit/registries/registry-server.ts";
import { startZooKeeper } from "../../kit/registries/zookeeper.ts";
import { outcomeOf, until, within } from "../../kit/within.ts";

const SLICES = "/apis/discovery.k8s.io/v1/endpointslices";

interface Kind<S extends RegistryServer> {
  readonly url: RegExp;
  /** Of nodes. Default: 1. */
  readonly size?: number;
  start(): Promise<S>;
  /** What a node answers to a question of its protocol. */
  ask(address: string, server: S): Promise<unknown>;
}

for (const size of [1, 3] as const) {
  behaves(`etcd (${size})`, {
    url: /^etcd:\/\/127\.0\.0\.1:\d+(,127\.0\.0\.1:\d+)*$/,
    size,
    start: () => startEtcd({ size }),
    ask: askEtcd,
  });
  behaves(`ZooKeeper (${size})`, {
    url: /^zookeeper:\/\/127\.0\.0\.1:\d+(,127\.0\.0\.1:\d+)*$/,
    size,
    start: () => startZooKeeper({ size }),
    ask: async (address) => assert.match(await askInWords(address, "srvr"), /Mode: /),
  });
  behaves(`Consul (${size})`, {
    url: /^consul:\/\/127\.0\.0\.1:\d+(,127\.0\.0\.1:\d+)*$/,
    size,
    start: () => startConsul({ size }),
    ask: (address) => fetchJson(`http://${address}/v1/catalog/services?consistent`),
  });
}
for (const size of [1, 2] as const)
  behaves(`Eureka (${size})`, {
    url: /^eureka:\/\/127\.0\.0\.1:\d+(,127\.0\.0\.1:\d+)*\/eureka$/,
    size,
    start: () => startEureka({ size }),
    ask: (address) => fetchJson(`http://${address}/eureka/apps`),
  });
behaves("Kubernetes", {
  url: /^kubernetes:\/\/127\.0\.0\.1:\d+\?kubeconfig=\//,
  start: startKubernetes,
  ask: (_address, server) => server.admin("GET", SLICES),
});
behaves("dnsmasq", {
  url: /^dns:\/\/127\.0\.0\.1:\d+\/svc\.test$/,
  start: () => startDnsmasq({ records: { addresses: { "a.svc.test": ["127.0.0.7"] } } }),
  ask: async (address) => assert.deepEqual(await resolverAt(address).resolve4("a.svc.test"), ["127.0.0.7"]),
});

function behaves<S extends RegistryServer>(name: string, { url, size = 1, start, ask }: Kind<S>): void {
  test(`${name} starts, freezes, thaws, dies, comes back and is stopped`, async (t) => {
    const server = await started(t, start());
    assert.match(server.url, url);
    assert.equal(server.nodes.length, size);
    for (const { address } of server.nodes) {
      assert.ok(server.url.includes(address));
      await ask(address, server);
    }
    const [node, ...others] = server.nodes;
    assert.ok(node);

    await node.freeze();
    const asked = ask(node.address, server);
    const early = await outcomeOf(within(asked, "an answer", 300));
    assert.ok("error" in early, "frozen, it answers nothing");
    node.thaw();
    await asked;

    await node.kill();
    await assert.rejects(ask(node.address, server), "dead, it refuses");
    for (const { address } of others) await answers(() => ask(address, server));
    await node.restart();
    await answers(() => ask(node.address, server));

    await node.freeze();
    await Promise.all(server.nodes.map((each) => each.restart()));
    for (const { address } of server.nodes) await answers(() => ask(address, server));

    await server.stop();
    for (const { address } of server.nodes) await assert.rejects(ask(address, server), "stopped, it refuses");
  });
}

test("etcd keeps its keys over a restart, and forgets its history when told to", async (t) => {
  const server = await started(t, startEtcd());
  const api = `http://${server.nodes[0]?.address}/v3`;
  const [key, first, second] = ["key", "first", "second"].map((text) => btoa(text));
  await fetchJson(`${api}/kv/put`, { key, value: first });
  await fetchJson(`${api}/kv/put`, { key, value: second });
  await server.nodes[0]?.restart();
  assert.equal(await server.compact(), 3);
  const { kvs } = await fetchJson<{ kvs: { value: string }[] }>(`${api}/kv/range`, { key });
  assert.equal(kvs[0]?.value, second);
  await assert.rejects(fetchJson(`${api}/kv/range`, { key, revision: "2" }), /compacted/);
});

test("dnsmasq serves the records that were set last", async (t) => {
  const server = await started(t, startDnsmasq({ ttlS: 7 }));
  const resolver = resolverAt(server.nodes[0]?.address ?? "");
  await assert.rejects(resolver.resolve4("a.svc.test"), { code: "ENOTFOUND" });
  await server.setRecords({
    addresses: { "a.svc.test": ["127.0.0.1", "::1"] },
    services: { "_grpc._tcp.orders.svc.test": [{ host: "a.svc.test", port: 50051, priority: 1, weight: 3 }] },
    texts: { "orders.svc.test": ["zone=a", "weight=3"] },
  });
  assert.deepEqual(await resolver.resolve4("a.svc.test", { ttl: true }), [{ address: "127.0.0.1", ttl: 7 }]);
  assert.deepEqual(await resolver.resolve6("a.svc.test"), ["::1"]);
  const [service] = await resolver.resolveSrv("_grpc._tcp.orders.svc.test");
  assert.deepEqual({ ...service }, { name: "a.svc.test", port: 50051, priority: 1, weight: 3, type: "SRV" });
  assert.deepEqual(await resolver.resolveTxt("orders.svc.test"), [["zone=a", "weight=3"]]);
  await server.setRecords({});
  await assert.rejects(resolver.resolve4("a.svc.test"), { code: "ENOTFOUND" });
});

test("Kubernetes serves slices to an account that may read nothing else", async (t) => {
  const server = await started(t, startKubernetes());
  const asked = (path: string) => statusAs(server, "token", path);
  assert.equal(await asked(SLICES), 200);
  assert.equal(await asked("/api/v1/pods"), 403);
  const slice = { name: "orders-1", service: "orders", ports: [{ name: "grpc", port: 50051 }] };
  const stored = async () => {
    const { items } = await server.admin<{ items: Stored[] }>("GET", SLICES);
    return items.map(({ metadata, endpoints }) => ({
      uid: metadata.uid,
      ready: endpoints.map(({ addresses, conditions }) => `${addresses.join()} ${conditions.ready}`),
    }));
  };

  await server.applySlice({ ...slice, endpoints: [{ addresses: ["127.0.0.1"] }] });
  const [created] = await stored();
  assert.deepEqual(created?.ready, ["127.0.0.1 true"]);
  await server.applySlice({
    ...slice,
    endpoints: [{ addresses: ["127.0.0.2"], conditions: { ready: false, serving: true, terminating: true } }],
  });
  assert.deepEqual(await stored(), [{ uid: created?.uid, ready: ["127.0.0.2 false"] }]);
  await server.deleteSlice("orders-1");
  assert.deepEqual(await stored(), []);

  const token = join(server.serviceAccountFolder, "token");
  copyFileSync(token, `${token}.old`);
  await server.rotateToken();
  assert.notEqual(readFileSync(token, "utf8"), readFileSync(`${token}.old`, "utf8"));
  for (const each of ["token", "token.old"]) assert.equal(await statusAs(server, each, SLICES), 200);
  await server.revokeTokens();
  await until(async () => (await asked(SLICES)) === 401, "the end of the tokens", 20_000);
  await server.rotateToken();
  assert.equal(await asked(SLICES), 200);
});

interface Stored {
  readonly metadata: { readonly uid: string };
  readonly endpoints: readonly {
    readonly addresses: readonly string[];
    readonly conditions: { readonly ready: boolean };
  }[];
}

/** What curl is answered when it shows the token of a file in the service account's folder. */
async function statusAs(server: KubernetesServer, tokenFile: string, path: string): Promise<number> {
  const folder = server.serviceAccountFolder;
  const token = readFileSync(join(folder, tokenFile), "utf8");
  const authorization = ["-H", `Authorization: Bearer ${token}`, "--cacert", join(folder, "ca.crt")];
  const url = `https://${server.nodes[0]?.address}${path}`;
  return Number(
    await runProgram("curl", ["-s", "-o", "/dev/null", "-w", "%{http_code}", ...authorization, url]),
  );
}

test("of a server nothing remains when the process that started it is killed", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-servers-test-"));
  t.after(() => rmdirSync(folder));
  const module = new URL("../../kit/registries/etcd.ts", import.meta.url);
  const program = `import { startEtcd } from "${module.href}";
    const { nodes } = await startEtcd();
    await nodes[0].freeze();
    console.log(nodes[0].address);
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ["--input-type=module", "-e", program], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => parent.kill("SIGKILL"));
  const [line] = (await within(once(parent.stdout, "data"), "the start of etcd", 30_000)) as [Buffer];
  assert.equal(readdirSync(folder).length, 1);
  parent.kill("SIGKILL");
  await until(() => readdirSync(folder).length === 0, "the removal of etcd's folder");
  await assert.rejects(askEtcd(line.toString().trim()), "it is gone");
});

async function started<T extends RegistryServer>(t: TestContext, starting: Promise<T>): Promise<T> {
  const server = await starting;
  t.after(() => server.stop());
  return server;
}

/** A cluster that lost a node, or got one back, needs a moment to agree on its leader. */
async function answers(ask: () => Promise<unknown>): Promise<void> {
  await until(async () => "value" in (await outcomeOf(ask())), "an answer");
}

function askEtcd(address: string): Promise<unknown> {
  return fetchJson(`http://${address}/v3/kv/range`, { key: "AA==" });
}

function resolverAt(address: string): Resolver {
  const resolver = new Resolver({ timeout: 5000, tries: 1 });
  resolver.setServers([address]);
  return resolver;
}
