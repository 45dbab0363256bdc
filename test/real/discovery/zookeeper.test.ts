/**
 * What is special to ZooKeeper, against real ones: sessions that outlive connections and servers, nodes that end with
 * them, both layouts as others write and read them, access control, TLS, long lists. What holds for every registry is in
 * the contract suite.
 */
import "../../kit/trap.ts";
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { openRegistry } from "heddle";
import { createEndpoint, createEndpointSet, type Endpoint, parseTarget } from "heddle/discovery";
import { createAuthority } from "../../kit/certificates.ts";
import { freePorts } from "../../kit/free-ports.ts";
import { serverFolder } from "../../kit/registries/places.ts";
import { askInWords } from "../../kit/registries/probes.ts";
import { startNode } from "../../kit/registries/registry-server.ts";
import { startZooKeeper } from "../../kit/registries/zookeeper.ts";
import { until, within } from "../../kit/within.ts";

const run = promisify(execFile);

async function started(t: TestContext, size: 1 | 3 = 1) {
  const server = await startZooKeeper({ size });
  t.after(() => server.stop());
  const [first] = server.nodes;
  assert.ok(first);
  return { ...server, first, kazoo: (script: string) => kazoo(first.address, script) };
}

/** Runs Python with a client of kazoo's (`zk`), and returns what it printed as JSON (`say`). */
async function kazoo(address: string, script: string): Promise<unknown> {
  const program = [
    "import sys, json",
    "from kazoo.client import KazooClient",
    "from kazoo.exceptions import *",
    "say = lambda value: print(json.dumps(value))",
    "zk = KazooClient(hosts=sys.argv[1], timeout=10)",
    "zk.start()",
    script,
    "zk.stop()",
  ].join("\n");
  const { stdout } = await run("/usr/bin/python3", ["-c", program, address], { timeout: 60_000 });
  return stdout.trim() === "" ? undefined : JSON.parse(stdout);
}

