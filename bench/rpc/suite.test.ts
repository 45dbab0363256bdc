import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeRequest, encodeResponse, answerOrder } from "./codec.ts";
import { createOrder, createOrders } from "./order.ts";
import { startPair } from "./pair.ts";
import { type PeerName, peerNames } from "./peer.ts";
import { runRpcSuite, type Row, toRatios } from "./suite.ts";
import { median } from "./statistics.ts";

test("the median of an odd and of an even number of rounds", () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([4, 1, 2, 9]), 3);
  assert.throws(() => median([]), RangeError);
});

test("an order is about 90 bytes, and so is its receipt", () => {
  const request = encodeRequest(createOrder(7)).length;
  const response = encodeResponse(answerOrder(createOrder(7))).length;
  assert.ok(request >= 80 && request <= 100, `${request} bytes`);
  assert.ok(response >= 80 && response <= 100, `${response} bytes`);
});

test("no two slots share an order id", () => {
  const ids = Array.from({ length: 256 }, (_, slot) =>
    createOrders(slot).map((order) => order.orderId),
  ).flat();
  assert.equal(new Set(ids).size, ids.length);
});

test("ratios are calls per second over calls per second, at the same number in flight", () => {
  const row = (peer: PeerName, inflight: number, callsPerSecond: number) =>
    ({ peer, inflight, callsPerSecond }) as Row;
  assert.deepEqual(
    toRatios([row("heddle", 1, 80), row("grpc-js", 1, 40), row("heddle", 64, 900), row("grpc-js", 64, 100)]),
    { "heddle/grpc-js@1": 2, "heddle/grpc-js@64": 9 },
  );
});

for (const peer of peerNames) {
  test(`${peer} answers every call with the receipt of its own order, from another process`, async () => {
    await using pair = await startPair(peer, { maxInflight: 16 });
    assert.equal(await pair.client.ask({ ask: "calls", inflight: 16, calls: 500 }), 500);
  });
}

test("a run gives one row per peer and number in flight, with CPU time of both ends", async () => {
  const rows = await runRpcSuite({
    peers: ["ceiling", "http-json"],
    inflight: [1, 4],
    rounds: 2,
    warmUpMs: { min: 0, max: 1 },
    settleMs: 0,
    measureMs: 100,
    onProgress: () => {},
  });
  assert.deepEqual(
    rows.map(({ peer, inflight }) => `${peer}@${inflight}`),
    ["ceiling@1", "ceiling@4", "http-json@1", "http-json@4"],
  );
  for (const row of rows) {
    assert.equal(row.roundCallsPerSecond.length, 2);
    assert.ok(row.callsPerSecond > 0 && row.p50Us > 0 && row.p99Us >= row.p50Us);
    assert.ok(row.clientCpuSecondsPer1000Calls > 0 && row.serverCpuSecondsPer1000Calls > 0);
  }
});
