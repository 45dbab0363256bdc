import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { createEndpoint, type Endpoint } from "../endpoint.ts";
import type { Hold } from "../holder.ts";
import { createInstanceState } from "../register/instance-state.ts";
import { createCuratorLayout } from "./curator-layout.ts";
import { createFakeWorld, type FakeWorld, HOSTS, settled } from "./fake-ensemble.test.ts";
import type { Layout } from "./layout.ts";
import { PERMISSION } from "./protocol.ts";
import { serversetLayout } from "./serverset-layout.ts";
import { createZookeeperHolder } from "./zookeeper-holder.ts";

const curator = createCuratorLayout({ springPayload: false, registeredAtMs: 0 });
const orders = createEndpoint({
  id: "o1",
  address: "10.0.0.1:80",
  service: "orders",
  contracts: ["shop.v1.OrderService"],
});
const ORDERS = "/services/orders/o1";
const CONTRACT = "/services/shop.v1.OrderService/o1";
const acl = [{ permissions: PERMISSION.all, scheme: "world", id: "anyone" }];

function createHolding(layout: Layout = curator, hosts: readonly string[] = ["a:1"], incarnation = 5n) {
  const world = createFakeWorld(hosts);
  const holder = createZookeeperHolder({
    session: world.session,
    layout,
    base: "/services",
    acl,
    incarnation,
    runtime: world.runtime,
  });
  return { ...world, holder, hold: (instance: Endpoint = orders) => startHold(world, holder, instance) };
}

function startHold(world: FakeWorld, holder: ReturnType<typeof createZookeeperHolder>, instance: Endpoint) {
  const state = createInstanceState(instance, world.time);
  const controller = new AbortController();
  let seen = state.version;
  const held = {
    registered: 0,
    error: undefined as Error | undefined,
    state,
    stop: () => controller.abort(new Error("stopped")),
  };
  const hold: Hold = {
    get instance() {
      return state.instance;
    },
    signal: controller.signal,
    registered: () => {
      held.registered++;
    },
    async next(ms) {
      const what = await state.changed(seen, ms, controller.signal);
      seen = state.version;
      return what;
    },
  };
  holder.hold(hold).catch((error: Error) => {
    held.error = error;
  });
  return held;
}

suite("holding an instance", () => {
  test("makes an ephemeral node under each name, and the folders above", async () => {
    const { fake, session, hold } = createHolding();
    const held = hold();
    await settled();
    assert.equal(held.registered > 0, true);
    const { connection } = await session.attach(new AbortController().signal);
    for (const path of [ORDERS, CONTRACT]) {
      const node = fake.nodes.get(path);
      assert.equal(node?.owner, connection.sessionId);
      assert.deepEqual(curator.read("o1", node.data, "orders")?.incarnation, 5n);
    }
    assert.equal(fake.nodes.get("/services/orders")?.owner, 0n);
    await session[Symbol.asyncDispose]();
    assert.equal(fake.nodes.has(ORDERS), false);
  });

  test("is not disturbed by others who make the same folders", async () => {
    const { fake, session, hold } = createHolding();
    fake.before = (asked) => {
      if (asked === "create /services/orders") fake.write("/services/orders/other", "x");
    };
    const held = hold();
    await settled();
    assert.ok(held.registered > 0);
    assert.ok(fake.nodes.has(ORDERS) && fake.nodes.has(CONTRACT));
    await session[Symbol.asyncDispose]();
  });

  test("writes changes into the same node", async () => {
    const { fake, session, hold } = createHolding();
    const held = hold();
    await settled();
    const before = fake.nodes.get(ORDERS);
    held.state.set({ ...orders, draining: true, weight: 7 });
    await settled();
    const after = fake.nodes.get(ORDERS);
    assert.equal(after, before);
    const read = curator.read("o1", after?.data ?? Buffer.alloc(0), "orders");
    assert.deepEqual(read?.endpoint, { ...orders, draining: true, weight: 7 });
    assert.equal(held.error, undefined);
    await session[Symbol.asyncDispose]();
  });

  test("puts back what somebody removed or overwrote", async () => {
    const { fake, session, hold } = createHolding();
    const held = hold();
    await settled();
    fake.delete(ORDERS);
    await settled();
    assert.ok(fake.nodes.has(ORDERS));
    fake.write(ORDERS, "nonsense");
    await settled();
    assert.equal(
      curator.read("o1", fake.nodes.get(ORDERS)?.data ?? Buffer.alloc(0), "orders")?.endpoint.id,
      "o1",
    );
    assert.equal(held.error, undefined);
    await session[Symbol.asyncDispose]();
  });

  test("outlives a connection: nothing is lost and nothing written", async () => {
    const { fake, session, hold, pass } = createHolding(curator, HOSTS);
    const held = hold();
    await settled();
    const node = fake.nodes.get(ORDERS);
    fake.asked.length = 0;
    fake.hangUp();
    await pass(1_000);
    assert.equal(held.error, undefined);
    assert.equal(fake.nodes.get(ORDERS), node);
    assert.deepEqual(
      fake.asked.filter((asked) => !asked.startsWith("getData")),
      [],
    );
    await session[Symbol.asyncDispose]();
  });

  test("ends when the session has expired, and can be begun again", async () => {
    const { fake, session, hold, pass } = createHolding();
    const held = hold();
    await settled();
    const node = fake.nodes.get(ORDERS);
    fake.expire(node?.owner ?? 0n);
    await pass(1_000);
    assert.match(held.error?.message ?? "", /had ended/);
    hold();
    await pass(1_000);
    assert.notEqual(fake.nodes.get(ORDERS)?.owner, node?.owner);
    assert.ok(fake.nodes.has(CONTRACT));
    await session[Symbol.asyncDispose]();
  });

  test("ends by its own clock when no server is heard, and finds its nodes again", async () => {
    for (const layout of [curator, serversetLayout]) {
      const { fake, session, hold, pass, time } = createHolding(layout);
      const held = hold();
      await settled();
      fake.frozen.add("a:1");
      await pass(5_500);
      assert.equal(String(held.error), "undefined");
      await pass(1_500);
      assert.match(held.error?.message ?? "", /may have expired/);
      for (const known of fake.sessions.values()) known.heardAtMs = time.now() + 6_000;
      fake.frozen.clear();
      const made = [...fake.nodes.keys()];
      await pass(6_000);
      const again = hold();
      await settled();
      assert.ok(again.registered > 0);
      assert.deepEqual([...fake.nodes.keys()], made);
      await session[Symbol.asyncDispose]();
    }
  });
});

