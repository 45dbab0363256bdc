/**
 * What is special to Kubernetes, against a real kube-apiserver: who is asked and with which credentials, cursors that it has
 * forgotten, pages, slices in every state. What holds for every registry is in the contract suite.
 */
import "../../kit/trap.ts";
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, suite, test, type TestContext } from "node:test";
import { isHeddleError } from "../../../packages/heddle/src/call/errors.ts";
import type { DiscoveryEvent } from "../../../packages/heddle/src/discovery/discovery-event.ts";
import { createEndpointSet, type EndpointSet } from "../../../packages/heddle/src/discovery/endpoint-set.ts";
import { CursorLost } from "../../../packages/heddle/src/discovery/kubernetes/api-faults.ts";
import { openInClusterAccess } from "../../../packages/heddle/src/discovery/kubernetes/in-cluster-access.ts";
import { createKubernetesApi } from "../../../packages/heddle/src/discovery/kubernetes/kubernetes-api.ts";
import { openKubernetes } from "../../../packages/heddle/src/discovery/kubernetes/open-kubernetes.ts";
import { parseRegistryUrl } from "../../../packages/heddle/src/discovery/registry-url.ts";
import { parseTarget } from "../../../packages/heddle/src/discovery/target.ts";
import { systemRuntime } from "../../../packages/heddle/src/runtime/runtime.ts";
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

function opened(t: TestContext, url = server.url, env: Readonly<Record<string, string>> = {}) {
  const events: DiscoveryEvent[] = [];
  const client = openKubernetes({
    url: parseRegistryUrl(url),
    runtime: systemRuntime,
    env,
    incarnation: 1n,
    lastGood: undefined,
    onEvent: (event) => events.push(event),
    onWarning: () => {},
    openTransport: () => assert.fail("Kubernetes is not asked over gRPC"),
  });
  t.after(() => client[Symbol.asyncDispose]());
  return { client, events, kinds: () => events.map(({ kind }) => kind) };
}

function watching(t: TestContext, { client }: ReturnType<typeof opened>, target: string): EndpointSet {
  const set = createEndpointSet();
  const stop = new AbortController();
  t.after(() => stop.abort());
  void (async () => {
    for await (const update of client.resolver.watch(parseTarget(target), stop.signal)) set.apply(update);
  })();
  return set;
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
    const set = watching(t, opened(t), `heddle:///${name}`);
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
    const set = watching(t, opened(t), "heddle:///shop.v1.OrderService");
    await shows(set, ["127.0.0.1:4001", "127.0.0.2:4001"]);
    const [first] = set.endpoints.values();
    assert.deepEqual([first?.contracts, first?.service], [["shop.v1.OrderService"], one]);
  });

  test("a Service of 250 slices is listed in pages", async (t) => {
    const name = newName();
    const all = Array.from({ length: 250 }, (_, i) => slice(name, [`10.1.${i}.1`], { name: `${name}-${i}` }));
    for (const one of all) await server.applySlice(one);
    const set = watching(t, opened(t), `heddle:///${name}`);
    await until(() => set.endpoints.size === 250, "all of them");
  });

  test("a server that is frozen is found and empties nothing; what happened meanwhile is told after", async (t) => {
    const name = newName();
    await server.applySlice(slice(name, ["127.0.0.1"]));
    const registry = opened(t, `${server.url}&probeMs=500`);
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
    const registry = opened(t);
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

  test("a cursor that the server has forgotten is told as that", async (t) => {
    const address = server.nodes[0]?.address ?? "";
    const [host = "", port = ""] = address.split(":");
    const env = { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port };
    const api = createKubernetesApi({
      address,
      openAccess: () => openInClusterAccess(env, server.serviceAccountFolder),
      runtime: systemRuntime,
    });
    t.after(() => api[Symbol.asyncDispose]());
    assert.equal(await api.namespace(), "default");
    const signal = AbortSignal.timeout(30_000);
    const scope = { namespace: "default", labelSelector: "kubernetes.io/service-name=none" };
    // A server remembers what it saw by itself, so it must be a new one.
    await server.etcd.compact();
    await server.nodes[0]?.restart();
    await assert.rejects(async () => {
      for await (const _ of api.watch(scope, "2", signal));
    }, CursorLost);
    const pages = await Array.fromAsync(api.list(scope, signal));
    assert.equal(pages.length, 1);
    await api.probe(signal);
  });

  test("a token that is revoked is told; the one that follows in its file is used without a restart", async (t) => {
    const name = newName();
    await server.applySlice(slice(name, ["127.0.0.1"]));
    const registry = opened(t);
    await shows(watching(t, registry, `heddle:///${name}`), ["127.0.0.1:4001"]);
    await server.revokeTokens();
    // The server may take 10 s to hear of it, and does not end watches for it.
    await until(
      async () => {
        const probe = opened(t);
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
    const registry = opened(
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
    const set = watching(t, opened(t), `heddle:///${name}`);
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
