import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@connectrpc/connect";
import { isHeddleError } from "../call/errors.ts";
import {
  startAnsweringServer as answering,
  startScriptedServer,
  until,
} from "../connection/scripted-peer.test.ts";
import { createEndpoint } from "../discovery/endpoint.ts";
import { createDiscoveredClient as createWorld, failureOf } from "./virtual-client.test.ts";

test("a call waits for discovery and a connection, and then goes", async () => {
  using server = answering("endpoints-wait");
  const { client, discovery } = createWorld();
  using _ = client;
  const call = client.echo.say({});
  await client.pass(500);
  discovery.tell([createEndpoint({ address: server.address })]);
  await call;
  assert.equal(server.requests.length, 1);
  assert.equal(client.records[0]?.attempts.length, 1);
  assert.deepEqual(client.inFlight, [0]);
});

test("without an answer of discovery a call gives up after waitForReadyMs and says so", async () => {
  const { client } = createWorld();
  using _ = client;
  const failure = failureOf(client.echo.say({}));
  await client.pass(2999);
  assert.equal(client.records.length, 0);
  await client.pass(2);
  const error = await failure;
  assert.ok(isHeddleError(error) && error.reason === "noInstance");
  assert.match(error.rawMessage, /discovery did not answer within 3000 ms/);
  assert.equal(client.records[0]?.stoppedBecause, "there is no instance to try");
});

test("waiters give up one by one, each after its own time", async () => {
  const { client } = createWorld();
  using _ = client;
  const first = failureOf(client.echo.say({}));
  await client.pass(1000);
  const second = failureOf(client.echo.say({}));
  await client.pass(2001);
  await first;
  assert.equal(client.records.length, 1);
  await client.pass(1000);
  await second;
  assert.equal(client.records.length, 2);
});

test("a service without instances is told from one that discovery cannot see", async () => {
  const { client, discovery } = createWorld();
  using _ = client;
  discovery.tell([]);
  const failure = failureOf(client.echo.say({}));
  await client.pass(3001);
  assert.match((await failure).rawMessage, /discovery answered, and none is registered/);
});

test("a resolver that throws is asked again, and its reason is told meanwhile", async () => {
  using server = answering("endpoints-throws");
  const { client, discovery } = createWorld();
  using _ = client;
  discovery.throw(new Error("the registry is on fire"));
  const failure = failureOf(client.echo.say({}));
  await client.pass(3001);
  assert.match((await failure).rawMessage, /on fire/);
  assert.ok(discovery.watches >= 2);
  discovery.tell([createEndpoint({ address: server.address })]);
  await client.echo.say({});
});

test("a resolver that ends is asked again after a second, and what was known stays", async () => {
  using server = answering("endpoints-ends");
  const { client, discovery } = createWorld();
  using _ = client;
  discovery.tell([createEndpoint({ address: server.address })]);
  await client.ready();
  discovery.end();
  await client.pass(900);
  await client.echo.say({});
  assert.equal(discovery.watches, 1);
  await client.pass(200);
  assert.equal(discovery.watches, 2);
});

test("known instances that cannot be reached: the error names them and why", async () => {
  const { client, discovery } = createWorld();
  using _ = client;
  discovery.tell([
    createEndpoint({ address: "memory:nobody-a" }),
    createEndpoint({ address: "memory:nobody-b" }),
  ]);
  const failure = failureOf(client.echo.say({}));
  await client.pass(3001);
  const error = await failure;
  assert.ok(isHeddleError(error) && error.reason === "noneReady" && error.code === Code.Unavailable);
  assert.match(
    error.rawMessage,
    /none of the 2 known instances of scripted:\/\/\/orders.*nobody-a.*nobody-b/,
  );
});

