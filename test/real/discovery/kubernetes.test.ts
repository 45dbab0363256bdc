/**
 * What is special to Kubernetes, against a real kube-apiserver: who is asked and with which credentials, cursors that it has
 * forgotten, pages, slices in every state. What holds for every registry is in the contract suite.
 */
import "../../kit/trap.ts";
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, suite, test, type TestContext } from "node:test";
import { isHeddleError, openRegistry } from "heddle";
import { createEndpointSet, type DiscoveryEvent, type EndpointSet, parseTarget } from "heddle/discovery";
import {
  type EndpointSlice,
  type KubernetesServer,
  startKubernetes,
} from "../../kit/registries/kubernetes.ts";
import { until } from "../../kit/within.ts";

let server: KubernetesServer;
let names = 0;

/** Each test has a service of its own. */
const newName = () => `orders-${names++}`;

function slice(service: string, ips: readonly string[], fields: Partial<EndpointSlice> = {}): EndpointSlice {
  return {
    name: `${service}-x1`,
    service,
    ports: [{ name: "grpc", port: 4001 }],
    endpoints: ips.map((ip) => ({ addresses: [ip] })),
    ...fields,
  };
}

async function opened(t: TestContext, url = server.url, env: Readonly<Record<string, string>> = {}) {
  const events: DiscoveryEvent[] = [];
  const client = await openRegistry(url, { stateFolder: false, env, onEvent: (event) => events.push(event) });
  t.after(() => client[Symbol.asyncDispose]());
  return { client, events, kinds: () => events.map(({ kind }) => kind) };
}

function watching(
  t: TestContext,
  { client }: Awaited<ReturnType<typeof opened>>,
  target: string,
): EndpointSet {
  const set = createEndpointSet();
  const stop = new AbortController();
  t.after(() => stop.abort());
  void (async () => {
    for await (const update of client.resolver.watch(parseTarget(target), stop.signal)) set.apply(update);
  })();
  return set;
}

/** A way to the server that stays open towards clients when the server goes, until it is told. */
async function startRelay(t: TestContext, to: string) {
  const [host = "", port = ""] = to.split(":");
  const clients = new Set<Socket>();
  const relay = createServer((client) => {
    clients.add(client);
    const onward = connect({ host, port: Number(port) });
    onward.on("error", () => {}).pipe(client, { end: false });
    client.on("error", () => {}).pipe(onward);
    client.on("close", () => {
      clients.delete(client);
      onward.destroy();
    });
  });
  await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
  const cut = () => {
    for (const client of clients) client.destroy();
  };
  t.after(() => {
    relay.close();
    cut();
  });
  return { address: `127.0.0.1:${(relay.address() as AddressInfo).port}`, cut };
}

const addresses = (set: EndpointSet) =>
  [...set.endpoints.values()]
    .map(({ address, draining }) => `${address}${draining ? " draining" : ""}`)
    .toSorted();

async function shows(set: EndpointSet, expected: readonly string[], ms?: number): Promise<void> {
  await until(() => addresses(set).join() === expected.join(), expected.join(), ms);
}

