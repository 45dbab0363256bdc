/** The registry servers by themselves, without Heddle: that what the handles promise is so. */
import "../../kit/trap.ts";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Resolver } from "node:dns/promises";
import { mkdtempSync, readdirSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import { startConsul } from "../../kit/registries/consul.ts";
import { startDnsmasq } from "../../kit/registries/dnsmasq.ts";
import { startEtcd } from "../../kit/registries/etcd.ts";
import { startEureka } from "../../kit/registries/eureka.ts";
import { askInWords, fetchJson } from "../../kit/registries/probes.ts";
import type { RegistryNode, RegistryServer } from "../../kit/registries/registry-server.ts";
import { startZooKeeper } from "../../kit/registries/zookeeper.ts";
import { outcomeOf, until, within } from "../../kit/within.ts";

interface Kind {
  readonly name: string;
  readonly url: RegExp;
  readonly size: number;
  start(): Promise<RegistryServer>;
  /** What a node answers to a question of its protocol. */
  ask(address: string): Promise<unknown>;
}

const askEtcd = (address: string) => fetchJson(`http://${address}/v3/kv/range`, { key: "AA==" });
const askZooKeeper = async (address: string) => {
  const answer = await askInWords(address, "srvr");
  assert.match(answer, /Mode: /);
};
const askConsul = (address: string) => fetchJson(`http://${address}/v1/catalog/services?consistent`);
const kinds: readonly Kind[] = [
  ...([1, 3] as const).map((size) => ({
    name: `etcd (${size})`,
    url: /^etcd:\/\/127\.0\.0\.1:\d+(,127\.0\.0\.1:\d+)*$/,
    size,
    start: () => startEtcd({ size }),
    ask: askEtcd,
  })),
  ...([1, 3] as const).map((size) => ({
    name: `ZooKeeper (${size})`,
    url: /^zookeeper:\/\/127\.0\.0\.1:\d+(,127\.0\.0\.1:\d+)*$/,
    size,
    start: () => startZooKeeper({ size }),
    ask: askZooKeeper,
  })),
  ...([1, 3] as const).map((size) => ({
    name: `Consul (${size})`,
    url: /^consul:\/\/127\.0\.0\.1:\d+(,127\.0\.0\.1:\d+)*$/,
    size,
    start: () => startConsul({ size }),
    ask: askConsul,
  })),
  ...([1, 2] as const).map((size) => ({
    name: `Eureka (${size})`,
    url: /^eureka:\/\/127\.0\.0\.1:\d+(,127\.0\.0\.1:\d+)*\/eureka$/,
    size,
    start: () => startEureka({ size }),
    ask: (address: string) => fetchJson(`http://${address}/eureka/apps`),
  })),
  {
    name: "dnsmasq",
    url: /^dns:\/\/127\.0\.0\.1:\d+\/svc\.test$/,
    size: 1,
    start: () => startDnsmasq({ records: { addresses: { "a.svc.test": ["127.0.0.7"] } } }),
    ask: async (address) => assert.deepEqual(await resolverAt(address).resolve4("a.svc.test"), ["127.0.0.7"]),
  },
];

for (const { name, url, size, start, ask } of kinds)
  suite(name, () => {
    test("starts, freezes, thaws, dies, comes back and is stopped", async (t) => {
      const server = await started(t, start());
      assert.match(server.url, url);
      assert.equal(server.nodes.length, size);
      for (const { address } of server.nodes) {
        assert.ok(server.url.includes(address));
        await ask(address);
      }
      const [node, ...others] = server.nodes;
      assert.ok(node);

      await node.freeze();
      const asked = ask(node.address);
      const early = await outcomeOf(within(asked, "an answer", 300));
      assert.ok("error" in early, "frozen, it answers nothing");
      node.thaw();
      await asked;

      await node.kill();
      await assert.rejects(ask(node.address), "dead, it refuses");
      for (const { address } of others) await answers(ask, address);
      await node.restart();
      await ask(node.address);

      // All at once, one of them frozen.
      await node.freeze();
      await Promise.all(server.nodes.map((each: RegistryNode) => each.restart()));
      for (const { address } of server.nodes) await answers(ask, address);

      await server.stop();
      for (const { address } of server.nodes) await assert.rejects(ask(address), "stopped, it refuses");
    });
  });

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

/** A cluster that lost a node needs a moment to agree on its leader. */
async function answers(ask: (address: string) => Promise<unknown>, address: string): Promise<void> {
  await until(
    () =>
      ask(address).then(
        () => true,
        () => false,
      ),
    `an answer of ${address}`,
  );
}

function resolverAt(address: string): Resolver {
  const resolver = new Resolver({ timeout: 5000, tries: 1 });
  resolver.setServers([address]);
  return resolver;
}
