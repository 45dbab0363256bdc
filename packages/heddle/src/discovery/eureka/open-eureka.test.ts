/** The client against a server that does what each test needs; what the real one does is in test/real/discovery. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { isHeddleError } from "../../call/errors.ts";
import { createRuntime } from "../../runtime/runtime.ts";
import type { DiscoveryEvent } from "../discovery-event.ts";
import { createEndpoint, type Endpoint } from "../endpoint.ts";
import type { RegistryClient } from "../registry-client.ts";
import { parseRegistryUrl } from "../registry-url.ts";
import { parseTarget } from "../target.ts";
import { hashOf } from "./applications.ts";
import { openEureka } from "./open-eureka.ts";

interface Info {
  readonly app: string;
  readonly instanceId: string;
  readonly status: string;
  readonly [field: string]: unknown;
}

type Take = (request: IncomingMessage, response: ServerResponse) => boolean;

/** A server that keeps what is registered and every change of it; a test may take over its answers. */
async function startServer(t: TestContext, take: Take = () => false) {
  const instances = new Map<string, Info>();
  const server = {
    host: "",
    take,
    instances,
    changes: [] as Info[],
    seen: [] as string[],
    /** Instead of the true one. */
    hash: undefined as string | undefined,
    count: (part: string) => server.seen.filter((one) => one.includes(part)).length,
    put(info: Info) {
      instances.set(`${info.app}/${info.instanceId}`, info);
      server.changes.push({ ...info, actionType: "ADDED" });
    },
    remove(key: string) {
      const info = instances.get(key);
      instances.delete(key);
      if (info !== undefined) server.changes.push({ ...info, actionType: "DELETED" });
    },
  };
  const applications = (infos: readonly Info[]) =>
    JSON.stringify({
      applications: {
        apps__hashcode: server.hash ?? hashOf(instances.values()),
        application: [...Map.groupBy(infos, ({ app }) => app)].map(([name, instance]) => ({
          name,
          instance,
        })),
      },
    });
  const http = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) body += chunk;
    const path = decodeURIComponent(new URL(request.url ?? "", "http://x").pathname).replace(
      "/eureka/apps",
      "",
    );
    server.seen.push(`${request.method} ${path}`);
    if (server.take(request, response)) return;
    const key = path.slice(1);
    const info = instances.get(key);
    if (request.method === "GET" && path === "") return response.end(applications([...instances.values()]));
    if (request.method === "GET" && path === "/delta") return response.end(applications(server.changes));
    if (request.method === "POST") {
      server.put((JSON.parse(body) as { instance: Info }).instance);
      return response.writeHead(204).end();
    }
    if (info === undefined) return response.writeHead(404).end();
    if (request.method === "DELETE") server.remove(key);
    return response.end(JSON.stringify({ instance: info }));
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  t.after(() => http.close().closeAllConnections());
  server.host = `127.0.0.1:${(http.address() as AddressInfo).port}`;
  return server;
}

function open(t: TestContext, url: string, incarnation = 1n): RegistryClient & { events: DiscoveryEvent[] } {
  const events: DiscoveryEvent[] = [];
  const client = openEureka({
    url: parseRegistryUrl(url),
    runtime: createRuntime(),
    env: {},
    incarnation,
    lastGood: undefined,
    onEvent: (event) => events.push(event),
    onWarning: () => {},
    openTransport: () => assert.fail("Eureka is HTTP"),
  });
  t.after(() => client[Symbol.asyncDispose]());
  return Object.assign(client, { events });
}

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
  zone: "z",
});

const foreign = (instanceId: string, app = "ORDERS"): Info => ({
  app,
  instanceId,
  status: "UP",
  ipAddr: "10.0.0.1",
  port: { $: 80, "@enabled": "true" },
});

test("an instance is registered under each of its names, found, changed and given up", async (t) => {
  const server = await startServer(t);
  const client = open(t, `eureka://${server.host}?pollMs=100`);
  const watch = follow(t, client, "eureka:///shop.v1.OrderService");
  await using registration = client.registrar?.register(INSTANCE);
  await registration?.registered;
  assert.deepEqual([...server.instances.keys()].sort(), ["ORDERS/orders-1", "SHOP.V1.ORDERSERVICE/orders-1"]);
  await until(() => watch.held.size === 1, "the instance");
  assert.deepEqual(watch.held.get("orders-1"), { ...INSTANCE, health: "healthy" });
  registration?.update({ draining: true });
  await until(() => watch.held.get("orders-1")?.draining === true, "the change");
  await registration?.[Symbol.asyncDispose]();
  assert.equal(server.instances.size, 0);
});

test("all targets share one copy: one full answer, then deltas", async (t) => {
  const server = await startServer(t);
  for (const app of ["A", "B", "C"]) server.put(foreign("1", app));
  const client = open(t, `eureka://${server.host}?pollMs=100`);
  const watches = ["a", "b", "c"].map((name) => follow(t, client, `eureka:///${name}`));
  await until(() => watches.every(({ held }) => held.size === 1), "the instances");
  server.put(foreign("2", "B"));
  await until(() => watches[1]?.held.size === 2, "the change");
  server.remove("C/1");
  await until(() => watches[2]?.held.size === 0, "the removal");
  assert.equal(watches[0]?.updates, 1, "who isn't concerned hears nothing");
  // The one question for everybody, and none for the deltas that all fitted.
  assert.equal(server.seen.filter((one) => one === "GET ").length, 1);
  assert.ok(server.count("GET /delta") >= 2);
});

