import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { createEndpoint } from "../endpoint.ts";
import type { SourceUpdate } from "../source.ts";
import { parseTarget } from "../target.ts";
import { createCuratorLayout } from "./curator-layout.ts";
import { createFakeWorld, settled } from "./fake-ensemble.test.ts";
import { createZookeeperSource } from "./zookeeper-source.ts";

const layout = createCuratorLayout({ springPayload: false, registeredAtMs: 0 });

function content(id: string, port = 80): Buffer {
  return layout.write(createEndpoint({ id, address: `10.0.0.1:${port}`, service: "orders" }), "orders", 1n);
}

function createFollowed(name = "orders") {
  const world = createFakeWorld();
  const warnings: string[] = [];
  const source = createZookeeperSource({
    session: world.session,
    layout,
    base: "/services",
    registry: "zookeeper://a:1",
    runtime: world.runtime,
    silenceMs: 6_000,
    onWarning: (message) => warnings.push(message),
  });

  /** One attempt, read to its end. `said` leaves out the signs of life. */
  function follow() {
    const controller = new AbortController();
    const said: Exclude<SourceUpdate, { kind: "alive" }>[] = [];
    const follower = {
      said,
      alive: 0,
      error: undefined as Error | undefined,
      stop: () => controller.abort(new Error("stopped")),
      ids: () =>
        said
          .flatMap((update) => {
            if (update.kind === "delta") return update.upserted;
            return update.kind === "snapshot" ? update.endpoints : [];
          })
          .map(({ id }) => id),
    };
    const read = async () => {
      for await (const update of source.open(parseTarget(`zookeeper:///${name}`), controller.signal)) {
        if (update.kind === "alive") follower.alive++;
        else said.push(update);
      }
    };
    read().catch((error: Error) => {
      follower.error = error;
    });
    return follower;
  }
  return { ...world, warnings, source, follow };
}

