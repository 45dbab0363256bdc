/** What cancelling and going away must not cost: leaks, lost calls, rejections that nobody handles. */
import "../kit/trap.ts";
import { Code, createMesh, implement } from "heddle";
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { rejectsWith } from "../interop/cases/errors.ts";
import { createEchoService } from "../kit/echo-service.ts";
import { addressesOf, connectTo, startEcho } from "../kit/running.ts";
import { Witness } from "../kit/witness.ts";
import { until } from "../kit/within.ts";

test("a signal that outlives 1000 calls keeps no listeners", async (t) => {
  const client = connectTo(t, (await startEcho(t)).address);
  const { signal } = new AbortController();
  for (let round = 0; round < 10; round++) {
    await Promise.all(Array.from({ length: 100 }, () => client.unary({}, { signal })));
  }
  assert.equal(getEventListeners(signal, "abort").length, 0);
});

for (const interceptors of [0, 1]) {
  test(`leaving a loop over a stream early cancels the handler (${interceptors} interceptors)`, async (t) => {
    const witness = new Witness();
    const server = await startEcho(t, { witness });
    await using mesh = await createMesh({
      registry: false,
      client: { interceptors: interceptors === 0 ? [] : [(next) => next] },
    });
    const client = mesh.client(EchoService, { target: server.address });
    const id = witness.newId();
    for await (const { echo } of client.serverStream({ plan: { id, count: 1_000_000, answerBytes: 1000 } })) {
      assert.equal(echo?.payload.length, 1000);
      break;
    }
    await witness.over(id);
  });
}

test("a server that closes finishes its 200 calls, and the next ones go to its neighbour", async (t) => {
  const witness = new Witness();
  const leaving = await startEcho(t, { witness, instance: "leaving" });
  const client = connectTo(t, leaving.address);
  const ids = Array.from({ length: 200 }, () => witness.newId());
  const calls = ids.map((id) => client.unary({ plan: { id, delayMs: 150 } }));
  await Promise.all(ids.map((id) => witness.started(id)));
  const closed = leaving.close({ drainMs: 10_000 });
  const answers = await Promise.all(calls);
  assert.equal(answers.length, 200);
  await closed;
});

test("servers come and go under load, and no call of any method fails", async (t) => {
  const staying = await startEcho(t, { instance: "staying" });
  const leaving = await startEcho(t, { instance: "leaving" });
  const client = connectTo(t, addressesOf(staying, leaving), { balancer: "round_robin" });
  const share = new Map<string, number>();
  let stopped = false;
  const workers = Array.from({ length: 32 }, async () => {
    while (!stopped) {
      const instance = (await client.unary({})).echo?.instance ?? "";
      share.set(instance, (share.get(instance) ?? 0) + 1);
    }
  });
  await until(() => (share.get("leaving") ?? 0) > 200, "200 calls to the server that will leave");
  await leaving.close();
  const then = share.get("staying") ?? 0;
  await until(() => (share.get("staying") ?? 0) > then + 200, "200 calls more");
  stopped = true;
  await Promise.all(workers);
});

test("calls in every state end when their client closes", async (t) => {
  const witness = new Witness();
  const mesh = await createMesh({ registry: false });
  const server = await mesh.serve(implement(EchoService, createEchoService({ witness })), {
    listen: "127.0.0.1:0",
  });
  const client = mesh.client(EchoService, { target: server.address });
  const id = witness.newId();
  const hanging = rejectsWith(client.unary({ plan: { id, hang: true } }), Code.Unavailable);
  await witness.started(id);
  await mesh.close({ drainMs: 50 });
  await hanging.catch(() => {});
  assert.throws(() => mesh.client(EchoService, { target: server.address }), /closed/);
  t.diagnostic("closed");
});
