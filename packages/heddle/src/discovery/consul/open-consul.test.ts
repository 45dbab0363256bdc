/** The client against an agent that does what each test needs; what real agents do is in test/real/discovery. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { isHeddleError } from "../../call/errors.ts";
import { createRuntime } from "../../runtime/runtime.ts";
import type { DiscoveryEvent } from "../discovery-event.ts";
import { createEndpoint, type Endpoint } from "../endpoint.ts";
import type { RegistryClient } from "../registry-client.ts";
import { parseRegistryUrl } from "../registry-url.ts";
import { parseTarget } from "../target.ts";
import { openConsul } from "./open-consul.ts";

type Respond = (
  request: IncomingMessage,
  url: URL,
  response: ServerResponse,
  body: string,
) => boolean | undefined;

/** An agent with services and a raft index, whose answers a test may take over. */
async function startAgent(t: TestContext, take: Respond = () => false) {
  const services = new Map<string, Record<string, unknown> & { Name: string }>();
  const seen: { method: string; path: string; query: URLSearchParams; token: string | undefined }[] = [];
  const waiting = new Set<() => void>();
  let index = 10;
  const agent = {
    services,
    seen,
    take,
    host: "",
    change(newIndex = index + 1) {
      index = newIndex;
      for (const answer of waiting) answer();
    },
    count: (part: string) => seen.filter(({ method, path }) => `${method} ${path}`.includes(part)).length,
  };
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) body += chunk;
    const url = new URL(request.url ?? "", "http://x");
    const path = decodeURIComponent(url.pathname);
    const { method = "", headers } = request;
    seen.push({ method, path, query: url.searchParams, token: headers["x-consul-token"]?.toString() });
    if (agent.take(request, url, response, body)) return;
    const id = path.split("/").slice(5).join("/");
    if (path === "/v1/status/leader") return response.end('"127.0.0.1:8300"');
    if (path === "/v1/agent/service/register") {
      const definition = JSON.parse(body) as Record<string, unknown> & { ID: string; Name: string };
      services.set(definition.ID, definition);
      agent.change();
      return response.end();
    }
    if (path.startsWith("/v1/agent/service/deregister/")) {
      services.delete(id);
      agent.change();
      return response.end();
    }
    if (path.startsWith("/v1/agent/check/pass/")) {
      const checks = [...services.values()].flatMap((service) => service["Checks"] as { CheckID: string }[]);
      return response.writeHead(checks.some(({ CheckID }) => CheckID === id) ? 200 : 404).end();
    }
    if (path.startsWith("/v1/agent/service/")) {
      const service = services.get(path.slice("/v1/agent/service/".length));
      return response.writeHead(service === undefined ? 404 : 200).end(JSON.stringify(service ?? ""));
    }
    const name = path.slice("/v1/health/service/".length);
    const answer = () => {
      waiting.delete(answer);
      const found = [...services.values()].filter(({ Name }) => Name === name);
      response.setHeader("X-Consul-Index", index);
      response.end(
        JSON.stringify(
          found.map((service) => ({
            Node: { Node: "n", Address: "10.0.0.1" },
            Service: { ...service, Service: service.Name },
            Checks: [{ CheckID: "serfHealth", Status: "passing" }],
          })),
        ),
      );
    };
    if (url.searchParams.get("index") !== String(index)) return answer();
    waiting.add(answer);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close().closeAllConnections());
  agent.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return agent;
}

function open(
  t: TestContext,
  url: string,
  { env = {}, incarnation = 1n }: { env?: Record<string, string>; incarnation?: bigint } = {},
): RegistryClient & { events: DiscoveryEvent[] } {
  const events: DiscoveryEvent[] = [];
  const client = openConsul({
    url: parseRegistryUrl(url),
    runtime: createRuntime(),
    env,
    incarnation,
    lastGood: undefined,
    onEvent: (event) => events.push(event),
    onWarning: () => {},
    openTransport: () => assert.fail("Consul is HTTP"),
  });
  t.after(() => client[Symbol.asyncDispose]());
  return Object.assign(client, { events });
}

