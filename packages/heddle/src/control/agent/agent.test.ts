/**
 * The agent against the real registry service over Connect's in-memory transport, under virtual time: what happens to
 * callers and instances when the registry restarts, disappears, falls silent or forgets.
 */
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ConnectError, type Transport } from "@connectrpc/connect";
import { isHeddleError } from "../../call/errors.ts";
import type { DiscoveryEvent } from "../../discovery/discovery-event.ts";
import { createEndpoint, type Endpoint } from "../../discovery/endpoint.ts";
import { createEndpointSet } from "../../discovery/endpoint-set.ts";
import { createLastGoodStore } from "../../discovery/follow/last-good.ts";
import { heddleTarget, parseTarget } from "../../discovery/target.ts";
import type { Registry } from "../plane/registry.ts";
import { type Agent, createWorld } from "./registry-world.test.ts";

const folder = await mkdtemp(join(tmpdir(), "heddle-agent-"));
after(() => rm(folder, { recursive: true }));

/** A caller as a channel sees it: the sum of all updates, and everything that was ever removed. */
function follow(agent: Agent, name: string, target = heddleTarget(name)) {
  const controller = new AbortController();
  const set = createEndpointSet();
  const removed: string[] = [];
  let updates = 0;
  const done = (async () => {
    for await (const update of agent.resolver.watch(target, controller.signal)) {
      updates++;
      const change = set.apply(update);
      assert.equal(change.resync, false);
      removed.push(...change.removed.map((endpoint) => endpoint.id));
    }
  })();
  return {
    set,
    removed,
    get updates() {
      return updates;
    },
    ids: () => [...set.endpoints.keys()].toSorted(),
    async [Symbol.asyncDispose]() {
      controller.abort();
      await done;
    },
  };
}

const orders = (id: string, fields: Partial<Endpoint> = {}) =>
  createEndpoint({
    id,
    address: "127.0.0.1:4001",
    service: "orders",
    contracts: ["shop.v1.Orders"],
    ...fields,
  });

const listed = (registry: Registry) =>
  registry
    .list("")
    .instances.map((one) => one.id)
    .toSorted();

test("an instance registers, stays, changes and goes, and a caller sees each", async () => {
  using world = createWorld();
  world.startRegistry({ warmUpMs: 0 });
  await using agent = world.agent();
  const instance = orders("a", { zone: "z1", version: "1.0", weight: 3, metadata: { k: "v" } });
  const registration = agent.registrar.register(instance);
  assert.equal(registration.state, "registering");
  await using caller = follow(agent, "shop.v1.Orders");
  await world.pass(100);
  await registration.registered;
  assert.equal(registration.state, "registered");
  assert.deepEqual(caller.set.endpoints.get("a"), instance);
  await world.pass(60_000);
  assert.equal(registration.state, "registered");
  assert.equal(world.streamsOpened, 2, "one stream each, kept");
  registration.update({ draining: true, weight: 0 });
  await world.pass(0);
  assert.deepEqual(caller.set.endpoints.get("a"), { ...instance, draining: true, weight: 0 });
  await registration[Symbol.asyncDispose]();
  await world.pass(0);
  assert.equal(registration.state, "closed");
  assert.deepEqual(caller.ids(), []);
  assert.deepEqual(listed(world.registry), []);
});

test("a caller that wants some of the instances is told of those", async () => {
  using world = createWorld();
  world.startRegistry({ warmUpMs: 0 });
  await using agent = world.agent();
  agent.registrar.register(orders("a", { zone: "z1" }));
  const b = agent.registrar.register(orders("b", { zone: "z2", metadata: { tier: "gold" } }));
  await using caller = follow(agent, "", parseTarget("heddle:///orders?metadata.tier=gold"));
  await world.pass(100);
  assert.deepEqual(caller.ids(), ["b"]);
  b.update({ metadata: {} });
  await world.pass(0);
  assert.deepEqual(caller.ids(), []);
});

