import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeRequest, encodeResponse, answerOrder } from "../rpc/codec.ts";
import { createOrder, createOrders } from "../rpc/order.ts";
import { encodeTick, tickMessage } from "../stream/codec.ts";
import { ticksPerStream } from "../stream/ticks.ts";
import { startPair } from "./pair.ts";
import { withSection } from "./report.ts";
import { runRounds, type Row, toRatios } from "./rounds.ts";
import { median } from "./statistics.ts";
import { loadSuite } from "./suite.ts";

test("the median of an odd and of an even number of rounds", () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([4, 1, 2, 9]), 3);
  assert.throws(() => median([]), RangeError);
});

test("an order is about 90 bytes, and so is its receipt; a tick is about 40", () => {
  const request = encodeRequest(createOrder(7)).length;
  const response = encodeResponse(answerOrder(createOrder(7))).length;
  const tick = encodeTick(tickMessage(999)).length;
  assert.ok(request >= 80 && request <= 100, `${request} bytes`);
  assert.ok(response >= 80 && response <= 100, `${response} bytes`);
  assert.ok(tick >= 35 && tick <= 45, `${tick} bytes`);
});

test("no two slots share an order id", () => {
  const ids = Array.from({ length: 256 }, (_, slot) =>
    createOrders(slot).map((order) => order.orderId),
  ).flat();
  assert.equal(new Set(ids).size, ids.length);
});

test("ratios are units per second over units per second, at the same level", () => {
  const row = (peer: string, level: number, perSecond: number) => ({ peer, level, perSecond }) as Row;
  assert.deepEqual(
    toRatios([row("heddle", 1, 80), row("grpc-js", 1, 40), row("heddle", 64, 900), row("grpc-js", 64, 100)]),
    { "heddle/grpc-js@1": 2, "heddle/grpc-js@64": 9 },
  );
  assert.deepEqual(toRatios([row("heddle", 1, 80), row("heddle-mtls", 1, 60)], [["heddle-mtls", "heddle"]]), {
    "heddle-mtls/heddle@1": 0.75,
  });
});

test("a recorded run replaces its own section and no other", () => {
  const page = "# Results\n\n## rpc: unary calls\n\nold\n\n### more\n\n## stream: ticks\n\nkept\n";
  const rpc = withSection(page, "## rpc: unary calls\n\nnew\n");
  assert.equal(rpc, "# Results\n\n## rpc: unary calls\n\nnew\n\n## stream: ticks\n\nkept\n");
  assert.equal(withSection(rpc, "## tls: calls\n\nfirst\n"), `${rpc}\n## tls: calls\n\nfirst\n`);
});

const checks = [
  { suite: "rpc", level: 16, operations: 500, units: 500 },
  { suite: "stream", level: 4, operations: 8, units: 8 * ticksPerStream },
  { suite: "payload", level: 2 ** 20, operations: 8, units: 8 },
  { suite: "tls", level: 16, operations: 500, units: 500 },
] as const;
for (const { suite, level, operations, units } of checks) {
  const { peers, inflightAt } = await loadSuite(suite);
  for (const peer of Object.keys(peers)) {
    test(`${suite}: ${peer} gives every caller what it asked for, from another process`, async () => {
      await using pair = await startPair(suite, peer, { maxInflight: inflightAt(level) });
      assert.equal(await pair.client.ask({ ask: "count", level, operations }), units);
    });
  }
}

test("a run gives one row per peer and number in flight, with CPU time of both ends", async () => {
  const rows = await runRounds({
    suite: "rpc",
    peers: ["ceiling", "http-json"],
    levels: [1, 4],
    rounds: 2,
    warmUpMs: { min: 0, max: 1 },
    settleMs: 0,
    measureMs: 100,
    onProgress: () => {},
  });
  assert.deepEqual(
    rows.map(({ peer, level }) => `${peer}@${level}`),
    ["ceiling@1", "ceiling@4", "http-json@1", "http-json@4"],
  );
  for (const row of rows) {
    assert.equal(row.roundPerSecond.length, 2);
    assert.ok(row.perSecond > 0 && row.p50Us > 0 && row.p99Us >= row.p50Us);
    assert.ok(row.clientCpuSecondsPer1000 > 0 && row.serverCpuSecondsPer1000 > 0);
  }
});
