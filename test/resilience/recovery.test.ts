/**
 * An instance that is well again is used again, also where calls are so few that the others could do them alone: what it
 * was like before says nothing about it now, and the next peak will need it.
 */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../kit/within.ts";
import { startFleet } from "./fleet.ts";

test("after three seconds in a black hole an instance gets calls again, at a fifth of a call at a time", async (t) => {
  const fleet = await startFleet(t, { seed: 11 });
  const traffic = await fleet.traffic("web", { perSecond: 100, workMs: 2 });
  for (const name of ["a", "b"]) fleet.way("web", name).blackHole();
  const from = performance.now();
  await until(() => performance.now() - from > 3000, "three seconds");
  fleet.faults.heal();
  await Promise.all([traffic.more(20, "a"), traffic.more(20, "b")]);
  await traffic.stop();
  assert.deepEqual(traffic.failures, []);
});