/** What a watch holds, kept as updates come. */
function follow(t: TestContext, client: RegistryClient, target: string) {
  const abort = new AbortController();
  const held = new Map<string, Endpoint>();
  const state = { held, updates: 0, complete: false };
  const reading = (async () => {
    for await (const update of client.resolver.watch(parseTarget(target), abort.signal)) {
      state.updates++;
      if (update.kind === "snapshot") {
        held.clear();
        for (const endpoint of update.endpoints) held.set(endpoint.id, endpoint);
        state.complete = update.complete;
      } else {
        for (const endpoint of update.upserted) held.set(endpoint.id, endpoint);
        for (const id of update.removed) held.delete(id);
      }
    }
  })();
  t.after(async () => {
    abort.abort();
    await reading;
  });
  return state;
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const giveUpAt = performance.now() + 30_000;
  while (!condition()) {
    assert.ok(performance.now() < giveUpAt, `waited for ${what}`);
    await delay(5);
  }
}

const INSTANCE = createEndpoint({
  id: "orders-1",
  service: "orders",
  contracts: ["shop.v1.OrderService"],
  address: "127.0.0.1:4001",
});

test("an instance is registered under each of its names, found, changed and given up", async (t) => {
  const agent = await startAgent(t);
  const client = open(t, `consul://${agent.host}?tags=x`);
  const watch = follow(t, client, "consul:///shop.v1.OrderService");
  await using registration = client.registrar?.register(INSTANCE);
  await registration?.registered;
  assert.deepEqual([...agent.services.keys()].sort(), ["orders:orders-1", "shop.v1.OrderService:orders-1"]);
  await until(() => watch.held.size === 1, "the instance");
  assert.deepEqual(watch.held.get("orders-1"), { ...INSTANCE, health: "healthy" });
  registration?.update({ draining: true });
  await until(() => watch.held.get("orders-1")?.draining === true, "the change");
  await registration?.[Symbol.asyncDispose]();
  assert.equal(agent.services.size, 0);
});

test("what the agent has forgotten is registered again", async (t) => {
  const agent = await startAgent(t);
  const client = open(t, `consul://${agent.host}?ttlMs=1000`);
  const registration = client.registrar?.register(INSTANCE);
  await registration?.registered;
  agent.services.delete("orders:orders-1");
  await until(() => agent.services.size === 2, "the registration");
  assert.equal(registration?.state, "registered");
  assert.equal(agent.count("PUT /v1/agent/service/register"), 3, "only the one that was missing");
});

test("a newer incarnation is left alone, by registering and by deregistering", async (t) => {
  const agent = await startAgent(t);
  const old = open(t, `consul://${agent.host}?ttlMs=1000`, { incarnation: 1n });
  const oldRegistration = old.registrar?.register(INSTANCE);
  await oldRegistration?.registered;
  const young = open(t, `consul://${agent.host}`, { incarnation: 2n });
  await young.registrar?.register({ ...INSTANCE, address: "127.0.0.1:4002" }).registered;
  await until(() => old.events.some(({ kind }) => kind === "refused"), "the refusal");
  await oldRegistration?.[Symbol.asyncDispose]();
  assert.deepEqual(
    [...agent.services.values()].map(({ Port }) => Port),
    [4002, 4002],
  );
});

test("a credential that is refused is told, by the watch and by the registration", async (t) => {
  const agent = await startAgent(t, (_, __, response) => {
    response.writeHead(403).end("Permission denied");
    return true;
  });
  const client = open(t, `consul://${agent.host}?token=secret`);
  follow(t, client, "consul:///orders");
  await assert.rejects(client.registrar?.register(INSTANCE).registered ?? Promise.resolve(), (error) => {
    assert.ok(isHeddleError(error) && error.reason === "registrationRefused");
    assert.ok(!error.message.includes("secret"));
    return true;
  });
  await until(() => client.events.some(({ kind }) => kind === "disconnected"), "the event");
  const told = client.events.find(({ kind }) => kind === "disconnected");
  assert.ok(told?.kind === "disconnected" && isHeddleError(told.error));
  assert.equal(told.error.reason, "registryRefused");
});

