/**
 * The ends of `npm start` that examples/orders/start.test.ts has not: each is a system of ten processes, which is too
 * much to be paid for with every change.
 */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { allGone, assertGoodReport, childrenOf, run, START } from "../../examples/orders/test-start.ts";

test("npm start -- --exit ends with 0: an instance was killed, no order failed, the books balance", async (t) => {
  const start = run(t, START, "--exit", "--orders", "200");
  await start.shows(/processes are up/);
  const children = childrenOf(start.process.pid ?? 0);
  assert.equal(children.length, 9);
  const [code] = await once(start.process, "close");
  assert.equal(code, 0, start.output);
  assertGoodReport(start.output);
  await allGone(children);
});

test("Ctrl-C in the middle of the burst ends everything too, and says so with its exit code", async (t) => {
  const start = run(t, START, "--orders", "100000");
  await start.shows(/\d orders, /);
  const children = childrenOf(start.process.pid ?? 0);
  start.process.kill("SIGINT");
  assert.deepEqual(await once(start.process, "close"), [130, null], start.output);
  await allGone(children);
});

test("when start itself is killed its processes end by themselves", async (t) => {
  const start = run(t, START, "--orders", "100000");
  await start.shows(/processes are up/);
  const children = childrenOf(start.process.pid ?? 0);
  assert.equal(children.length, 9);
  start.process.kill("SIGKILL");
  await once(start.process, "close");
  await allGone(children);
});
