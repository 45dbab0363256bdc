/** The adapter as a process uses it, against an API server of our own that can be made to misbehave. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createAuthority } from "../../../../../test/kit/certificates.ts";
import { HeddleError, isHeddleError } from "../../call/errors.ts";
import { createRuntime } from "../../runtime/runtime.ts";
import type { DiscoveryEvent } from "../discovery-event.ts";
import { createEndpointSet, type EndpointSet } from "../endpoint-set.ts";
import type { RegistryContext } from "../registry-client.ts";
import { parseRegistryUrl } from "../registry-url.ts";
import { parseTarget } from "../target.ts";
import {
  type FakeApiServer,
  type FakeRequest,
  sendStatus,
  type SliceFields,
  startFakeApiServer,
} from "./fake-api-server.test.ts";
import { type KubernetesClient, openKubernetes } from "./open-kubernetes.ts";

const LIMIT = { timeout: 30_000 };

interface Opened {
  readonly client: KubernetesClient;
  readonly events: DiscoveryEvent[];
}

function open(t: TestContext, url: string, env: RegistryContext["env"] = {}): Opened {
  const events: DiscoveryEvent[] = [];
  const client = openKubernetes({
    url: parseRegistryUrl(url),
    runtime: createRuntime(),
    env,
    incarnation: 1n,
    lastGood: undefined,
    onEvent: (event) => events.push(event),
    onWarning: () => {},
    openTransport: () => assert.fail("Kubernetes is not asked over gRPC"),
  });
  t.after(() => client[Symbol.asyncDispose]());
  return { client, events };
}

/** Follows a target until the test ends. */
function follow(t: TestContext, { client }: Opened, target = "heddle:///orders"): EndpointSet {
  const stop = new AbortController();
  const set = createEndpointSet();
  const done = (async () => {
    for await (const update of client.resolver.watch(parseTarget(target), stop.signal)) set.apply(update);
  })();
  t.after(async () => {
    stop.abort();
    await done;
  });
  return set;
}

