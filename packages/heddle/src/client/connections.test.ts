/** What a client does with its connections, seen from its calls and from `describe`. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate as macrotask } from "node:timers/promises";
import { isHeddleError } from "../call/errors.ts";
import {
  startAnsweringServer as answering,
  startScriptedServer,
  until,
} from "../connection/scripted-peer.test.ts";
import { createEndpoint } from "../discovery/endpoint.ts";
import { createScriptedResolver, createVirtualClient, failureOf } from "./virtual-client.test.ts";

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await macrotask();
}

/** A client that calls `a` and `b` in turn, and is connected to both. */
async function callsInTurn(a: string, b: string) {
  const discovery = createScriptedResolver();
  const client = createVirtualClient({
    target: "scripted:///orders",
    resolver: discovery.resolver,
    balancer: "round_robin",
    defaultTimeoutMs: 60_000,
  });
  discovery.tell([createEndpoint({ id: "a", address: a }), createEndpoint({ id: "b", address: b })]);
  await client.ready(2);
  return client;
}

describe("a client that nobody calls", () => {
  it("gives its connections up after idleTimeoutMs, and the next call brings them back", async () => {
    using server = answering("connections-idle");
    using client = createVirtualClient({ target: server.address, idleTimeoutMs: 60_000 });
    await client.echo.say({});
    client.time.advance(50_000);
    await settle();
    await client.echo.say({});
    client.time.advance(20_000);
    await settle();
    assert.equal(client.channel.describe().state, "ready", "the last call was 20 s ago");
    client.time.advance(60_000);
    await settle();
    const { state, instances } = client.channel.describe();
    assert.deepEqual([state, instances[0]?.state, instances[0]?.connections], ["idle", "idle", []]);
    assert.equal(server.connections[0]?.closed, true);
    client.time.advance(86_400_000);
    await settle();
    assert.equal(server.connections.length, 1, "and wants none");
    await client.echo.say({});
    assert.equal(server.connections.length, 2);
    assert.equal(client.channel.describe().state, "ready");
  });

  it("keeps them while a call is open, however quiet", async () => {
    using server = startScriptedServer("connections-quiet", () => {});
    using client = createVirtualClient({
      target: server.address,
      idleTimeoutMs: 60_000,
      defaultTimeoutMs: Number.POSITIVE_INFINITY,
    });
    const call = client.echo.say({});
    await client.pass(200_000);
    assert.equal(client.channel.describe().instances[0]?.inFlight, 1);
    server.requests[0]?.answer();
    await call;
  });

  it("does not connect to instances that appear meanwhile, before it is called", async () => {
    using server = answering("connections-late");
    const discovery = createScriptedResolver();
    using client = createVirtualClient({
      target: "scripted:///orders",
      resolver: discovery.resolver,
      idleTimeoutMs: 1000,
    });
    client.channel.connect();
    await client.pass(2000);
    discovery.tell([createEndpoint({ address: server.address })]);
    await client.pass(10_000);
    assert.equal(server.connections.length, 0);
    await client.echo.say({});
    assert.equal(server.connections.length, 1);
  });
});

