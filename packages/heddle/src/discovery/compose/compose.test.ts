/** Registries put together, each scripted, under virtual time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createEndpoint, type Endpoint } from "../endpoint.ts";
import { createEndpointSet } from "../endpoint-set.ts";
import {
  at,
  createScriptedSource,
  createVirtualRuntime,
  delta,
  pass,
  settle,
  snapshot,
} from "../follow/scripted-source.test.ts";
import { createWatchLoop } from "../follow/watch-loop.ts";
import type { Registration } from "../registrar.ts";
import type { Resolver } from "../resolver.ts";
import { parseTarget } from "../target.ts";
import { registrarOf } from "./compose-registrars.ts";
import { fallbackOf, unionOf } from "./compose-resolvers.ts";

function createWorld(compose: typeof unionOf) {
  const { time, runtime } = createVirtualRuntime();
  const sources = [createScriptedSource(), createScriptedSource()] as const;
  const [first, second] = sources;
  const loops: Resolver[] = sources.map((source) => createWatchLoop(source, { runtime }));
  const resolver = compose(loops, { scheme: "scripted", timers: time });
  const controller = new AbortController();
  const set = createEndpointSet();
  const removed: string[] = [];
  const done = (async () => {
    // The test says first what the sources do.
    await settle();
    for await (const update of resolver.watch(parseTarget("scripted:///orders"), controller.signal)) {
      const change = set.apply(update);
      assert.equal(change.resync, false);
      removed.push(...change.removed.map(({ id }) => id));
    }
  })();
  return {
    first,
    second,
    set,
    removed,
    ids: () => [...set.endpoints.keys()].toSorted(),
    pass: (ms: number) => pass(time, ms),
    async [Symbol.asyncDispose]() {
      controller.abort();
      await pass(time, 0);
      await done;
    },
  };
}

test("a union knows what either knows, and the first describes what both have", async () => {
  await using world = createWorld(unionOf);
  const { first, second } = world;
  first.onOpen = (attempt) => attempt.say(snapshot([at("a"), at("both", { weight: 2 })]));
  await world.pass(100);
  assert.deepEqual(world.ids(), ["a", "both"]);
  assert.equal(world.set.complete, false, "the second has not answered");
  second.last.say(snapshot([at("b"), at("both", { weight: 7 })]));
  await world.pass(600);
  assert.deepEqual(world.ids(), ["a", "b", "both"]);
  assert.equal(world.set.endpoints.get("both")?.weight, 2);
  assert.equal(world.set.complete, true);
  first.last.say(delta([], ["both"]));
  await world.pass(600);
  assert.equal(world.set.endpoints.get("both")?.weight, 7, "still in the second");
  second.last.say(delta([], ["both"]));
  await world.pass(600);
  assert.deepEqual(world.ids(), ["a", "b"]);
  assert.deepEqual(world.removed, ["both"]);
});

test("a union loses nothing when one of its registries can't be reached", async () => {
  await using world = createWorld(unionOf);
  const { first, second } = world;
  first.onOpen = (attempt) => attempt.say(snapshot([at("a")]));
  second.onOpen = (attempt) => attempt.say(snapshot([at("b")]));
  await world.pass(600);
  second.onOpen = (attempt) => attempt.end(new Error("away"));
  second.last.end(new Error("away"));
  await world.pass(60_000);
  assert.deepEqual(world.ids(), ["a", "b"]);
});

test("a fallback asks the second only when the first knows nothing, and goes back", async () => {
  await using world = createWorld(fallbackOf);
  const { first, second } = world;
  first.onOpen = (attempt) => attempt.say(snapshot([at("a")]));
  second.onOpen = (attempt) => attempt.say(snapshot([at("b")]));
  await world.pass(5_000);
  assert.deepEqual(world.ids(), ["a"]);
  assert.equal(second.attempts.length, 0, "not asked");
  first.last.say(delta([], ["a"]));
  await world.pass(2_000);
  assert.deepEqual(world.ids(), ["b"]);
  first.last.say(delta([at("c")], []));
  await world.pass(600);
  assert.deepEqual(world.ids(), ["c"]);
});

test("a fallback asks the second when the first does not answer for a second", async () => {
  await using world = createWorld(fallbackOf);
  const { first, second } = world;
  second.onOpen = (attempt) => attempt.say(snapshot([at("b")]));
  await world.pass(900);
  assert.equal(second.attempts.length, 0);
  await world.pass(1_000);
  assert.deepEqual(world.ids(), ["b"]);
  first.last.say(snapshot([at("a")]));
  await world.pass(600);
  assert.deepEqual(world.ids(), ["a"]);
});

test("an instance is registered in all registries, and counts with the first that takes it", async () => {
  const calls: string[] = [];
  const outcomes = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  const registrars = outcomes.map(({ promise }, index) => ({
    register: (instance: Endpoint): Registration => {
      calls.push(`register ${instance.id} ${index}`);
      return {
        registered: promise,
        state: index === 0 ? "registering" : "registered",
        lastError: index === 0 ? "away" : undefined,
        update: ({ weight }) => void calls.push(`update ${weight} ${index}`),
        [Symbol.asyncDispose]: async () => void calls.push(`dispose ${index}`),
      };
    },
  }));
  const registration = registrarOf(registrars).register(createEndpoint({ address: "a:1" }));
  outcomes[1].resolve();
  await registration.registered;
  assert.equal(registration.state, "registered");
  assert.equal(registration.lastError, "away");
  registration.update({ weight: 3 });
  await registration[Symbol.asyncDispose]();
  assert.deepEqual(calls, [
    "register a:1 0",
    "register a:1 1",
    "update 3 0",
    "update 3 1",
    "dispose 0",
    "dispose 1",
  ]);
});

test("a refusal by all is the first one's", async () => {
  const refuse = (text: string) => ({
    register: (): Registration => ({
      registered: Promise.reject(new Error(text)),
      state: "lost",
      lastError: text,
      update: () => {},
      [Symbol.asyncDispose]: async () => {},
    }),
  });
  const registration = registrarOf([refuse("one"), refuse("two")]).register(
    createEndpoint({ address: "a:1" }),
  );
  await assert.rejects(registration.registered, /one/);
});