suite("following a name", () => {
  test("gives what is there, then what comes, changes and goes, and reads only that", async () => {
    const { fake, session, follow } = createFollowed();
    fake.write("/services/orders/a", content("a"));
    fake.write("/services/orders/b", content("b"));
    const follower = follow();
    await settled();
    assert.deepEqual(
      follower.said.map(({ kind }) => kind),
      ["snapshot"],
    );
    assert.deepEqual(follower.ids(), ["a", "b"]);

    fake.asked.length = 0;
    fake.write("/services/orders/c", content("c"));
    await settled();
    fake.write("/services/orders/a", content("a", 81));
    await settled();
    fake.delete("/services/orders/b");
    await settled();
    const [, came, changed, went] = follower.said;
    assert.ok(came?.kind === "delta" && changed?.kind === "delta" && went?.kind === "delta");
    assert.deepEqual(
      came.upserted.map(({ id }) => id),
      ["c"],
    );
    assert.deepEqual(
      changed.upserted.map(({ address }) => address),
      ["10.0.0.1:81"],
    );
    assert.deepEqual(went.removed, ["b"]);
    assert.deepEqual(
      fake.asked,
      ["c", "a", "b"].map((node) => `getData /services/orders/${node}`),
    );
    follower.stop();
    await settled();
    assert.equal(follower.error?.message, "stopped");
    assert.equal(fake.asked.at(-1), "removeWatches /services/orders");
    await session[Symbol.asyncDispose]();
  });

  test("knows the empty set of a name that nobody made yet, and sees it come", async () => {
    const { fake, session, follow } = createFollowed();
    const follower = follow();
    await settled();
    assert.deepEqual(follower.said, [{ kind: "snapshot", endpoints: [], complete: true }]);
    fake.write("/services/orders/a", content("a"));
    await settled();
    assert.deepEqual(follower.ids(), ["a"]);
    await session[Symbol.asyncDispose]();
  });

  test("takes a node that went between the list and its reading as gone", async () => {
    const { fake, session, follow } = createFollowed();
    for (const id of ["a", "b", "c"]) fake.write(`/services/orders/${id}`, content(id));
    fake.before = (asked) => {
      if (asked === "getData /services/orders/a") fake.delete("/services/orders/b");
    };
    const follower = follow();
    await settled();
    assert.deepEqual(follower.ids(), ["a", "c"]);
    await session[Symbol.asyncDispose]();
  });

  test("misses nothing that happens while it lists", async () => {
    const { fake, session, follow } = createFollowed();
    fake.write("/services/orders/a", content("a"));
    let isFirst = true;
    fake.before = (asked) => {
      if (asked !== "getData /services/orders/a" || !isFirst) return;
      isFirst = false;
      fake.write("/services/orders/late", content("late"));
    };
    const follower = follow();
    await settled();
    assert.deepEqual(new Set(follower.ids()), new Set(["a", "late"]));
    await session[Symbol.asyncDispose]();
  });

  test("ends with the connection and never says that nobody is there", async () => {
    const { fake, session, follow, pass } = createFollowed();
    fake.write("/services/orders/a", content("a"));
    const follower = follow();
    await settled();
    fake.frozen.add("a:1");
    await pass(7_000);
    assert.match(follower.error?.message ?? "", /silent/);
    assert.equal(follower.said.length, 1);
    const second = follow();
    await pass(10_000);
    assert.match(second.error?.message ?? "", /did not answer/);
    assert.deepEqual(second.said, []);
    await session[Symbol.asyncDispose]();
  });

  test("shows signs of life as often as it hears them", async () => {
    const { session, follow, pass } = createFollowed();
    const follower = follow();
    await pass(12_000);
    assert.ok(follower.alive >= 5 && follower.alive <= 9, String(follower.alive));
    await session[Symbol.asyncDispose]();
  });

  test("passes over what is no instance, and warns once of what should be one", async () => {
    const { fake, session, follow, warnings } = createFollowed();
    fake.write("/services/orders/archive/x", content("x"));
    fake.write("/services/orders/bad", "{");
    const follower = follow();
    await settled();
    fake.write("/services/orders/bad", "[]");
    fake.write("/services/orders/archive/y", content("y"));
    await settled();
    assert.deepEqual(follower.said, [{ kind: "snapshot", endpoints: [], complete: true }]);
    assert.deepEqual(warnings, [
      "the node /services/orders/bad of zookeeper://a:1 is no instance: it is not JSON",
    ]);
    await session[Symbol.asyncDispose]();
  });

  test("a node that it may not read makes the set incomplete, and not smaller", async () => {
    const { fake, session, follow, warnings } = createFollowed();
    for (const id of ["a", "b"]) fake.write(`/services/orders/${id}`, content(id));
    fake.secret.add("/services/orders/b");
    const follower = follow();
    await settled();
    const [first] = follower.said;
    assert.ok(first?.kind === "snapshot");
    assert.equal(first.complete, false);
    assert.deepEqual(follower.ids(), ["a"]);
    assert.match(warnings.join(), /orders\/b .* can't be read with the credentials/);
    await session[Symbol.asyncDispose]();
  });

  test("two attempts at one name share the server's watch", async () => {
    const { fake, session, follow } = createFollowed();
    const [first, second] = [follow(), follow()];
    await settled();
    first.stop();
    await settled();
    fake.write("/services/orders/a", content("a"));
    await settled();
    assert.deepEqual(second.ids(), ["a"]);
    assert.equal(fake.asked.filter((asked) => asked.startsWith("addWatch")).length, 1);
    await session[Symbol.asyncDispose]();
  });

  test("reads a long list without asking for all of it at once", async () => {
    const { fake, session, follow } = createFollowed();
    for (let i = 0; i < 500; i++) fake.write(`/services/orders/i${i}`, content(`i${i}`));
    let [waiting, most] = [0, 0];
    fake.before = (asked) => {
      if (!asked.startsWith("getData")) return;
      waiting++;
      most = Math.max(most, waiting);
      queueMicrotask(() => queueMicrotask(() => waiting--));
    };
    const follower = follow();
    while (follower.said.length === 0) await settled();
    assert.equal(follower.ids().length, 500);
    assert.ok(most <= 64, String(most));
    await session[Symbol.asyncDispose]();
  });

  test("refuses a name that is no path", async () => {
    const { session, follow } = createFollowed("a//b");
    const follower = follow();
    await settled();
    assert.match(follower.error?.message ?? "", /HDL-/);
    await session[Symbol.asyncDispose]();
  });
});

suite("a server before 3.6", () => {
  test("is followed with watches that fire once", async () => {
    const { fake, session, follow, pass } = createFollowed();
    fake.old.add("a:1");
    const refused = follow();
    await settled();
    assert.match(refused.error?.message ?? "", /Unimplemented/);
    await pass(1_000);

    const follower = follow();
    await settled();
    assert.deepEqual(follower.said, [{ kind: "snapshot", endpoints: [], complete: true }]);
    for (const id of ["a", "b"]) {
      fake.write(`/services/orders/${id}`, content(id));
      await settled();
    }
    assert.deepEqual(new Set(follower.ids()), new Set(["a", "b"]));
    for (const port of [81, 82, 83]) {
      fake.write("/services/orders/a", content("a", port));
      await settled();
    }
    const last = follower.said.at(-1);
    assert.ok(last?.kind === "delta");
    assert.deepEqual(
      last.upserted.map(({ address }) => address),
      ["10.0.0.1:83"],
    );
    fake.delete("/services/orders/b");
    await settled();
    const gone = follower.said.at(-1);
    assert.ok(gone?.kind === "delta");
    assert.deepEqual(gone.removed, ["b"]);
    await session[Symbol.asyncDispose]();
  });
});