describe("an instance that falls silent without hanging up", () => {
  it("loses those of its calls that may be repeated at once, and the others within one keepalive period", async () => {
    using dead = startScriptedServer("connections-dead", () => {});
    using alive = answering("connections-alive");
    using client = await callsInTurn(dead.address, alive.address);
    const outcomes: string[] = [];
    const track = (name: string, call: Promise<unknown>) =>
      call.then(
        () => outcomes.push(`${name} ok`),
        (error: unknown) => outcomes.push(`${name} ${isHeddleError(error) ? error.reason : String(error)}`),
      );
    dead.connections[0]?.hang();
    const calls = [
      track("say 1", client.echo.say({})),
      track("say 2", client.echo.say({})),
      track("put 1", client.echo.put({})),
      track("put 2", client.echo.put({})),
    ];
    await client.pass(500);
    assert.equal(outcomes.length, 2, "those of the other instance");
    await client.pass(2600);
    assert.deepEqual(outcomes.toSorted(), ["put 1 ok", "put 2 ok", "say 2 ok"]);
    for (let i = 0; i < 4; i++) await client.echo.say({});
    assert.deepEqual(client.inFlight, [1, 0], "and nothing new goes there");
    await client.pass(16_400);
    assert.equal(outcomes.length, 3, "what may not be repeated waits: the instance may only be slow");
    await client.pass(1400);
    await Promise.all(calls);
    assert.deepEqual(outcomes.toSorted(), ["put 1 ok", "put 2 ok", "say 1 connectionLost", "say 2 ok"]);
  });

  it("gets calls again with the first word", async () => {
    using quiet = startScriptedServer("connections-quiet", () => {});
    using alive = answering("connections-alive-too");
    using client = await callsInTurn(quiet.address, alive.address);
    quiet.connections[0]?.hang();
    const held = [client.echo.say({}), client.echo.say({})];
    await client.pass(3000);
    const silent = () => client.channel.subchannels.get("a")?.silent;
    assert.equal(silent(), true);
    quiet.connections[0]?.resume();
    await until(() => silent() === false, "a word");
    for (const request of quiet.requests) request.answer();
    await Promise.all(held);
    const before = quiet.requests.length;
    const more = [client.echo.say({}), client.echo.say({})];
    await until(() => quiet.requests.length > before, "a call to the first");
    quiet.requests.at(-1)?.answer();
    await Promise.all(more);
  });

  it("is not doubted while it says how busy it is, however long a call takes", async () => {
    using slow = startScriptedServer("connections-slow", () => {});
    using other = answering("connections-slow-other");
    using client = await callsInTurn(slow.address, other.address);
    const calls = [client.echo.put({}), client.echo.put({})];
    await client.pass(20_000);
    assert.deepEqual(client.inFlight, [1, 0]);
    slow.requests[0]?.answer();
    await Promise.all(calls);
    assert.deepEqual(
      client.records.map(({ attempts }) => attempts.length),
      [1, 1],
    );
  });
});

describe("what a client shows", () => {
  it("is plain data: target, instances, states, connections, calls, errors", async () => {
    using server = startScriptedServer("connections-shown", () => {}, { maxConcurrentStreams: 2 });
    const discovery = createScriptedResolver();
    using client = createVirtualClient({
      target: "scripted:///orders",
      resolver: discovery.resolver,
      maxConnections: 2,
    });
    assert.deepEqual(client.channel.describe(), {
      target: "scripted:///orders",
      state: "idle",
      waiting: 0,
      lastError: "",
      instances: [],
    });
    const calls = Array.from({ length: 5 }, () => failureOf(client.echo.say({})));
    await settle();
    assert.deepEqual(
      { state: client.channel.describe().state, waiting: client.channel.describe().waiting },
      { state: "connecting", waiting: 5 },
    );
    discovery.tell([
      createEndpoint({ id: "a", address: server.address, weight: 3 }),
      createEndpoint({ id: "b", address: "memory:connections-nobody" }),
    ]);
    await until(() => server.requests.length === 4);
    const shown = client.channel.describe();
    assert.deepEqual(structuredClone(shown), shown);
    assert.equal(shown.state, "ready");
    const [a, b] = shown.instances;
    assert.deepEqual(a, {
      id: "a",
      address: server.address,
      weight: 3,
      state: "ready",
      sinceMs: client.time.wallMs(),
      inFlight: 5,
      waiting: 1,
      lastError: "",
      silent: false,
      ejected: "",
      ejectedUntilMs: 0,
      connections: [
        { httpVersion: "2", streams: 2, draining: false },
        { httpVersion: "2", streams: 2, draining: false },
      ],
    });
    assert.equal(b?.state, "transient_failure");
    assert.match(b?.lastError ?? "", /nobody listens/);
    client.channel.close("now");
    await Promise.all(calls);
    assert.deepEqual(
      { state: client.channel.describe().state, instances: client.channel.describe().instances },
      { state: "shutdown", instances: [] },
    );
  });
});