/** One process's view of a registry, with what it was told. */
async function opened(t: TestContext, url: string) {
  const events: string[] = [];
  const warnings: string[] = [];
  const registry = await openRegistry(url, {
    stateFolder: false,
    onEvent: ({ kind }) => events.push(kind),
    onWarning: (text) => warnings.push(text),
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
  const reading = (async () => {
    for await (const update of resolver.watch(parseTarget(`zookeeper:///${name}`), stop.signal))
      set.apply(update);
  })();
  reading.catch((error: unknown) => assert.fail(String(error)));
  return set;
}

function instance(id: string, port: number, more: Partial<Endpoint> = {}): Endpoint {
  return createEndpoint({ id, address: `127.0.0.1:${port}`, service: "orders", ...more });
}

const ids = (set: { readonly endpoints: ReadonlyMap<string, Endpoint> }) =>
  [...set.endpoints.keys()].toSorted();

/** Which session the node of an instance belongs to, as kazoo sees it; 0 when it is not there. */
const ownerOf = (id: string) =>
  `s = zk.exists("/services/orders/${id}")\nsay(str(s.ephemeralOwner) if s else "0")`;

suite("ZooKeeper: what others write and read", () => {
  test("kazoo finds our instances where Curator's clients look, and we find those of Curator and Spring", async (t) => {
    const { url, kazoo } = await started(t);
    const us = await opened(t, url);
    const described = instance("o1", 4001, {
      contracts: ["shop.v1.OrderService"],
      protocols: ["grpc"],
      tls: true,
      weight: 3,
      zone: "eu-1a",
      metadata: { team: "shop" },
    });
    await us.registrar.register(described).registered;
    const read = (await kazoo(
      [
        "out = {}",
        'for name in zk.get_children("/services"):',
        '  for id in zk.get_children("/services/" + name):',
        '    data, stat = zk.get("/services/" + name + "/" + id)',
        '    out[name + "/" + id] = [json.loads(data), stat.ephemeralOwner != 0]',
        "say(out)",
      ].join("\n"),
    )) as Record<string, [Record<string, unknown>, boolean]>;
    assert.deepEqual(Object.keys(read).toSorted(), ["orders/o1", "shop.v1.OrderService/o1"]);
    const [json, isEphemeral] = read["orders/o1"] ?? [];
    assert.ok(isEphemeral);
    assert.equal(json?.["address"], "127.0.0.1");
    assert.equal(json?.["port"], 4001);
    assert.equal(json?.["serviceType"], "DYNAMIC");

    const set = watching(t, us, "orders");
    await until(() => set.endpoints.size === 1, "ours");
    assert.deepEqual(set.endpoints.get("o1"), described);
    const spring = {
      name: "orders",
      id: "6f2f",
      address: "127.0.0.1",
      port: 8004,
      sslPort: null,
      payload: {
        "@class": "org.springframework.cloud.zookeeper.discovery.ZookeeperInstance",
        id: "application-1",
        name: "orders",
        metadata: { zone: "b" },
      },
      registrationTimeUTC: 1_642_376_683_503,
      serviceType: "DYNAMIC",
      uriSpec: null,
    };
    await kazoo(`zk.create("/services/orders/6f2f", ${JSON.stringify(JSON.stringify(spring))}.encode())`);
    await until(() => set.endpoints.has("6f2f"), "Spring's");
    assert.equal(set.endpoints.get("6f2f")?.address, "127.0.0.1:8004");
    await kazoo('zk.delete("/services/orders/6f2f")');
    await until(() => !set.endpoints.has("6f2f"), "its removal");
    assert.deepEqual(us.warnings, []);
  });

  test("serversets: a member of each side is seen by the other", async (t) => {
    const { url, kazoo } = await started(t);
    const us = await opened(t, `${url}/twitter?layout=serverset&base=service`);
    const registration = us.registrar.register(instance("o1", 4001));
    await registration.registered;
    const set = watching(t, us, "orders");
    await until(() => set.endpoints.size === 1, "ours");
    const read = (await kazoo(
      [
        'path = "/twitter/service/orders"',
        "zk.create(path + '/member_', json.dumps({'serviceEndpoint': {'host': '127.0.0.1', 'port': 9}, " +
          "'additionalEndpoints': {}, 'status': 'ALIVE', 'shard': 3}).encode(), sequence=True)",
        "say([[m, json.loads(zk.get(path + '/' + m)[0])] for m in sorted(zk.get_children(path))])",
      ].join("\n"),
    )) as [string, Record<string, unknown>][];
    assert.deepEqual(
      read.map(([node, { serviceEndpoint, status }]) => [node, serviceEndpoint, status]),
      [
        ["member_0000000000", { host: "127.0.0.1", port: 4001 }, "ALIVE"],
        ["member_0000000001", { host: "127.0.0.1", port: 9 }, "ALIVE"],
      ],
    );
    await until(() => set.endpoints.size === 2, "theirs");
    assert.deepEqual(ids(set), ["member_0000000001", "o1"]);
    registration.update({ draining: true });
    await until(() => set.endpoints.get("o1")?.draining === true, "draining");
    await registration[Symbol.asyncDispose]();
    await until(() => set.endpoints.size === 1, "ours going");
  });

  test("an instance that others removed comes back; one of an earlier life is replaced", async (t) => {
    const { url, kazoo } = await started(t);
    await kazoo('zk.create("/services/orders/o1", b"{}", makepath=True)');
    const us = await opened(t, url);
    await us.registrar.register(instance("o1", 4001)).registered;
    const owner = await kazoo(ownerOf("o1"));
    assert.notEqual(owner, "0");
    await kazoo('zk.delete("/services/orders/o1")');
    await until(async () => (await kazoo(ownerOf("o1"))) === owner, "its return");
    assert.deepEqual(us.events, ["registered"]);
  });
});

suite("ZooKeeper: sessions", () => {
  test("a killed process is gone once its session is", async (t) => {
    const { url } = await started(t);
    const us = await opened(t, url);
    const set = watching(t, us, "orders");
    const timeoutMs = 3_000;
    const program = `
      import { openRegistry } from "heddle";
      import { createEndpoint } from "heddle/discovery";
      const { registrar } = await openRegistry("${url}?sessionTimeoutMs=${timeoutMs}");
      await registrar.register(createEndpoint({ id: "o1", address: "127.0.0.1:4001", service: "orders" })).registered;
      console.log("registered");
    `;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
      cwd: import.meta.dirname,
      stdio: ["ignore", "pipe", "inherit"],
    });
    t.after(() => child.kill("SIGKILL"));
    await within(once(child.stdout, "data"), "its registration", 20_000);
    await until(() => set.endpoints.has("o1"), "its being seen");
    const killedAtMs = performance.now();
    child.kill("SIGKILL");
    await until(() => !set.endpoints.has("o1"), "its going", 20_000);
    const goneMs = performance.now() - killedAtMs;
    // The server counts from the last ping, and looks once a tick; the shrink guard asks once more.
    assert.ok(goneMs > timeoutMs / 2 && goneMs < timeoutMs + 7_000, `gone after ${Math.round(goneMs)} ms`);
  });

  test("a restart of the server loses neither session nor instance", async (t) => {
    const { url, first, kazoo } = await started(t);
    const us = await opened(t, `${url}?sessionTimeoutMs=20000`);
    const set = watching(t, us, "orders");
    const registration = us.registrar.register(instance("o1", 4001));
    await registration.registered;
    await until(() => set.endpoints.size === 1, "its being seen");
    const owner = await kazoo(ownerOf("o1"));
    await first.restart();
    await until(
      () => us.events.filter((kind) => kind === "connected").length === 2,
      "the next connection",
      20_000,
    );
    assert.equal(registration.state, "registered");
    assert.equal(await kazoo(ownerOf("o1")), owner);
    assert.ok(!us.events.includes("unregistered"));
    assert.deepEqual(ids(set), ["o1"]);
  });

  test("a server frozen for twice the timeout: taken for lost, never for empty, registered again", async (t) => {
    const { url, first, kazoo } = await started(t);
    const us = await opened(t, `${url}?sessionTimeoutMs=3000`);
    const set = watching(t, us, "orders");
    const registration = us.registrar.register(instance("o1", 4001));
    await registration.registered;
    await until(() => set.endpoints.size === 1, "its being seen");
    await first.freeze();
    const frozenAtMs = performance.now();
    await until(() => registration.state === "lost", "its being taken for lost", 10_000);
    const lostMs = performance.now() - frozenAtMs;
    assert.ok(lostMs > 1_900 && lostMs < 4_500, `lost after ${Math.round(lostMs)} ms`);
    await until(() => performance.now() - frozenAtMs > 6_000, "twice the timeout");
    assert.deepEqual(ids(set), ["o1"]);
    first.thaw();
    await until(() => registration.state === "registered", "its registration", 20_000);
    await until(
      () => us.events.at(-1) === "connected" || us.events.at(-2) === "connected",
      "the watch",
      20_000,
    );
    assert.notEqual(await kazoo(ownerOf("o1")), "0");
    assert.deepEqual(ids(set), ["o1"]);
  });

  test("of three servers the one that froze is left for another, with the same session", async (t) => {
    const { nodes } = await started(t, 3);
    const connections = () => Promise.all(nodes.map(({ address }) => countOf(address, "Connections")));
    const before = await connections();
    const us = await opened(
      t,
      `zookeeper://${nodes.map(({ address }) => address).join(",")}?sessionTimeoutMs=6000`,
    );
    const set = watching(t, us, "orders");
    const registration = us.registrar.register(instance("o1", 4001));
    await registration.registered;
    await until(() => set.endpoints.size === 1, "its being seen");
    const after = await connections();
    const ours = nodes.find((_, i) => (after[i] ?? 0) > (before[i] ?? 0));
    const other = nodes.find((node) => node !== ours);
    assert.ok(ours && other, `connections: ${before.join()}, then ${after.join()}`);
    const owner = await kazoo(other.address, ownerOf("o1"));
    await ours.freeze();
    const late = us.registrar.register(instance("o2", 4002));
    await within(late.registered, "a registration meanwhile", 20_000);
    await until(() => set.endpoints.size === 2, "its being seen", 20_000);
    assert.ok(us.events.includes("disconnected"), "it was ours that froze");
    assert.equal(registration.state, "registered");
    assert.equal(await kazoo(other.address, ownerOf("o1")), owner);
    assert.ok(!us.events.includes("unregistered"));
    ours.thaw();
  });
});