test("a registry that restarts with nothing in it takes no live instance from anybody", async () => {
  using world = createWorld();
  world.startRegistry({ warmUpMs: 0 });
  await using agent = world.agent();
  await using others = world.agent();
  await using caller = follow(agent, "orders");
  const registrations = ["a", "b", "c"].map((id) => agent.registrar.register(orders(id)));
  const dying = others.registrar.register(orders("dying"));
  await world.pass(100);
  assert.deepEqual(caller.ids(), ["a", "b", "c", "dying"]);

  world.stopRegistry();
  await dying[Symbol.asyncDispose]();
  await world.pass(60_000);
  assert.ok(registrations.every((registration) => registration.state === "lost" && registration.lastError));
  assert.deepEqual(caller.ids(), ["a", "b", "c", "dying"], "nothing is removed while the registry is away");

  world.startRegistry();
  await world.pass(4_000);
  assert.equal(world.registry.complete, false);
  assert.ok(registrations.every((registration) => registration.state === "registered"));
  assert.deepEqual(caller.ids(), ["a", "b", "c", "dying"], "the registry doesn't know yet who is missing");
  await world.pass(7_000);
  assert.deepEqual(caller.ids(), ["a", "b", "c"], "now it does");
  assert.deepEqual(caller.removed, ["dying"]);
});

test("an instance registers as soon as there is a registry, however long that takes", async () => {
  using world = createWorld();
  await using agent = world.agent();
  const registration = agent.registrar.register(orders("a"));
  await using caller = follow(agent, "orders");
  await world.pass(600_000);
  assert.equal(registration.state, "registering");
  assert.ok(registration.lastError instanceof ConnectError);
  assert.equal(caller.updates, 0, "no answer is not an answer");
  world.startRegistry();
  await world.pass(3_100);
  await registration.registered;
  assert.deepEqual(caller.ids(), ["a"]);
});

test("an instance whose process is killed goes after the grace", async () => {
  using world = createWorld();
  world.startRegistry({ warmUpMs: 0 });
  await using agent = world.agent();
  await using caller = follow(agent, "orders");
  const killed = new AbortController();
  const transport: Transport = {
    unary: world.transport.unary,
    stream: (method, signal, ...rest) =>
      world.transport.stream(method, AbortSignal.any([killed.signal, ...(signal ? [signal] : [])]), ...rest),
  };
  await using victim = world.agent({ transport });
  victim.registrar.register(orders("v"));
  await world.pass(100);
  assert.deepEqual(caller.ids(), ["v"]);
  transport.stream = () => new Promise(() => {});
  killed.abort();
  await world.pass(1_400);
  assert.deepEqual(caller.ids(), ["v"]);
  await world.pass(200);
  assert.deepEqual(caller.ids(), []);
});

test("streams that fall silent are noticed and opened again", async () => {
  using world = createWorld();
  world.startRegistry({ warmUpMs: 0 });
  const events: DiscoveryEvent[] = [];
  await using agent = world.agent({ onEvent: (event) => void ("target" in event && events.push(event)) });
  const registration = agent.registrar.register(orders("a"));
  await using caller = follow(agent, "orders");
  await world.pass(10_000);
  world.freezeStreams();
  await using late = world.agent();
  late.registrar.register(orders("b"));
  await world.pass(5_500);
  assert.deepEqual(caller.ids(), ["a"]);
  await world.pass(4_000);
  assert.deepEqual(caller.ids(), ["a", "b"]);
  assert.deepEqual(
    events.map((event) => event.kind),
    ["connected", "disconnected", "connected"],
  );
  assert.match(String((events[1] as { error?: unknown }).error), /nothing was heard for 6000 ms/);
  await world.pass(20_000);
  assert.equal(registration.state, "registered");
  assert.deepEqual(caller.removed, []);
});

test("a lost change is noticed by the next keepalive, or by the next change", async () => {
  using world = createWorld();
  world.startRegistry({ warmUpMs: 0 });
  const reasons: string[] = [];
  const onEvent = (event: DiscoveryEvent) =>
    void (event.kind === "disconnected" && reasons.push(String(event.error)));
  await using agent = world.agent({ onEvent });
  await using caller = follow(agent, "orders");
  await world.pass(100);
  for (const [id, waitMs] of [["a", 3_000] as const, ["b", 300] as const]) {
    world.loseDeltas(true);
    agent.registrar.register(orders(id));
    await world.pass(100);
    assert.ok(!caller.set.endpoints.has(id));
    world.loseDeltas(false);
    if (id === "b") agent.registrar.register(orders("c"));
    await world.pass(waitMs);
    assert.ok(caller.set.endpoints.has(id));
  }
  assert.deepEqual(caller.ids(), ["a", "b", "c"]);
  assert.equal(reasons.length, 2);
  assert.ok(reasons.every((reason) => reason.includes("missed a change")));
});

