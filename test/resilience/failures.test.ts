/**
 * Ten failures that have taken systems down, on real sockets and with default settings: none may cost a caller an
 * idempotent call while a healthy instance exists, and where none does, the error says who failed and why.
 *
 * Traffic flows through all of it at a steady rate, whether answers come or not, as from callers that do not know each other.
 */
import "../kit/trap.ts";
import { createMesh, type Interceptor, recordOf } from "heddle";
import { startControlPlane } from "heddle/control";
import { createSeededRandom } from "heddle/testing";
import { Code, ConnectError } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { startInstance } from "../kit/processes.ts";
import { Traffic } from "../kit/traffic.ts";
import { until } from "../kit/within.ts";
import { startFleet } from "./fleet.ts";

test("dead host: nothing comes from it any more, not even a reset", async (t) => {
  const fleet = await startFleet(t, { seed: 1 });
  const traffic = await fleet.traffic("web");
  fleet.way("web", "a").blackHole();
  await traffic.more(500);
  await traffic.stop();
  assert.deepEqual(traffic.failures, []);
  const strike = () => fleet.way("lonely", "a").blackHole();
  await fleet.saysWho("a", { strike }, "DEADLINE_EXCEEDED", /waiting for the answer/);
});

test("black hole: a route loses everything for three seconds, and is used again afterwards", async (t) => {
  const fleet = await startFleet(t, { seed: 2 });
  const [web, job] = [await fleet.traffic("web"), await fleet.traffic("job", { perSecond: 50 })];
  for (const name of ["a", "b"]) fleet.way("web", name).blackHole();
  const from = performance.now();
  await until(() => performance.now() - from > 3000, "three seconds");
  fleet.faults.heal();
  await Promise.all([web.more(20, "a"), web.more(20, "b")]);
  for (const traffic of [web, job]) {
    await traffic.stop();
    assert.deepEqual(traffic.failures, []);
  }
  // Its packets have been lost since before it connected.
  const client = fleet.caller("late", { names: ["a"], waitForReadyMs: 300, connectTimeoutMs: 200 });
  fleet.way("late", "a").blackHole();
  const error: unknown = await client.idempotentUnary({}).catch((caught: unknown) => caught);
  const dialled = await fleet.faults.route("late", fleet.get("a").address);
  assert.ok(String(error).includes(dialled) && /within 200 ms/.test(String(error)), String(error));
});

test("slow: an instance needs three seconds where its callers have one and a half", async (t) => {
  const fleet = await startFleet(t, { seed: 3 });
  // Only a second attempt beside the first saves a call that is under way there: some tens at once, so the share is large.
  const traffic = await fleet.traffic("web", { timeoutMs: 1500 }, { hedging: { maxExtraLoad: 0.2 } });
  await traffic.more(1000);
  fleet.get("a").faults.latency(3000, { jitterMs: 500 });
  await traffic.more(500);
  await traffic.stop();
  assert.deepEqual(traffic.failures, []);
  fleet.get("a").faults.heal();
  const strike = () => fleet.get("a").faults.latency(3000);
  await fleet.saysWho("a", { strike, timeoutMs: 400 }, "DEADLINE_EXCEEDED", /400 ms/);
});

test("flapping: an instance that comes and goes many times a second", async (t) => {
  const fleet = await startFleet(t, { seed: 4 });
  const traffic = await fleet.traffic("web");
  const random = createSeededRandom(4);
  for (let i = 0; i < 25; i++) {
    fleet.way("web", "a").refuse();
    await traffic.more(1 + random.below(10));
    fleet.way("web", "a").heal();
    await traffic.more(1 + random.below(20));
  }
  await traffic.stop();
  assert.deepEqual(traffic.failures, []);
  const strike = () => fleet.way("lonely", "a").refuse();
  await fleet.saysWho("a", { strike }, "UNAVAILABLE", /ECONNRESET|closed by the peer/);
});

test("half-dead socket: the connection is gone and only the other end knows", async (t) => {
  const fleet = await startFleet(t, { seed: 5 });
  const traffic = await fleet.traffic("web");
  fleet.way("web", "a").halfDead();
  await traffic.more(500);
  await traffic.stop();
  assert.deepEqual(traffic.failures, []);
  const strike = () => fleet.way("lonely", "a").halfDead();
  await fleet.saysWho("a", { strike }, "DEADLINE_EXCEEDED", /waiting for the answer/);
});

test("one-way partition: requests reach half of the fleet, and its answers nobody", async (t) => {
  const fleet = await startFleet(t, { seed: 6 });
  const traffic = await fleet.traffic("web");
  for (const name of ["a", "b"]) fleet.way("web", name).answers.blackHole();
  await traffic.more(500);
  await traffic.stop();
  assert.deepEqual(traffic.failures, []);
  const strike = () => fleet.way("lonely", "a").answers.blackHole();
  await fleet.saysWho("a", { strike }, "DEADLINE_EXCEEDED", /waiting for the answer/);
});