suite("Kubernetes", { timeout: 300_000 }, () => {
  before(async () => {
    server = await startKubernetes();
  });
  after(() => server.stop());

  test("slices in every state, as they come, change and go", async (t) => {
    const name = newName();
    const set = watching(t, await opened(t), `heddle:///${name}`);
    await server.applySlice(slice(name, ["127.0.0.1"]));
    await shows(set, ["127.0.0.1:4001"]);
    await server.applySlice(
      slice(name, [], {
        endpoints: [
          {
            addresses: ["127.0.0.2"],
            zone: "eu-1a",
            nodeName: "node-1",
            hints: { forZones: [{ name: "eu-1a" }] },
            targetRef: { kind: "Pod", name: "pod-2" },
          },
          { addresses: ["127.0.0.3"], conditions: { ready: false, serving: true, terminating: true } },
          { addresses: ["127.0.0.4"], conditions: { ready: false } },
        ],
      }),
    );
    await shows(set, ["127.0.0.2:4001", "127.0.0.3:4001 draining"]);
    const pod = set.endpoints.get("pod-2");
    assert.deepEqual(
      [pod?.zone, pod?.metadata],
      [
        "eu-1a",
        {
          "kubernetes.namespace": "default",
          "kubernetes.node": "node-1",
          "kubernetes.forZones": "eu-1a",
        },
      ],
    );
    await server.applySlice(slice(name, ["fd00::1"], { name: `${name}-x2`, addressType: "IPv6" }));
    await shows(set, ["127.0.0.2:4001", "127.0.0.3:4001 draining", "[fd00::1]:4001"]);
    await server.deleteSlice(`${name}-x1`);
    await shows(set, ["[fd00::1]:4001"]);
  });

  test("a contract is found by its label in all Services that carry it", async (t) => {
    const labels = { "contract.heddle.dev/shop.v1.OrderService": "" };
    const [one, other] = [newName(), newName()];
    await server.applySlice(slice(one, ["127.0.0.1"], { labels }));
    await server.applySlice(slice(other, ["127.0.0.2"], { labels }));
    const set = watching(t, await opened(t), "heddle:///shop.v1.OrderService");
    await shows(set, ["127.0.0.1:4001", "127.0.0.2:4001"]);
    const [first] = set.endpoints.values();
    assert.deepEqual([first?.contracts, first?.service], [["shop.v1.OrderService"], one]);
  });

  test("a Service of 250 slices is listed in pages", async (t) => {
    const name = newName();
    const all = Array.from({ length: 250 }, (_, i) => slice(name, [`10.1.${i}.1`], { name: `${name}-${i}` }));
    for (const one of all) await server.applySlice(one);
    const set = watching(t, await opened(t), `heddle:///${name}`);
    await until(() => set.endpoints.size === 250, "all of them");
  });

  test("a server that is frozen is found and empties nothing; what happened meanwhile is told after", async (t) => {
    const name = newName();
    await server.applySlice(slice(name, ["127.0.0.1"]));
    const registry = await opened(t, `${server.url}&probeMs=500`);
    const set = watching(t, registry, `heddle:///${name}`);
    await shows(set, ["127.0.0.1:4001"]);
    const [node] = server.nodes;
    assert.ok(node);
    await node.freeze();
    t.after(() => node.thaw());
    const frozenAt = performance.now();
    await until(() => registry.kinds().includes("disconnected"), "the loss is noticed");
    t.diagnostic(`noticed after ${Math.round(performance.now() - frozenAt)} ms`);
    await server.applySlice(slice(name, ["127.0.0.2"]));
    await shows(set, ["127.0.0.1:4001"]);
    node.thaw();
    await shows(set, ["127.0.0.2:4001"]);
  });

  test("a server that is killed and starts again is followed again, with what was written in between", async (t) => {
    const name = newName();
    await server.applySlice(slice(name, ["127.0.0.1", "127.0.0.2"]));
    const registry = await opened(t);
    const set = watching(t, registry, `heddle:///${name}`);
    await shows(set, ["127.0.0.1:4001", "127.0.0.2:4001"]);
    const [node] = server.nodes;
    assert.ok(node);
    await node.kill();
    await until(() => registry.kinds().includes("disconnected"), "the loss is noticed");
    await server.applySlice(slice(name, ["127.0.0.1", "127.0.0.3"]));
    await server.etcd.compact();
    await node.restart();
    await shows(set, ["127.0.0.1:4001", "127.0.0.3:4001"], 30_000);
  });

  test("a cursor that the server has forgotten costs a list and no more", async (t) => {
    const name = newName();
    await server.applySlice(slice(name, ["127.0.0.1", "127.0.0.2"]));
    const [node] = server.nodes;
    assert.ok(node);
    const relay = await startRelay(t, node.address);
    const registry = await opened(
      t,
      `kubernetes://${relay.address}?kubeconfig=${server.kubeconfig}&probeMs=20000`,
    );
    const set = watching(t, registry, `heddle:///${name}`);
    await shows(set, ["127.0.0.1:4001", "127.0.0.2:4001"]);
    // A watch that has told something is taken up again when it breaks.
    await server.applySlice(slice(name, ["127.0.0.1", "127.0.0.3"]));
    await shows(set, ["127.0.0.1:4001", "127.0.0.3:4001"]);
    // A server remembers what it saw by itself, so it must be a new one.
    await node.kill();
    await server.applySlice(slice(name, ["127.0.0.1", "127.0.0.4"]));
    await server.etcd.compact();
    await node.restart();
    relay.cut();
    await shows(set, ["127.0.0.1:4001", "127.0.0.4:4001"]);
    assert.deepEqual(registry.kinds(), ["connected"]);
  });

  test("a pod's service account leads to the server", async (t) => {
    const name = newName();
    await server.applySlice(slice(name, ["127.0.0.1"]));
    const [host = "", port = ""] = (server.nodes[0]?.address ?? "").split(":");
    const env = { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port };
    const registry = await opened(t, `kubernetes://?serviceAccount=${server.serviceAccountFolder}`, env);
    await shows(watching(t, registry, `heddle:///${name}`), ["127.0.0.1:4001"]);
  });

  test("a token that is revoked is told; the one that follows in its file is used without a restart", async (t) => {
    const name = newName();
    await server.applySlice(slice(name, ["127.0.0.1"]));
    const registry = await opened(t);
    await shows(watching(t, registry, `heddle:///${name}`), ["127.0.0.1:4001"]);
    await server.revokeTokens();
    // The server may take 10 s to hear of it, and does not end watches for it.
    await until(
      async () => {
        const probe = await opened(t);
        watching(t, probe, "heddle:///any");
        await until(() => probe.events.length > 0, "an answer");
        await probe.client[Symbol.asyncDispose]();
        const [event] = probe.events;
        return (
          event?.kind === "disconnected" &&
          isHeddleError(event.error) &&
          event.error.reason === "registryRefused"
        );
      },
      "the old token is refused",
      30_000,
    );
    await server.rotateToken();
    await server.applySlice(slice(`${name}-other`, ["127.0.0.2"]));
    await shows(watching(t, registry, `heddle:///${name}-other`), ["127.0.0.2:4001"]);
  });

  test("who may not list is told what is missing", async (t) => {
    const account = "/api/v1/namespaces/default/serviceaccounts";
    await server.admin("POST", account, { metadata: { name: "stranger" } });
    const { status } = await server.admin<{ status: { token: string } }>(
      "POST",
      `${account}/stranger/token`,
      {},
    );
    const folder = server.serviceAccountFolder;
    writeFileSync(join(folder, "stranger"), status.token);
    const host = server.nodes[0]?.address;
    const registry = await opened(
      t,
      `kubernetes://${host}?ca=${join(folder, "ca.crt")}&tokenFile=${join(folder, "stranger")}`,
    );
    watching(t, registry, "heddle:///orders");
    await until(() => registry.events.length > 0, "the refusal");
    const [event] = registry.events;
    assert.ok(event?.kind === "disconnected" && isHeddleError(event.error));
    assert.equal(event.error.reason, "registryRefused");
    assert.match(event.error.message, /stranger.* cannot list resource "endpointslices"/);
    assert.doesNotMatch(event.error.message, new RegExp(status.token.slice(0, 20)));
  });

  test("a change reaches a caller within a moment", async (t) => {
    const name = newName();
    const set = watching(t, await opened(t), `heddle:///${name}`);
    const tookMs: number[] = [];
    for (let i = 1; i <= 50; i++) {
      const begunAt = performance.now();
      await server.applySlice(
        slice(
          name,
          Array.from({ length: i }, (_, j) => `127.0.1.${j + 1}`),
        ),
      );
      await until(() => set.endpoints.size === i, `change ${i}`);
      tookMs.push(performance.now() - begunAt);
    }
    tookMs.sort((a, b) => a - b);
    t.diagnostic(`p50 ${tookMs[25]?.toFixed(1)} ms, largest ${tookMs.at(-1)?.toFixed(1)} ms`);
    assert.ok((tookMs[25] ?? Infinity) < 500);
  });
});