test("a draining or removed endpoint gets no new call; the call it has goes on", async () => {
  using old = startScriptedServer("endpoints-old", () => {});
  using fresh = answering("endpoints-new");
  const { client, discovery } = createWorld();
  using _ = client;
  const first = createEndpoint({ id: "a", address: old.address });
  const second = createEndpoint({ id: "b", address: fresh.address });
  discovery.tell([first]);
  const call = client.echo.say({});
  await until(() => old.requests.length === 1);
  discovery.tell([{ ...first, draining: true }, second]);
  await until(() => client.channel.subchannels.get("b")?.state === "ready");
  assert.deepEqual([...client.channel.subchannels.keys()], ["b"]);
  for (let i = 0; i < 5; i++) await client.echo.say({});
  assert.deepEqual([old.requests.length, fresh.requests.length], [1, 5]);
  old.requests[0]?.answer();
  await call;
  await until(() => old.connections[0]?.closed === true, "the drained connection closes");
  discovery.tell([second]);
  await client.echo.say({});
});

test("an instance that comes back at another address is called there", async () => {
  using before = answering("endpoints-address-1");
  using after = answering("endpoints-address-2");
  const { client, discovery } = createWorld();
  using _ = client;
  discovery.tell([createEndpoint({ id: "a", address: before.address })]);
  await client.echo.say({});
  discovery.tell([createEndpoint({ id: "a", address: after.address })]);
  await until(() => client.channel.subchannels.get("a")?.address === after.address);
  await client.echo.say({});
  assert.deepEqual([before.requests.length, after.requests.length], [1, 1]);
});

test("a changed weight keeps the connection", async () => {
  using server = answering("endpoints-weight");
  const { client, discovery } = createWorld();
  using _ = client;
  discovery.tell([createEndpoint({ id: "a", address: server.address })]);
  await client.ready();
  const subchannel = client.channel.subchannels.get("a");
  discovery.tell([createEndpoint({ id: "a", address: server.address, weight: 7 })]);
  await until(() => subchannel?.weight === 7);
  assert.equal(client.channel.subchannels.get("a"), subchannel);
  assert.equal(server.connections.length, 1);
});

test("closing tells those who wait, refuses new calls, and leaves no timer", async () => {
  const { client } = createWorld();
  const waiting = failureOf(client.echo.say({}));
  client.channel.close("now");
  const told = await waiting;
  assert.ok(isHeddleError(told) && told.reason === "closed");
  const refused = await failureOf(client.echo.say({}));
  assert.ok(isHeddleError(refused) && refused.reason === "closed");
  assert.equal(client.wheel.size, 0);
  await client.pass(3000);
  assert.equal(client.time.pending, 0);
});

test("an instance that the registry finds unhealthy gets calls only when too few others are ready", async () => {
  using good = answering("endpoints-healthy");
  using ill = answering("endpoints-unhealthy");
  const { client, discovery } = createWorld({ balancer: "round_robin" });
  using _ = client;
  const healthy = createEndpoint({ id: "a", address: good.address });
  const unhealthy = createEndpoint({ id: "b", address: ill.address, health: "unhealthy" });
  discovery.tell([healthy, unhealthy]);
  await client.pass(10);
  for (let i = 0; i < 4; i++) await client.echo.say({});
  assert.deepEqual([good.requests.length, ill.requests.length], [4, 0]);
  discovery.tell([unhealthy]);
  await client.pass(10);
  await client.echo.say({});
  assert.equal(ill.requests.length, 1, "better than none");
  discovery.tell([healthy, { ...unhealthy, health: "healthy" }]);
  await client.pass(10);
  for (let i = 0; i < 4; i++) await client.echo.say({});
  assert.deepEqual([good.requests.length, ill.requests.length], [6, 3]);
});

test("an instance with several addresses is reached by the first that answers", async () => {
  using server = answering("endpoints-second-address");
  const { client, discovery } = createWorld();
  using _ = client;
  discovery.tell([
    createEndpoint({ id: "a", address: "memory:endpoints-nobody", otherAddresses: [server.address] }),
  ]);
  await client.pass(10);
  await client.echo.say({});
  assert.equal(client.records[0]?.attempts[0]?.address, server.address);
});