test("overload: one instance can do ten calls a second and gets its share of two hundred", async (t) => {
  const narrow = oneAtATime(100);
  const fleet = await startFleet(t, { seed: 7, interceptors: { a: narrow.interceptor } });
  const traffic = await fleet.traffic("web", { timeoutMs: 1500 });
  narrow.on = true;
  await traffic.more(600);
  await traffic.stop();
  assert.deepEqual(traffic.failures, []);
  const client = fleet.caller("eager", { names: ["a"] });
  const crowd = await Promise.allSettled(
    Array.from({ length: 30 }, () => client.idempotentUnary({}, { timeoutMs: 700 })),
  );
  const refused = crowd.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
  assert.ok(refused.length > 0);
  const known = [Code.DeadlineExceeded, Code.ResourceExhausted, Code.Unavailable];
  for (const error of refused) {
    assert.ok(error instanceof ConnectError && known.includes(error.code), String(error));
    const attempt = recordOf(error)?.attempts.at(-1);
    assert.equal(attempt?.instance, fleet.get("a").address);
    assert.ok(attempt.error, JSON.stringify(attempt));
  }
});

test("bad deploy: the new version refuses everything at once, and so looks idle", async (t) => {
  const fleet = await startFleet(t, { seed: 8 });
  const traffic = await fleet.traffic("web");
  fleet.get("a").faults.fastFailing();
  await traffic.more(1000);
  await traffic.stop();
  assert.deepEqual(traffic.failures, []);
  fleet.get("a").faults.heal();
  const strike = () => fleet.get("a").faults.fastFailing();
  await fleet.saysWho("a", { strike }, "UNAVAILABLE", /a fails on purpose/);
});

test("drained zone: half of the fleet goes away at once, gracefully", async (t) => {
  const fleet = await startFleet(t, { seed: 9 });
  const traffic = await fleet.traffic("web");
  await Promise.all(["a", "b"].map((name) => fleet.get(name).close(5000)));
  const atDrain = ["a", "b"].map((name) => traffic.of(name));
  await traffic.more(300);
  await traffic.stop();
  assert.deepEqual(traffic.failures, []);
  assert.deepEqual(
    ["a", "b"].map((name) => traffic.of(name)),
    atDrain,
  );
  const strike = () => fleet.get("c").close(1000);
  await fleet.saysWho("c", { strike }, "UNAVAILABLE", /ECONN|closed by the peer/);
});

test("the registry and an instance die together", async (t) => {
  const stateFolder = mkdtempSync(join(tmpdir(), "heddle-failures-"));
  t.after(() => rmSync(stateFolder, { recursive: true }));
  const plane = await startControlPlane({ listen: "127.0.0.1:0", warmUpMs: 1 });
  t.after(() => plane[Symbol.asyncDispose]());
  const [a, b] = await Promise.all(["a", "b"].map((name) => startInstance(t, name, plane.address)));
  assert.ok(a !== undefined && b !== undefined);
  const mesh = await createMesh({ registry: plane.address, stateFolder, onWarning: () => {} });
  t.after(() => mesh.close({ drainMs: 0 }));
  const traffic = new Traffic(mesh.client(EchoService));
  t.after(() => traffic.stop());
  for (const name of ["a", "b"]) await traffic.more(20, name);
  await Promise.all([plane[Symbol.asyncDispose](), a.kill()]);
  await traffic.more(300);
  await traffic.stop();
  assert.deepEqual(traffic.failures, []);
  // With the last instance gone as well, the error says which of them could not be reached, and why.
  await b.kill();
  const error: unknown = await mesh
    .client(EchoService, { waitForReadyMs: 500 })
    .idempotentUnary({}, { timeoutMs: 2000 })
    .catch((caught: unknown) => caught);
  assert.ok(error instanceof ConnectError && error.code === Code.Unavailable, String(error));
  assert.match(String(error), new RegExp(`${a.address}|${b.address}`));
  assert.match(String(error), /ECONNREFUSED/);
});

/** An instance with one worker, once it is switched on: calls queue for it. */
function oneAtATime(workMs: number): { readonly interceptor: Interceptor; on: boolean } {
  let last: Promise<unknown> = Promise.resolve();
  const narrow = {
    on: false,
    interceptor: ((next) => async (request) => {
      if (!narrow.on) return next(request);
      const turn = last.then(() => new Promise<void>((resolve) => setTimeout(resolve, workMs)));
      last = turn;
      await turn;
      return next(request);
    }) satisfies Interceptor,
  };
  return narrow;
}