test("an empty answer that access control made so is a refusal, not an empty set", async (t) => {
  const agent = await startAgent(t, (_, url, response) => {
    if (!url.pathname.startsWith("/v1/health")) return false;
    response.writeHead(200, { "X-Consul-Index": "1", "X-Consul-Results-Filtered-By-ACLs": "true" }).end("[]");
    return true;
  });
  const client = open(t, `consul://${agent.host}`);
  const watch = follow(t, client, "consul:///orders");
  await until(() => client.events.some(({ kind }) => kind === "disconnected"), "the refusal");
  assert.equal(watch.updates, 0);
});

test("an index that went back begins anew, and answers without news are few", async (t) => {
  const agent = await startAgent(t);
  const client = open(t, `consul://${agent.host}`);
  const watch = follow(t, client, "consul:///orders");
  await until(() => agent.count("GET /v1/health") === 2, "the waiting query");
  agent.change(3);
  await until(() => agent.count("GET /v1/health") === 4, "a query anew and one that waits");
  const indexes = agent.seen
    .filter(({ path }) => path.startsWith("/v1/health"))
    .map(({ query }) => query.get("index"));
  assert.deepEqual(indexes, [null, "10", null, "3"]);
  const started = performance.now();
  while (performance.now() - started < 500) {
    agent.change();
    await delay(5);
  }
  assert.ok(agent.count("GET /v1/health") <= 6, `${agent.count("GET /v1/health")} queries`);
  assert.equal(watch.updates, 1);
});

test("an agent that is frozen while a query waits is found by its silence, and another one is asked", async (t) => {
  const [first, second] = [await startAgent(t), await startAgent(t)];
  const client = open(t, `consul://${first.host},${second.host}?probeMs=100&timeoutMs=200`);
  const watch = follow(t, client, "consul:///orders");
  await until(() => first.count("GET /v1/status/leader") >= 2, "two beats");
  assert.equal(second.seen.length, 0);
  first.take = () => true;
  await until(() => second.count("GET /v1/health") === 2, "the query at the other agent");
  assert.equal(client.events.filter(({ kind }) => kind === "disconnected").length, 1);
  second.services.set("a", { ID: "a", Name: "orders", Port: 1 });
  second.change();
  await until(() => watch.held.size === 1, "the instance");
});

test("when the agent comes back, what is missing is kept for a while: its checks ran out while it was away", async (t) => {
  const agent = await startAgent(t);
  agent.services.set("a", { ID: "a", Name: "orders", Port: 1 });
  const client = open(t, `consul://${agent.host}?probeMs=100&timeoutMs=100&settleMs=1000`);
  const watch = follow(t, client, "consul:///orders");
  await until(() => watch.held.size === 1, "the instance");
  agent.take = () => true;
  await until(() => client.events.some(({ kind }) => kind === "disconnected"), "the loss");
  agent.services.clear();
  agent.services.set("b", { ID: "b", Name: "orders", Port: 2 });
  agent.change();
  agent.take = () => false;
  await until(() => watch.held.has("n/b"), "the news");
  assert.ok(watch.held.has("n/a"));
  await until(() => !watch.held.has("n/a"), "the end of the doubt");
  assert.equal(watch.held.size, 1);
});

test("an agent that stays away loses the registration to the next one, in time", async (t) => {
  const [first, second] = [await startAgent(t), await startAgent(t)];
  const client = open(t, `consul://${first.host},${second.host}?ttlMs=1500`);
  const registration = client.registrar?.register(INSTANCE);
  await registration?.registered;
  assert.equal(first.services.size, 2);
  const lostAtMs = performance.now();
  first.take = () => true;
  await until(() => second.services.size === 2, "the registration");
  assert.ok(performance.now() - lostAtMs < 2_500);
  first.take = () => false;
  await registration?.[Symbol.asyncDispose]();
  assert.equal(second.services.size, 0);
  assert.equal(first.services.size, 0, "it is taken away wherever it may be");
});

