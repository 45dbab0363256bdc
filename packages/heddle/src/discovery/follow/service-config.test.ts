/** What a registry says of how calls are made goes with the endpoints: it survives losses and relists, and is saved. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createVirtualTime } from "../../runtime/virtual-time.ts";
import { fallbackOf } from "../compose/compose-resolvers.ts";
import { createEndpointSet } from "../endpoint-set.ts";
import type { Resolver } from "../resolver.ts";
import type { SourceUpdate } from "../source.ts";
import { parseTarget } from "../target.ts";
import { createLastGoodStore, type LastGood } from "./last-good.ts";
import {
  at,
  createScriptedSource,
  createVirtualRuntime,
  delta,
  pass,
  snapshot,
} from "./scripted-source.test.ts";
import { createWatchLoop } from "./watch-loop.ts";

const TARGET = parseTarget("scripted:///orders");
const config = (timeoutMs: number): SourceUpdate => ({
  kind: "service-config",
  serviceConfig: { methods: [{ timeoutMs }] },
});

function createWorld({
  saved,
  relistMs = Number.POSITIVE_INFINITY,
}: {
  saved?: LastGood;
  relistMs?: number;
} = {}) {
  const source = createScriptedSource();
  const { time, runtime } = createVirtualRuntime();
  const saves: unknown[] = [];
  const loop = createWatchLoop(source, {
    runtime,
    tuning: { relistMs },
    lastGood: {
      load: async () => saved,
      save: (_target, _endpoints, serviceConfig) => void saves.push(serviceConfig),
      flush: async () => {},
      [Symbol.asyncDispose]: async () => {},
    },
  });
  return { source, loop, saves, time, timers: runtime.timers, pass: (ms: number) => pass(time, ms) };
}

/** Each config that a reader sees, as its timeout; undefined for none. */
function follow(resolver: Resolver) {
  const stop = new AbortController();
  const set = createEndpointSet();
  const seen: (number | undefined)[] = [];
  const done = (async () => {
    for await (const update of resolver.watch(TARGET, stop.signal)) {
      assert.equal(set.apply(update).resync, false);
      const { methods } = (set.serviceConfig ?? {}) as { methods?: readonly { timeoutMs: number }[] };
      const timeoutMs = methods?.[0]?.timeoutMs;
      if (seen.length === 0 || seen.at(-1) !== timeoutMs) seen.push(timeoutMs);
    }
  })();
  return {
    seen,
    set,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await done;
    },
  };
}

test("a config comes with the first snapshot, and changes without a change of endpoints", async () => {
  const { source, loop, pass, saves } = createWorld();
  source.onOpen = (attempt) => attempt.say(config(1), snapshot([at(1)]));
  await using caller = follow(loop);
  await pass(50);
  assert.deepEqual(caller.seen, [1]);
  source.last.say(config(1), delta([at(2)]));
  await pass(50);
  assert.deepEqual([caller.seen, caller.set.endpoints.size], [[1], 2]);
  source.last.say(config(2));
  await pass(5_500);
  source.last.say({ kind: "service-config", serviceConfig: undefined });
  await pass(5_500);
  assert.deepEqual(caller.seen, [1, 2, undefined]);
  assert.equal(caller.set.endpoints.size, 2);
  const timeouts = saves.map(
    (saved) => (saved as { methods: { timeoutMs: number }[] } | undefined)?.methods[0]?.timeoutMs,
  );
  assert.deepEqual(timeouts, [1, 2, undefined]);
});

test("a registry that is lost takes no config away, and what it says when it is back holds", async () => {
  const { source, loop, pass } = createWorld();
  source.onOpen = (attempt) => attempt.say(config(1), snapshot([at(1)]));
  await using caller = follow(loop);
  await pass(50);
  source.onOpen = (attempt) => attempt.end(new Error("refused"));
  source.last.end(new Error("gone"));
  await pass(5_000);
  assert.deepEqual(caller.seen, [1]);
  source.onOpen = (attempt) => attempt.say(snapshot([at(1)]));
  await pass(20_000);
  assert.deepEqual(caller.seen, [1, undefined], "an answer without one says that there is none");
});

test("a relist brings the config of the new attempt", async () => {
  const { source, loop, pass } = createWorld({ relistMs: 1_000 });
  source.onOpen = (attempt) => attempt.say(config(1), snapshot([at(1)]));
  await using caller = follow(loop);
  await pass(50);
  source.onOpen = (attempt) => attempt.say(config(2), snapshot([at(1)]));
  await pass(3_000);
  assert.deepEqual(caller.seen, [1, 2]);
});

test("the saved config is used with the saved set, until the registry says something", async () => {
  const saved = {
    endpoints: [at(1)],
    serviceConfig: { methods: [{ timeoutMs: 7 }] },
    savedAtMs: 0,
    ageMs: 60_000,
  };
  const { source, loop, pass } = createWorld({ saved });
  await using caller = follow(loop);
  await pass(400);
  assert.deepEqual(caller.seen, [7]);
  source.last.say(snapshot([at(1)]));
  await pass(100);
  assert.deepEqual(caller.seen, [7, undefined]);
});

test("what is saved on disk has the config", async () => {
  const folder = await mkdtemp(join(tmpdir(), "heddle-last-good-"));
  try {
    const time = createVirtualTime();
    const options = { registry: "r", folder, clock: time, timers: time };
    await using store = createLastGoodStore(options);
    store.save("t", [at(1)], { balancer: "random" });
    store.save("u", [at(1)]);
    await store.flush();
    assert.deepEqual((await store.load("t"))?.serviceConfig, { balancer: "random" });
    assert.ok(!("serviceConfig" in ((await store.load("u")) ?? {})));
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("of several registries the first that has one is heard", async () => {
  const [first, second] = [createWorld(), createWorld()];
  first.source.onOpen = (attempt) => attempt.say(snapshot([]));
  second.source.onOpen = (attempt) => attempt.say(config(5), snapshot([at(1)]));
  const resolver = fallbackOf([first.loop, second.loop], { scheme: "heddle", timers: first.timers });
  await using caller = follow(resolver);
  await first.pass(100);
  await second.pass(100);
  await first.pass(100);
  assert.equal(caller.seen.at(-1), 5);
  first.source.last.say(config(6), snapshot([at(2)]));
  await first.pass(200);
  assert.equal(caller.seen.at(-1), 6);
});
