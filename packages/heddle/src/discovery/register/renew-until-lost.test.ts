/** Renewals against a scripted registry, under virtual time: what it is asked, when, and what ends it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { at, createVirtualRuntime, pass } from "../follow/scripted-source.test.ts";
import { type Hold, RegistrationRefused } from "../holder.ts";
import { createInstanceState } from "./instance-state.ts";
import { renewUntilLost } from "./renew-until-lost.ts";

test("written once, renewed in time, written again after a change", async () => {
  const { asked, state, time } = begin();
  await pass(time, 2_500);
  state.set(at("b:1"));
  await pass(time, 1_000);
  assert.deepEqual(asked, ["0 write", "1000 renew", "2000 renew", "2500 write", "3500 renew"]);
});

test("a registry that was there a moment ago is asked again soon, until the lease can't last", async () => {
  const world = begin();
  await pass(world.time, 1_500);
  world.failure = new Error("away");
  await pass(world.time, 10_000);
  assert.deepEqual(world.asked, [
    "0 write",
    "1000 renew",
    "2000 renew",
    "2200 renew",
    "2400 renew",
    "2600 renew",
  ]);
  assert.equal(world.ended, world.failure);
});

test("a first failure and a refusal end it at once", async () => {
  for (const [failure, afterMs] of [
    [new Error("away"), 0],
    [new RegistrationRefused("no"), 500],
  ] as const) {
    const world = begin(afterMs === 0 ? failure : undefined);
    await pass(world.time, afterMs);
    world.failure = failure;
    await pass(world.time, 1_000);
    assert.equal(world.ended, failure);
  }
});

function begin(failure?: Error) {
  const { time, runtime } = createVirtualRuntime();
  const state = createInstanceState(at("a:1"), runtime.timers);
  const stop = new AbortController();
  let seen = 0;
  const hold: Hold = {
    get instance() {
      return state.instance;
    },
    signal: stop.signal,
    registered: () => {},
    async next(ms) {
      const what = await state.changed(seen, ms, stop.signal);
      seen = state.version;
      return what;
    },
  };
  const world = { time, state, asked: [] as string[], failure, ended: undefined as unknown };
  renewUntilLost(hold, {
    renewMs: 1_000,
    retryMs: 200,
    lostAfterMs: 1_700,
    clock: runtime.clock,
    async renew(_, mustWrite) {
      world.asked.push(`${time.now()} ${mustWrite ? "write" : "renew"}`);
      if (world.failure !== undefined) throw world.failure;
    },
  }).catch((error: unknown) => {
    world.ended = error;
  });
  return world;
}