test("an agent that fails on the way out doesn't keep the others from being asked", async (t) => {
  const [first, second] = [await startAgent(t), await startAgent(t)];
  const client = open(t, `consul://${first.host},${second.host}?ttlMs=1500`);
  await client.registrar?.register(INSTANCE).registered;
  first.take = () => true;
  await until(() => second.services.size === 2, "the registration");
  first.take = (_, __, response) => {
    response.writeHead(500).end();
    return true;
  };
  await client[Symbol.asyncDispose]();
  assert.equal(second.services.size, 0);
});

test("options become queries: tags, datacenter, consistency, passing; a target's own count more", async (t) => {
  const agent = await startAgent(t);
  const client = open(t, `consul://${agent.host}/proxy?tag=a,b&dc=east&consistency=stale`);
  follow(t, client, "consul:///orders");
  follow(t, client, "consul:///orders?tag=c&dc=west&health=all");
  await until(() => agent.seen.length >= 4, "the queries");
  const queries = new Set(
    agent.seen
      .filter(({ query }) => !query.has("index"))
      .map(({ path, query }) => `${path}?${decodeURIComponent(String(query))}`),
  );
  assert.deepEqual([...queries].sort(), [
    "/proxy/v1/health/service/orders?tag=a&tag=b&dc=east&passing=1&stale=",
    "/proxy/v1/health/service/orders?tag=c&dc=west&stale=",
  ]);
  const odd = client.resolver.watch(parseTarget("consul:///orders?near=_agent"), AbortSignal.timeout(10_000));
  await assert.rejects(
    Promise.resolve(odd[Symbol.asyncIterator]().next()),
    /no option "near"; known: tag, dc, health \(HDL-1001\)/,
  );
});

test("a stale answer of a server without a leader is not complete", async (t) => {
  const agent = await startAgent(t, (_, url, response) => {
    if (url.searchParams.has("index") || !url.pathname.startsWith("/v1/health")) return false;
    response.setHeader("X-Consul-KnownLeader", "false");
    return false;
  });
  const watch = follow(t, open(t, `consul://${agent.host}?consistency=stale`), "consul:///orders");
  await until(() => watch.updates > 0, "the answer");
  assert.equal(watch.complete, false);
});

test("the token comes from the URL, a file that may change, or the environment", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-consul-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "token");
  writeFileSync(file, "one\n");
  const agent = await startAgent(t);
  const lastToken = () => agent.seen.at(-1)?.token;
  const env = { CONSUL_HTTP_TOKEN: "of-env" };
  for (const [url, token] of [
    [`consul://${agent.host}`, "of-env"],
    [`consul://:of-url@${agent.host}`, "of-url"],
    [`consul://${agent.host}?token=of-query`, "of-query"],
    [`consul://${agent.host}?tokenFile=${file}`, "one"],
  ] as const) {
    await open(t, url, { env }).registrar?.register({ ...INSTANCE, id: token }).registered;
    assert.equal(lastToken(), token);
  }
  const client = open(t, `consul://${agent.host}?tokenFile=${file}`);
  await client.registrar?.register({ ...INSTANCE, id: "a" }).registered;
  writeFileSync(file, "two\n");
  await client.registrar?.register({ ...INSTANCE, id: "b" }).registered;
  assert.equal(lastToken(), "two");
});

test("a URL that makes no sense is refused, and no message repeats a token", (t) => {
  for (const [url, reason] of [
    ["consul://h?tokn=secret", /no option "tokn"; did you mean token\?/],
    ["consul://h?check=script", /check.*one of ttl, grpc, tcp, none/],
    ["consul://h?deregisterAfterMs=1000", /deregisterAfterMs.*at least 60000/],
    ["consul://secret@h", /has no user/],
    ["consul://h?tokenFile=/nowhere/secret", /tokenFile.*cannot be read \(ENOENT\)/],
  ] as const) {
    assert.throws(
      () => open(t, url),
      (error) => {
        assert.ok(isHeddleError(error));
        assert.match(error.message, reason);
        assert.ok(!error.message.includes("secret"));
        return true;
      },
    );
  }
});