suite("ZooKeeper: access", () => {
  test("with a user, others read and don't write; private keeps them out", async (t) => {
    const { url, first, kazoo } = await started(t);
    const address = url.slice("zookeeper://".length);
    const us = await opened(t, `zookeeper://shop:s3cret@${address}`);
    await us.registrar.register(instance("o1", 4001)).registered;
    const tried = (operation: string) =>
      kazoo(`try:\n  ${operation}\n  say("done")\nexcept Exception as e:\n  say(type(e).__name__)`);
    assert.equal(await tried('zk.get("/services/orders/o1")'), "done");
    assert.equal(await tried('zk.set("/services/orders/o1", b"")'), "NoAuthError");
    assert.equal(await tried('zk.delete("/services/orders/o1")'), "NoAuthError");

    const stranger = await openRegistry(`zookeeper://${address}`, { stateFolder: false });
    t.after(() => stranger[Symbol.asyncDispose]());
    const refusal = stranger.registrar?.register(instance("o2", 4002)).registered;
    await assert.rejects(refusal ?? Promise.resolve(), (error: Error) => {
      assert.match(error.message, /NoAuth/);
      assert.doesNotMatch(error.message, /s3cret/);
      return true;
    });

    const closed = await opened(t, `zookeeper://shop:s3cret@${first.address}/closed?acl=private`);
    await closed.registrar.register(instance("o1", 4001)).registered;
    assert.equal(await tried('zk.get_children("/closed/services/orders")'), "NoAuthError");
  });

  test("TLS: a server whose certificate we trust, and none else", async (t) => {
    const authority = createAuthority();
    const tls = await startZooKeeperWithTls(t, authority.issue());
    const folder = serverFolder("zookeeper-client");
    t.after(() => folder.stop([]));
    const [ca, wrong] = [join(folder.path, "ca.pem"), join(folder.path, "wrong.pem")];
    writeFileSync(ca, authority.cert);
    writeFileSync(wrong, createAuthority("Another").cert);
    const us = await opened(t, `zookeeper://${tls}?ca=${encodeURIComponent(ca)}`);
    await within(us.registrar.register(instance("o1", 4001)).registered, "the registration", 20_000);
    const set = watching(t, us, "orders");
    await until(() => set.endpoints.size === 1, "its being seen");

    const fooled = await opened(t, `zookeeper://${tls}?ca=${encodeURIComponent(wrong)}`);
    const registration = fooled.registrar.register(instance("o2", 4002));
    registration.registered.catch(() => {});
    await until(() => fooled.events.includes("unregistered"), "its refusal");
    assert.match(String(registration.lastError), /certificate/);
  });
});