test("an instance that the registry refuses is reported once, with the reason", async () => {
  using world = createWorld();
  world.startRegistry();
  const events: DiscoveryEvent[] = [];
  await using agent = world.agent({ onEvent: (event) => void events.push(event) });
  const registration = agent.registrar.register(orders("a", { address: "nowhere" }));
  await world.pass(0);
  await assert.rejects(registration.registered, (error) => {
    assert.ok(isHeddleError(error));
    assert.equal(error.reason, "registrationRefused");
    assert.match(error.message, /orders at nowhere.*it is not host:port/);
    return true;
  });
  await world.pass(20_000);
  assert.equal(registration.state, "registering");
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ["refused"],
  );
});

test("an instance that finds no registry says so, and when it is registered", async () => {
  using world = createWorld();
  const events: DiscoveryEvent[] = [];
  await using agent = world.agent({ onEvent: (event) => void events.push(event) });
  agent.registrar.register(orders("a"));
  await world.pass(2_000);
  world.startRegistry();
  await world.pass(5_000);
  assert.equal(events[0]?.kind, "unregistered");
  assert.equal(events.at(-1)?.kind, "registered");
});

test("two agents that hold the same id do not both think they are registered", async () => {
  using world = createWorld();
  world.startRegistry({ warmUpMs: 0 });
  const told: string[] = [];
  await using older = world.agent({ incarnation: 1n, onEvent: ({ kind }) => void told.push(kind) });
  await using newer = world.agent({ incarnation: 2n });
  const first = older.registrar.register(orders("a"));
  await world.pass(50);
  const second = newer.registrar.register(orders("a", { address: "127.0.0.1:4002" }));
  await world.pass(5_000);
  assert.deepEqual([first.state, second.state], ["lost", "registered"]);
  assert.equal(told.at(-1), "refused");
  await first[Symbol.asyncDispose]();
  assert.equal(world.registry.list("orders").instances[0]?.address, "127.0.0.1:4002");
});

test("disposing never waits long for a registry that is gone, never throws, and leaves nothing behind", async () => {
  using world = createWorld();
  world.startRegistry();
  const agent = world.agent();
  const registration = agent.registrar.register(orders("a"));
  await world.pass(100);
  world.stopRegistry();
  const startedAt = performance.now();
  await agent[Symbol.asyncDispose]();
  await registration[Symbol.asyncDispose]();
  assert.equal(registration.state, "closed");
  const never = world.agent();
  const pending = never.registrar.register(orders("b"));
  await never[Symbol.asyncDispose]();
  await assert.rejects(pending.registered, (error) => isHeddleError(error) && error.reason === "closed");
  assert.ok(performance.now() - startedAt < 2_000);
  assert.equal(world.time.pending, 0, "no timer is left");
});

test("a caller that starts while the registry is down uses the saved set, until the registry answers", async () => {
  using world = createWorld();
  world.startRegistry({ warmUpMs: 0 });
  const own = join(folder, "saved");
  await using servers = world.agent();
  servers.registrar.register(orders("a"));
  const b = servers.registrar.register(orders("b"));
  {
    await using before = world.agent({ stateFolder: own });
    await using caller = follow(before, "orders");
    await world.pass(500);
    assert.deepEqual(caller.ids(), ["a", "b"]);
  }
  world.stopRegistry();
  await b[Symbol.asyncDispose]();
  await world.pass(5_000);

  const events: DiscoveryEvent[] = [];
  await using agent = world.agent({ stateFolder: own, onEvent: (event) => void events.push(event) });
  await using caller = follow(agent, "orders");
  await world.until("the saved set is read", () => caller.set.endpoints.size > 0);
  assert.deepEqual(caller.ids(), ["a", "b"]);
  assert.equal(caller.set.complete, false);
  const lastGood = events.find((event) => event.kind === "last-good");
  assert.ok(lastGood && lastGood.count === 2 && lastGood.ageMs >= 5_000);

  world.startRegistry();
  await world.pass(5_000);
  assert.deepEqual(caller.ids(), ["a", "b"]);
  await world.pass(6_000);
  assert.deepEqual(caller.ids(), ["a"]);
});

