/** Instances that stand still, as processes: for good, and for as long as collecting garbage takes. */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createMesh } from "heddle";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { Load } from "../kit/load.ts";
import { startServerProcess } from "../kit/processes.ts";
import { addressesOf } from "../kit/running.ts";
import { until } from "../kit/within.ts";

async function startPair(t: TestContext) {
  const a = await startServerProcess(t, "a", {});
  const b = await startServerProcess(t, "b", {});
  const mesh = await createMesh({ registry: false });
  t.after(() => mesh.close());
  const client = mesh.client(EchoService, { target: addressesOf(a, b), balancer: "round_robin" });
  const load = new Load(client, 8);
  t.after(() => load.stop());
  await load.more(50, "a");
  await load.more(50, "b");
  const isSilent = () =>
    mesh.channels()[0]?.instances.find(({ address }) => address === a.address)?.silent === true;
  return { a, load, isSilent };
}

test("an instance that stands still is doubted long before its connection ends, and used again with its first byte", async (t) => {
  const { a, load, isSilent } = await startPair(t);
  const stoppedAtMs = performance.now();
  a.signal("SIGSTOP");
  await until(isSilent, "the doubt");
  const tookMs = performance.now() - stoppedAtMs;
  assert.ok(tookMs > 500 && tookMs < 5000, `${tookMs} ms: keepalive takes 20 000`);
  const answersOfA = load.of("a");
  await load.more(500, "b");
  assert.equal(load.of("a"), answersOfA);
  a.signal("SIGCONT");
  await until(() => !isSilent(), "its word");
  await load.more(50, "a");
  assert.deepEqual(load.failures, []);
});

test("pauses of 200 ms, one after the other, raise no doubt", async (t) => {
  const { a, load, isSilent } = await startPair(t);
  let doubts = 0;
  const watching = setInterval(() => (doubts += isSilent() ? 1 : 0), 5);
  t.after(() => clearInterval(watching));
  for (let pause = 0; pause < 20; pause++) {
    a.signal("SIGSTOP");
    await sleep(200);
    a.signal("SIGCONT");
    await load.more(10, "a");
  }
  assert.equal(doubts, 0);
  assert.deepEqual(load.failures, []);
});