test("ZooKeeper: 5,000 instances are found, and a change means reading one", async (t) => {
  const { url, first, kazoo } = await started(t);
  await kazoo(
    [
      'zk.ensure_path("/services/orders")',
      "made = [zk.create_async('/services/orders/i%d' % i, json.dumps({'name': 'orders', 'id': 'i%d' % i, " +
        "'address': '127.0.0.1', 'port': 10000 + i}).encode()) for i in range(5000)]",
      "[m.get() for m in made]",
    ].join("\n"),
  );
  const us = await opened(t, url);
  const set = watching(t, us, "orders");
  const askedAtMs = performance.now();
  await until(() => set.complete && set.endpoints.size === 5_000, "the list", 20_000);
  t.diagnostic(`5,000 instances listed and read in ${Math.round(performance.now() - askedAtMs)} ms`);
  const before = await countOf(first.address, "Sent");
  await kazoo(
    "zk.set('/services/orders/i7', json.dumps({'id': 'i7', 'address': '127.0.0.1', 'port': 7}).encode())",
  );
  await until(() => set.endpoints.get("i7")?.address === "127.0.0.1:7", "the change");
  const sent = (await countOf(first.address, "Sent")) - before;
  assert.ok(sent < 60, `${sent} packets for one change`);
});

/** A figure from what a server says of itself, such as how many packets it has sent. */
async function countOf(address: string, what: "Sent" | "Connections"): Promise<number> {
  const answer = await askInWords(address, "srvr");
  const [, count] = new RegExp(`^${what}: (\\d+)`, "m").exec(answer) ?? [];
  assert.ok(count, answer);
  return Number(count);
}

/** Alone, with TLS on the port that is returned and a second one in the clear. */
async function startZooKeeperWithTls(
  t: TestContext,
  { cert, key }: { readonly cert: string; readonly key: string },
): Promise<string> {
  const folder = serverFolder("zookeeper-tls");
  const [clear, secure] = await freePorts(2);
  const [data, pem, config] = ["data", "server.pem", "zoo.cfg"].map((name) => join(folder.path, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(data);
  writeFileSync(pem, key + cert);
  const settings = [
    `dataDir=${data}`,
    "tickTime=500",
    "clientPortAddress=127.0.0.1",
    `clientPort=${clear}`,
    "secureClientPortAddress=127.0.0.1",
    `secureClientPort=${secure}`,
    "serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory",
    `ssl.keyStore.location=${pem}`,
    "ssl.keyStore.type=PEM",
    `ssl.trustStore.location=${pem}`,
    "ssl.trustStore.type=PEM",
    "ssl.clientAuth=none",
    "admin.enableServer=false",
    "4lw.commands.whitelist=srvr",
  ];
  writeFileSync(config, `${settings.join("\n")}\n`);
  const jars = ["slf4j-simple", "zookeeper", "netty-codec", "netty-resolver"].map(
    (name) => `/usr/share/java/${name}.jar`,
  );
  const node = await folder.holdFor(
    startNode({
      address: `127.0.0.1:${clear}`,
      command: "java",
      args: ["-Xmx256m", "-cp", jars.join(":"), "org.apache.zookeeper.server.quorum.QuorumPeerMain", config],
      log: join(folder.path, "log"),
      isReady: async () => /Mode: standalone/.test(await askInWords(`127.0.0.1:${clear}`, "srvr")),
    }),
  );
  t.after(() => folder.stop([node]));
  return `127.0.0.1:${secure}`;
}
