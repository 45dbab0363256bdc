import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@connectrpc/connect";
import { startScriptedServer } from "../connection/scripted-peer.test.ts";
import { createEndpoint } from "../discovery/endpoint.ts";
import { createScriptedResolver, createVirtualClient, failureOf } from "./virtual-client.test.ts";

/** Two instances; the first fails as long as it is told to. */
function createWorld(name: string) {
  const failing = { code: Code.Internal as Code | undefined };
  const bad = startScriptedServer(`${name}-bad`, (request) => {
    if (!request.ended) return;
    if (failing.code === undefined) request.answer();
    else request.refuse(failing.code);
  });
  const good = startScriptedServer(`${name}-good`, (request) => {
    if (request.ended) request.answer();
  });
  const discovery = createScriptedResolver();
  const client = createVirtualClient({
    target: "scripted:///orders",
    resolver: discovery.resolver,
    balancer: "round_robin",
  });
  discovery.tell([
    createEndpoint({ id: "bad", address: bad.address }),
    createEndpoint({ id: "good", address: good.address }),
  ]);
  const isOut = () => client.channel.describe().instances.some(({ ejected }) => ejected !== "");
  const settled = (call: Promise<unknown>) =>
    call.then(
      () => "ok",
      () => "failed",
    );
  return {
    failing,
    bad,
    client,
    isOut,
    settled,
    /** Says until five have failed. */
    async eject() {
      await client.ready(2);
      for (let n = 0; n < 10; n++) await settled(client.echo.say({}));
      assert.ok(isOut());
    },
    [Symbol.dispose]() {
      client[Symbol.dispose]();
      bad[Symbol.dispose]();
      good[Symbol.dispose]();
    },
  };
}

test("the call that tries an instance is one that may be repeated, if such a call comes in time", async () => {
  using world = createWorld("ejections-trial");
  const { client, bad, failing } = world;
  await world.eject();
  assert.equal(bad.requests.length, 5);
  await client.pass(1050);
  await client.echo.say({});
  assert.equal(bad.requests.length, 5, "one that must not be repeated is spared");
  assert.equal(await world.settled(client.echo.get({})), "failed");
  assert.equal(bad.requests.length, 6, "this one tried it, failed, and");
  assert.equal(client.records.at(-1)?.attempts.length, 1, "INTERNAL is not repeated");
  assert.ok(world.isOut());
  failing.code = undefined;
  await client.pass(2050);
  await client.echo.get({});
  assert.ok(!world.isOut());
});

test("after a while it is any call, and of several at once only one", async () => {
  using world = createWorld("ejections-any");
  const { client, bad, failing } = world;
  await world.eject();
  failing.code = undefined;
  await client.pass(2100);
  const calls = Array.from({ length: 6 }, () => world.settled(client.echo.say({})));
  await Promise.all(calls);
  assert.equal(bad.requests.length, 6);
  assert.ok(!world.isOut());
  for (let n = 0; n < 4; n++) await client.echo.say({});
  assert.equal(bad.requests.length, 8);
});

for (const code of [Code.InvalidArgument, Code.NotFound, Code.ResourceExhausted, Code.Unimplemented]) {
  test(`${Code[code]} speaks against nobody`, async () => {
    using world = createWorld(`ejections-${Code[code]}`);
    world.failing.code = code;
    await world.client.ready(2);
    for (let n = 0; n < 40; n++) await world.settled(world.client.echo.say({}));
    assert.ok(!world.isOut());
  });
}

test("a call that its caller gives up speaks against nobody", async () => {
  using world = createWorld("ejections-cancelled");
  await world.client.ready(2);
  for (let n = 0; n < 40; n++) {
    const abort = new AbortController();
    const call = failureOf(world.client.echo.say({}, { signal: abort.signal }));
    abort.abort();
    await call;
  }
  assert.ok(!world.isOut());
});

test("below half of a set health counts no more", async () => {
  const servers = ["a", "b", "c"].map((id) =>
    startScriptedServer(`ejections-panic-${id}`, (request) => {
      if (request.ended) request.answer();
    }),
  );
  const discovery = createScriptedResolver();
  using client = createVirtualClient({
    target: "scripted:///orders",
    resolver: discovery.resolver,
    balancer: "round_robin",
  });
  const endpoints = servers.map(({ address }, i) => createEndpoint({ id: `${i}`, address }));
  const ill = (count: number) =>
    endpoints.map((endpoint, i) => (i < count ? { ...endpoint, health: "unhealthy" as const } : endpoint));
  const shares = async () => {
    const before = servers.map(({ requests }) => requests.length);
    for (let n = 0; n < 6; n++) await client.echo.say({});
    return servers.map(({ requests }, i) => requests.length - (before[i] as number));
  };
  discovery.tell(ill(1));
  await client.ready(3);
  assert.deepEqual(await shares(), [0, 3, 3]);
  discovery.tell(ill(2));
  await client.pass(10);
  assert.deepEqual(await shares(), [2, 2, 2]);
  for (const server of servers) server[Symbol.dispose]();
});