test("a registry that answers is believed at once, and the saved set isn't even shown", async () => {
  using world = createWorld();
  world.startRegistry({ warmUpMs: 0 });
  const own = join(folder, "believed");
  await using servers = world.agent();
  const a = servers.registrar.register(orders("a"));
  {
    await using before = world.agent({ stateFolder: own });
    await using caller = follow(before, "orders");
    await world.pass(500);
    assert.deepEqual(caller.ids(), ["a"]);
  }
  await a[Symbol.asyncDispose]();
  servers.registrar.register(orders("b"));
  await world.pass(100);
  await using agent = world.agent({ stateFolder: own });
  await using caller = follow(agent, "orders");
  await world.pass(100);
  assert.deepEqual(caller.ids(), ["b"]);
  assert.deepEqual(caller.removed, []);
});

test("a registry that says there is nothing empties the saved set", async () => {
  using world = createWorld();
  world.startRegistry({ warmUpMs: 0 });
  const own = join(folder, "empty");
  await using servers = world.agent();
  const a = servers.registrar.register(orders("a"));
  const store = createLastGoodStore({ registry: "r", folder: own });
  for (const ids of [["a"], []]) {
    {
      await using agent = world.agent({ stateFolder: own });
      await using caller = follow(agent, "orders");
      await world.pass(500);
      assert.deepEqual(caller.ids(), ids);
    }
    const saved = await store.load("heddle:///orders");
    assert.deepEqual(
      saved?.endpoints.map((endpoint) => endpoint.id),
      ids,
    );
    await a[Symbol.asyncDispose]();
  }
});

test("a registry that has just started doesn't make the saved set poorer", async () => {
  using world = createWorld();
  world.startRegistry({ warmUpMs: 0 });
  const own = join(folder, "poorer");
  await using servers = world.agent();
  servers.registrar.register(orders("a"));
  servers.registrar.register(orders("b"));
  {
    await using before = world.agent({ stateFolder: own });
    await using caller = follow(before, "orders");
    await world.pass(500);
    assert.deepEqual(caller.ids(), ["a", "b"]);
  }
  await servers[Symbol.asyncDispose]();
  world.stopRegistry();
  world.startRegistry();
  {
    await using during = world.agent({ stateFolder: own });
    during.registrar.register(orders("c"));
    await using caller = follow(during, "orders");
    await world.pass(1_000);
    await world.until("the saved set is read", () => caller.set.endpoints.size > 1);
    assert.deepEqual(caller.ids(), ["a", "b", "c"], "who has not come back yet may be alive");
  }
  world.stopRegistry();
  await using agent = world.agent({ stateFolder: own });
  await using caller = follow(agent, "orders");
  await world.until("the saved set is read", () => caller.set.endpoints.size > 0);
  assert.deepEqual(caller.ids(), ["a", "b"]);
});

test("a damaged file of saved endpoints costs a warning", async () => {
  using world = createWorld();
  world.startRegistry({ warmUpMs: 0 });
  const own = join(folder, "damaged");
  await using servers = world.agent();
  servers.registrar.register(orders("a"));
  {
    await using before = world.agent({ stateFolder: own });
    await using caller = follow(before, "orders");
    await world.pass(500);
    assert.deepEqual(caller.ids(), ["a"]);
  }
  const [name = ""] = await readdir(join(own, "endpoints"));
  await writeFile(join(own, "endpoints", name), "{");
  world.stopRegistry();
  const warnings: string[] = [];
  await using agent = world.agent({ stateFolder: own, onWarning: (message) => void warnings.push(message) });
  await using caller = follow(agent, "orders");
  await world.until("the file is refused", () => warnings.length > 0);
  assert.equal(caller.updates, 0);
  world.startRegistry();
  await world.pass(3_000);
  assert.deepEqual(caller.ids(), ["a"]);
});