suite("a node that is there already", () => {
  const other = (incarnation: bigint) =>
    curator.write({ ...orders, address: "10.0.0.9:80" }, "orders", incarnation);

  test("of an earlier life is replaced in one step", async () => {
    const { fake, session, hold } = createHolding();
    fake.write(ORDERS, other(4n), 0x77n);
    const held = hold();
    await settled();
    assert.ok(held.registered > 0);
    assert.notEqual(fake.nodes.get(ORDERS)?.owner, 0x77n);
    assert.ok(fake.asked.includes(`multi create ${ORDERS}`));
    await session[Symbol.asyncDispose]();
  });

  test("that vanishes or changes meanwhile is looked at again", async () => {
    for (const meddle of ["delete", "write"] as const) {
      const { fake, session, hold } = createHolding();
      fake.write(ORDERS, other(4n), 0x77n);
      let isFirst = true;
      fake.before = (asked) => {
        if (asked !== `getData ${ORDERS}` || !isFirst) return;
        isFirst = false;
        queueMicrotask(() => (meddle === "delete" ? fake.delete(ORDERS) : fake.write(ORDERS, other(3n))));
      };
      const held = hold();
      await settled();
      assert.ok(held.registered > 0, held.error?.message);
      assert.notEqual(fake.nodes.get(ORDERS)?.owner, 0x77n);
      await session[Symbol.asyncDispose]();
    }
  });

  test("of a later life is left alone", async () => {
    const { fake, session, hold, holder } = createHolding();
    fake.write(ORDERS, other(6n), 0x77n);
    const held = hold();
    await settled();
    assert.equal(held.error?.name, "RegistrationRefused");
    assert.match(held.error?.message ?? "", /newer incarnation of o1 is registered/);
    await holder.release(orders, new AbortController().signal);
    assert.equal(fake.nodes.get(ORDERS)?.owner, 0x77n);
    await session[Symbol.asyncDispose]();
  });
});

suite("releasing", () => {
  test("deletes what is ours and leaves the session", async () => {
    for (const layout of [curator, serversetLayout]) {
      const { fake, session, hold, holder } = createHolding(layout);
      const held = hold();
      await settled();
      held.stop();
      await holder.release(orders, new AbortController().signal);
      assert.deepEqual(
        [...fake.nodes.keys()].filter((path) => /o1$|member_/.test(path)),
        [],
      );
      assert.equal(held.error?.message, "stopped");
      assert.equal(fake.sessions.size, 1);
      await session[Symbol.asyncDispose]();
    }
  });

  test("of what is not there is no failure", async () => {
    const { session, holder } = createHolding();
    await holder.release(orders, new AbortController().signal);
    await session[Symbol.asyncDispose]();
  });
});

suite("a serverset", () => {
  const members = (nodes: ReadonlyMap<string, unknown>) =>
    [...nodes.keys()].filter((path) => path.includes("member_"));
  const lone = { ...orders, contracts: [] };

  test("has one member even when the answer to its creation was lost", async () => {
    const { fake, session, hold, pass } = createHolding(serversetLayout);
    fake.write("/services/orders/member_x", "nonsense");
    fake.loseAnswerTo = "create";
    const held = hold(lone);
    await pass(1_000);
    assert.ok(held.registered > 0);
    assert.deepEqual(members(fake.nodes), [
      "/services/orders/member_x",
      "/services/orders/member_0000000000",
    ]);
    await session[Symbol.asyncDispose]();
  });

  test("does not take another's node for its own when numbers begin anew", async () => {
    const { fake, session, hold, pass } = createHolding(serversetLayout);
    hold(lone);
    await settled();
    const [path = ""] = members(fake.nodes);
    fake.expire(fake.nodes.get(path)?.owner ?? 0n);
    const theirs = serversetLayout.write({ ...lone, id: "o2" }, "orders", 1n);
    fake.write(path, theirs, 0x77n);
    await pass(1_000);
    hold(lone);
    await pass(1_000);
    assert.deepEqual(fake.nodes.get(path)?.data, theirs);
    assert.equal(members(fake.nodes).length, 2);
    await session[Symbol.asyncDispose]();
  });
});