test("a hash that differs brings a full answer, but not one at each poll", async (t) => {
  const server = await startServer(t);
  server.put(foreign("1"));
  const client = open(t, `eureka://${server.host}?pollMs=100`);
  const watch = follow(t, client, "eureka:///orders");
  await until(() => watch.held.size === 1, "the first answer");
  server.instances.set("ORDERS/2", foreign("2")); // a change that no delta tells
  await until(() => watch.held.size === 2, "the full answer");
  assert.equal(server.seen.filter((one) => one === "GET ").length, 2);
  server.hash = "never right";
  const polls = server.count("GET /delta");
  await until(() => server.count("GET /delta") >= polls + 8, "more polls");
  assert.equal(server.seen.filter((one) => one === "GET ").length, 4, "three of them in a minute");
});

test("a server without deltas is asked for everything", async (t) => {
  const server = await startServer(t, ({ url }, response) => {
    if (url?.endsWith("/delta") !== true) return false;
    response.writeHead(403).end();
    return true;
  });
  const client = open(t, `eureka://${server.host}?pollMs=100`);
  const watch = follow(t, client, "eureka:///orders");
  await until(() => watch.updates > 0, "the first answer");
  server.put(foreign("1"));
  await until(() => watch.held.size === 1, "the change");
  assert.equal(client.events.filter(({ kind }) => kind === "disconnected").length, 0);
});

test("a heartbeat that is answered with 404, or an entry that is gone, means registering again", async (t) => {
  const server = await startServer(t);
  const client = open(t, `eureka://${server.host}?renewMs=1000`);
  const registration = client.registrar?.register({ ...INSTANCE, contracts: [] });
  await registration?.registered;
  server.remove("ORDERS/orders-1");
  await until(() => server.instances.size === 1, "the registration");
  server.take = ({ method }, response) => {
    if (method !== "PUT") return false;
    response.writeHead(404).end();
    return true;
  };
  await until(() => server.count("POST /ORDERS") === 3, "the registration after a refused heartbeat");
  assert.equal(registration?.state, "registered");
});

test("an entry is written later than what is there, whatever the clock says; a newer incarnation is left alone", async (t) => {
  const server = await startServer(t);
  const future = Date.now() + 3_600_000;
  server.put({ ...foreign("orders-1"), lastDirtyTimestamp: String(future) });
  const old = open(t, `eureka://${server.host}?renewMs=1000`, 1n);
  const oldRegistration = old.registrar?.register(INSTANCE);
  await oldRegistration?.registered;
  assert.equal(server.instances.get("ORDERS/orders-1")?.["lastDirtyTimestamp"], String(future + 1));
  const young = open(t, `eureka://${server.host}`, 2n);
  await young.registrar?.register({ ...INSTANCE, address: "127.0.0.1:4002" }).registered;
  await until(() => old.events.some(({ kind }) => kind === "refused"), "the refusal");
  await oldRegistration?.[Symbol.asyncDispose]();
  assert.deepEqual(server.instances.get("ORDERS/orders-1")?.["port"], { $: 4002, "@enabled": "true" });
});

test("a frozen peer is found by our own time and the next one asked, whose copy is another one", async (t) => {
  const [first, second] = [await startServer(t), await startServer(t)];
  for (const id of ["1", "2", "3"]) first.put(foreign(id));
  second.put(foreign("2"));
  const client = open(t, `eureka://${first.host},${second.host}?pollMs=100&timeoutMs=200&settleMs=1000`);
  const watch = follow(t, client, "eureka:///orders");
  await until(() => watch.held.size === 3, "the first answer");
  first.take = () => true;
  await until(() => second.count("GET ") >= 3, "polls of the second peer");
  assert.deepEqual(
    [...watch.held.keys()].sort(),
    ["ORDERS/1", "ORDERS/2", "ORDERS/3"],
    "nothing is gone yet",
  );
  assert.equal(client.events.filter(({ kind }) => kind === "disconnected").length, 0);
  await until(() => watch.held.size === 1, "the end of the doubt");
});

test("when no server answers, the set stays and everybody is told", async (t) => {
  const server = await startServer(t);
  server.put(foreign("1"));
  const client = open(t, `eureka://${server.host}?pollMs=100&timeoutMs=100`);
  const watch = follow(t, client, "eureka:///orders");
  await until(() => watch.held.size === 1, "the first answer");
  server.take = (_, response) => {
    response.writeHead(503).end();
    return true;
  };
  await until(() => client.events.some(({ kind }) => kind === "disconnected"), "the loss");
  server.remove("ORDERS/1");
  server.put(foreign("2"));
  server.take = () => false;
  await until(() => watch.held.has("ORDERS/2"), "the news");
  assert.ok(watch.held.has("ORDERS/1"), "a server that was away may not know all");
});

test("a credential is sent, and its refusal told without it", async (t) => {
  let authorization: string | undefined;
  const server = await startServer(t, ({ headers }, response) => {
    authorization = headers.authorization;
    response.writeHead(401).end();
    return true;
  });
  const client = open(t, `eureka://me:secret@${server.host}`);
  follow(t, client, "eureka:///orders");
  await assert.rejects(client.registrar?.register(INSTANCE).registered ?? Promise.resolve(), (error) => {
    assert.ok(isHeddleError(error) && error.reason === "registrationRefused");
    assert.ok(!error.message.includes("secret"));
    return true;
  });
  await until(() => client.events.some(({ kind }) => kind === "disconnected"), "the refusal");
  const told = client.events.find(({ kind }) => kind === "disconnected");
  assert.ok(told?.kind === "disconnected" && isHeddleError(told.error));
  assert.equal(told.error.reason, "registryRefused");
  assert.equal(authorization, `Basic ${Buffer.from("me:secret").toString("base64")}`);
});