async function start(t: TestContext): Promise<FakeApiServer> {
  const server = await startFakeApiServer();
  t.after(() => server[Symbol.asyncDispose]());
  return server;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const shows = (set: EndpointSet, ...addresses: string[]) =>
  until(
    () =>
      [...set.endpoints.values()]
        .map(({ address }) => address)
        .toSorted()
        .join() === addresses.join(),
  );

function slice(name: string, ips: readonly string[], fields: Partial<SliceFields> = {}): SliceFields {
  return {
    metadata: { name, labels: { "kubernetes.io/service-name": "orders" }, ...fields.metadata },
    addressType: "IPv4",
    ports: fields.ports ?? [{ name: "grpc", port: 80 }],
    endpoints: ips.map((ip) => ({ addresses: [ip], conditions: { ready: true } })),
  };
}

const watches = ({ requests }: FakeApiServer) =>
  requests.filter(({ query }) => query.get("watch") === "true");
const lists = ({ requests }: FakeApiServer) =>
  requests.filter(({ path, query }) => path.endsWith("/endpointslices") && !query.has("watch"));
const plain = (server: FakeApiServer, options = "") =>
  `kubernetes://${server.host}?tls=off&token=t0${options}`;

test(
  "slices are listed in pages, then watched from there with what the API asks of a watcher",
  LIMIT,
  async (t) => {
    const server = await start(t);
    for (let i = 0; i < 250; i++) server.put(slice(`s${i}`, [`10.0.${i}.1`]));
    server.put({ ...slice("other", ["10.9.9.9"]), metadata: { name: "other", labels: {} } });
    const set = follow(t, open(t, plain(server)));
    await until(() => set.endpoints.size === 250);
    await until(() => server.watchers === 1);
    assert.deepEqual(
      lists(server).map(({ query }) => [query.get("limit"), query.get("labelSelector")]),
      Array(3).fill(["100", "kubernetes.io/service-name=orders"]),
    );
    const [{ query, authorization }] = watches(server) as [FakeRequest];
    assert.equal(query.get("allowWatchBookmarks"), "true");
    assert.equal(query.get("resourceVersion"), "1251");
    assert.ok(Number(query.get("timeoutSeconds")) >= 300 && Number(query.get("timeoutSeconds")) < 360);
    assert.equal(authorization, "Bearer t0");
    server.put(slice("s0", ["10.0.0.1", "10.0.0.2"]));
    await until(() => set.endpoints.size === 251);
    server.remove("s1");
    await until(() => set.endpoints.size === 250);
  },
);

test(
  "a watch that ends or breaks goes on from its last cursor, and nothing is listed anew",
  LIMIT,
  async (t) => {
    const server = await start(t);
    server.put(slice("s1", ["10.0.0.1"]));
    const opened = open(t, plain(server));
    const set = follow(t, opened);
    await shows(set, "10.0.0.1:80");
    for (const how of ["end", "break"] as const) {
      await until(() => server.watchers === 1);
      server.put(slice("s1", ["10.0.0.2"]));
      await shows(set, "10.0.0.2:80");
      server.put({ ...slice("elsewhere", []), metadata: { name: "elsewhere" } });
      server.bookmark();
      server.put(slice("s1", ["10.0.0.3"]));
      await shows(set, "10.0.0.3:80");
      const before = watches(server).length;
      server.endWatches(how);
      server.put(slice("s2", ["10.0.0.4"]));
      await shows(set, "10.0.0.3:80", "10.0.0.4:80");
      assert.equal(watches(server).length, before + 1);
      server.remove("s2");
      await shows(set, "10.0.0.3:80");
    }
    assert.equal(lists(server).length, 1);
    assert.deepEqual(
      opened.events.map(({ kind }) => kind),
      ["connected"],
    );
  },
);

test("a bookmark moves the cursor", LIMIT, async (t) => {
  const server = await start(t);
  const set = follow(t, open(t, plain(server)));
  await until(() => set.complete && server.watchers === 1);
  server.put({ ...slice("elsewhere", []), metadata: { name: "elsewhere" } });
  server.compact();
  server.bookmark();
  // Told after the bookmark, so once it is seen the bookmark was too.
  server.put(slice("s1", ["10.0.0.1"]));
  await shows(set, "10.0.0.1:80");
  server.endWatches("end");
  await until(() => watches(server).length === 2);
  assert.equal(lists(server).length, 1);
});

test(
  "a cursor that is too old, by status or within the watch, means a list whose difference is told",
  LIMIT,
  async (t) => {
    const server = await start(t);
    server.put(slice("s1", ["10.0.0.1"]));
    server.put(slice("s2", ["10.0.0.2"]));
    const opened = open(t, plain(server));
    const set = follow(t, opened);
    await shows(set, "10.0.0.1:80", "10.0.0.2:80");
    await until(() => server.watchers === 1);
    server.put(slice("s2", ["10.0.0.2", "10.0.0.9"]));
    await shows(set, "10.0.0.1:80", "10.0.0.2:80", "10.0.0.9:80");

    server.interfere = ({ query }) => {
      if (query.get("watch") === "true" && lists(server).length === 1) server.compact();
      return false;
    };
    server.endWatches("end");
    await until(() => lists(server).length === 2);
    server.interfere = undefined;
    await until(() => server.watchers === 1);
    assert.equal(set.endpoints.size, 3);

    server.tell(
      '{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}',
    );
    await until(() => lists(server).length === 3);
    server.put(slice("s3", ["10.0.0.3"]));
    await shows(set, "10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", "10.0.0.9:80");
    assert.deepEqual(
      opened.events.map(({ kind }) => kind),
      ["connected"],
    );
  },
);

test("a list whose pages are gone begins anew", LIMIT, async (t) => {
  const server = await start(t);
  for (let i = 0; i < 150; i++) server.put(slice(`s${i}`, [`10.0.${i}.1`]));
  server.interfere = ({ query }) => {
    if (query.has("continue") && lists(server).length === 2) server.compact();
    return false;
  };
  const set = follow(t, open(t, plain(server)));
  await until(() => set.endpoints.size === 150);
  assert.equal(lists(server).length, 4);
});

test("429 is obeyed for as long as it says, in list and watch", LIMIT, async (t) => {
  const server = await start(t);
  server.put(slice("s1", ["10.0.0.1"]));
  const refusedAt: number[] = [];
  const takenAt: number[] = [];
  const refused = new Set<string>();
  server.interfere = ({ path, query }, response) => {
    if (path === "/version") return false;
    const kind = query.get("watch") ?? "list";
    if (refused.has(kind)) {
      takenAt.push(performance.now());
      return false;
    }
    refused.add(kind);
    refusedAt.push(performance.now());
    sendStatus(response, 429, "slow down", { "retry-after": "1" });
    return true;
  };
  const opened = open(t, plain(server));
  const set = follow(t, opened);
  await shows(set, "10.0.0.1:80");
  await until(() => server.watchers === 1);
  assert.equal(lists(server).length, 2);
  assert.equal(watches(server).length, 2);
  for (const [index, at] of takenAt.entries())
    assert.ok(at - (refusedAt[index] ?? 0) >= 990, "the pause is kept");
  assert.deepEqual(
    opened.events.map(({ kind }) => kind),
    ["connected"],
  );
});

test("an API server that is away empties nothing, and is found again", LIMIT, async (t) => {
  const server = await start(t);
  server.put(slice("s1", ["10.0.0.1"]));
  const opened = open(t, plain(server));
  const set = follow(t, opened);
  await shows(set, "10.0.0.1:80");
  await until(() => server.watchers === 1);
  server.interfere = (_, response) => (sendStatus(response, 500, "etcdserver: leader changed"), true);
  server.endWatches("break");
  await until(() => opened.events.some(({ kind }) => kind === "disconnected"));
  await shows(set, "10.0.0.1:80");
  server.interfere = undefined;
  server.put(slice("s1", ["10.0.0.2"]));
  await shows(set, "10.0.0.2:80");
});

test("a server that is frozen is found by the question that it doesn't answer", LIMIT, async (t) => {
  const server = await start(t);
  server.put(slice("s1", ["10.0.0.1"]));
  const opened = open(t, plain(server, "&probeMs=200"));
  const set = follow(t, opened);
  await until(() => server.requests.filter(({ path }) => path === "/version").length >= 2);
  assert.deepEqual(
    opened.events.map(({ kind }) => kind),
    ["connected"],
  );
  const frozenAt = performance.now();
  server.interfere = () => true;
  await until(() => opened.events.some(({ kind }) => kind === "disconnected"));
  const tookMs = performance.now() - frozenAt;
  assert.ok(tookMs >= 2_000 && tookMs < 5_000, `it took ${tookMs} ms`);
  await shows(set, "10.0.0.1:80");
});

test(
  "a token that is refused is read again; one that stays refused is told with the server's reason",
  LIMIT,
  async (t) => {
    const server = await start(t);
    server.put(slice("s1", ["10.0.0.1"]));
    const folder = mkdtempSync(join(tmpdir(), "heddle-token-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const tokenFile = join(folder, "token");
    writeFileSync(tokenFile, "old");
    server.interfere = ({ authorization }, response) => {
      if (authorization === "Bearer new") return false;
      sendStatus(response, 401, "Unauthorized");
      return true;
    };
    const opened = open(t, `kubernetes://${server.host}?tls=off&tokenFile=${tokenFile}`);
    const set = follow(t, opened);
    await until(() => opened.events.length > 0);
    const [event] = opened.events;
    assert.ok(event?.kind === "disconnected" && isHeddleError(event.error));
    assert.equal(event.error.reason, "registryRefused");
    writeFileSync(tokenFile, "new");
    await shows(set, "10.0.0.1:80");
  },
);

test("a missing permission is told as what it is", LIMIT, async (t) => {
  const server = await start(t);
  const message = 'endpointslices.discovery.k8s.io is forbidden: User "x" cannot list resource';
  server.interfere = (_, response) => (sendStatus(response, 403, message), true);
  const opened = open(t, plain(server));
  follow(t, opened);
  await until(() => opened.events.length > 0);
  const [event] = opened.events;
  assert.ok(event?.kind === "disconnected" && isHeddleError(event.error));
  assert.equal(event.error.reason, "registryRefused");
  assert.ok(event.error.message.includes(message));
  assert.ok(event.error.message.includes(`kubernetes://${server.host}`));
  assert.doesNotMatch(event.error.message, /t0/);
});

test("a Service with several ports and none that is meant is told, not guessed", LIMIT, async (t) => {
  const server = await start(t);
  const ports = [
    { name: "http", port: 8080 },
    { name: "metrics", port: 9090 },
  ];
  server.put(slice("s1", ["10.0.0.1"], { ports }));
  const opened = open(t, plain(server));
  follow(t, opened);
  await until(() => opened.events.length > 0);
  const [event] = opened.events;
  assert.ok(event?.kind === "disconnected" && isHeddleError(event.error));
  assert.equal(event.error.reason, "noInstance");
  assert.match(event.error.message, /http \(8080\), metrics \(9090\): say which with \?port=/);
  await shows(follow(t, opened, "heddle:///orders?port=metrics"), "10.0.0.1:9090");
  await shows(follow(t, open(t, plain(server, "&port=http"))), "10.0.0.1:8080");
});

test(
  "a contract is found by its label, also one too long for a label, and in another namespace",
  LIMIT,
  async (t) => {
    const server = await start(t);
    const long = `shop.v1.${"Very".repeat(20)}Service`;
    const { contractLabel } = await import("./service-labels.ts");
    for (const [index, contract] of ["shop.v1.Orders", long].entries()) {
      const labels = { "kubernetes.io/service-name": "orders", [contractLabel(contract)]: "" };
      server.put(slice(`s${index}`, [`10.0.0.${index}`], { metadata: { name: `s${index}`, labels } }));
    }
    const labels = { "kubernetes.io/service-name": "orders" };
    server.put(slice("far", ["10.1.0.1"], { metadata: { name: "far", namespace: "far", labels } }));
    const opened = open(t, plain(server));
    await shows(follow(t, opened, "heddle:///shop.v1.Orders"), "10.0.0.0:80");
    const found = follow(t, opened, `heddle:///${long}`);
    await shows(found, "10.0.0.1:80");
    assert.deepEqual([...found.endpoints.values()][0]?.contracts, [long]);
    await shows(follow(t, opened, "kubernetes:///far/orders"), "10.1.0.1:80");
    await shows(follow(t, open(t, plain(server, "&namespace=far"))), "10.1.0.1:80");
  },
);

test("a kubeconfig leads to the server over TLS with a client's certificate", LIMIT, async (t) => {
  const authority = createAuthority();
  const server = await startFakeApiServer({
    ...authority.issue(),
    ca: authority.cert,
    requestCert: true,
    rejectUnauthorized: true,
  });
  t.after(() => server[Symbol.asyncDispose]());
  server.put(
    slice("s1", ["10.0.0.1"], {
      metadata: { name: "s1", namespace: "shop", labels: { "kubernetes.io/service-name": "orders" } },
    }),
  );
  const folder = mkdtempSync(join(tmpdir(), "heddle-kubeconfig-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const client = authority.issue();
  const data = (text: string) => Buffer.from(text).toString("base64");
  const kubeconfig = (cluster: object) => ({
    "current-context": "here",
    contexts: [{ name: "here", context: { cluster: "c", user: "u", namespace: "shop" } }],
    clusters: [{ name: "c", cluster: { server: `https://${server.host}`, ...cluster } }],
    users: [
      {
        name: "u",
        user: { "client-certificate-data": data(client.cert), "client-key-data": data(client.key) },
      },
    ],
  });
  const path = join(folder, "config");
  const env = { KUBECONFIG: path };
  writeFileSync(path, JSON.stringify(kubeconfig({})));
  const untrusting = open(t, "kubernetes://", env);
  follow(t, untrusting);
  await until(() => untrusting.events.some(({ kind }) => kind === "disconnected"));
  assert.equal(server.requests.length, 0, "an unknown authority is not trusted");

  writeFileSync(path, JSON.stringify(kubeconfig({ "certificate-authority-data": data(authority.cert) })));
  await shows(follow(t, open(t, "kubernetes://", env)), "10.0.0.1:80");
  await shows(follow(t, open(t, `kubernetes://?kubeconfig=${path}`)), "10.0.0.1:80");

  writeFileSync(path, JSON.stringify(kubeconfig({ "insecure-skip-tls-verify": true })));
  await shows(follow(t, open(t, "kubernetes://?context=here", env)), "10.0.0.1:80");

  const moved = {
    ...kubeconfig({ "certificate-authority-data": data(authority.cert), server: "https://127.0.0.1:1" }),
  };
  writeFileSync(path, JSON.stringify(moved));
  await shows(follow(t, open(t, `kubernetes://${server.host}?kubeconfig=${path}`)), "10.0.0.1:80");
});

test("settings that make no sense are refused at once, without the secret in them", (t) => {
  for (const [url, reason] of [
    ["kubernetes://127.0.0.1:6443?tokn=hunter2", /did you mean token/],
    ["kubernetes://a:1,b:2?token=hunter2", /takes one host/],
    ["kubernetes://?token=hunter2", /without a host/],
    ["kubernetes://127.0.0.1:6443?probeMs=soon&token=hunter2", /probeMs/],
  ] as const) {
    assert.throws(
      () => open(t, url),
      (error) => error instanceof HeddleError && reason.test(error.message) && !/hunter2/.test(error.message),
      url,
    );
  }
});

test("no kubeconfig and no pod is told with where was looked", LIMIT, async (t) => {
  const opened = open(t, "kubernetes://", { KUBECONFIG: "/nonexistent/config" });
  follow(t, opened);
  await until(() => opened.events.length > 0);
  const [event] = opened.events;
  assert.ok(event?.kind === "disconnected");
  assert.match(String(event.error), /there is no kubeconfig at \/nonexistent\/config/);
});

test("disposing ends watches and takes readiness back", LIMIT, async (t) => {
  const server = await start(t);
  const folder = mkdtempSync(join(tmpdir(), "heddle-ready-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const opened = open(t, plain(server, `&readinessFile=${join(folder, "ready")}`));
  const { createEndpoint } = await import("../endpoint.ts");
  const registration = opened.client.registrar?.register(
    createEndpoint({ address: "10.0.0.1:1", service: "orders" }),
  );
  await registration?.registered;
  assert.equal(opened.client.readiness.isReady, true);
  await opened.client[Symbol.asyncDispose]();
  assert.equal(opened.client.readiness.isReady, false);
  await until(() => server.watchers === 0);
});

test(
  "a server that tells something and ends each watch at once is not asked without a pause",
  LIMIT,
  async (t) => {
    const server = await start(t);
    server.put(slice("a", ["10.0.0.1"]));
    server.interfere = ({ query }, response) => {
      if (query.get("watch") !== "true") return false;
      response.end(
        `${JSON.stringify({ type: "BOOKMARK", object: { metadata: { resourceVersion: "1001" } } })}\n`,
      );
      return true;
    };
    const opened = open(t, plain(server));
    const set = follow(t, opened);
    await shows(set, "10.0.0.1:80");
    await until(() => opened.events.some(({ kind }) => kind === "disconnected"));
    assert.ok(watches(server).length <= 10, String(watches(server).length));
    assert.equal(set.endpoints.size, 1);
  },
);

test("a list without an end is an error, and not read for ever", LIMIT, async (t) => {
  const server = await start(t);
  server.interfere = (_, response) => {
    response.end(JSON.stringify({ metadata: { resourceVersion: "5", continue: "again" }, items: [] }));
    return true;
  };
  const opened = open(t, plain(server));
  follow(t, opened);
  await until(() => opened.events.some(({ kind }) => kind === "disconnected"));
  assert.ok(lists(server).length <= 3, String(lists(server).length));
});
