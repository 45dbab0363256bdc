/** Hedged calls over real sockets: every protocol and version of HTTP, and a frozen instance that costs nobody anything. */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CallRecord, TransportOptions } from "heddle";
import { assertHedged } from "../kit/hedged.ts";
import { addressesOf, connectTo, startEcho } from "../kit/running.ts";
import { until } from "../kit/within.ts";
import { Witness } from "../kit/witness.ts";

const hedgeAfter = (delayMs: number) => ({ methods: [{ hedge: { delayMs, maxExtraLoad: 1 } }] });

const ways: readonly Omit<TransportOptions, "target">[] = [
  {},
  { protocol: "grpc-web" },
  { protocol: "connect" },
  { protocol: "connect", codec: "json", sendCompression: "gzip", compressMinBytes: 0 },
  { http: "1.1" },
  { http: "1.1", protocol: "grpc-web" },
];

for (const way of ways) {
  const { protocol = "auto", http = "2", codec = "proto" } = way;
  test(`${protocol}, HTTP/${http}, ${codec}: the second instance answers, the first handler is told to stop`, async (t) => {
    const witness = new Witness();
    const slow = await startEcho(t, {
      witness,
      handlers: {
        async idempotentUnary(_request, { signal }) {
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
          aborts++;
          return {};
        },
      },
    });
    let aborts = 0;
    const quick = await startEcho(t, { instance: "quick" });
    const records: CallRecord[] = [];
    const client = connectTo(t, addressesOf(slow, quick), {
      ...way,
      balancer: "round_robin",
      serviceConfig: hedgeAfter(20),
      observe: (record) => records.push(record),
    });
    const payload = new Uint8Array(3000).fill(7);
    await until(async () => {
      const { echo } = await client.idempotentUnary({ payload });
      assert.deepEqual([echo?.instance, echo?.payload.length], ["quick", 3000]);
      return aborts > 0;
    }, "a handler that is told to stop");
    assertHedged(records, slow.address, quick.address);
  });
}

test("an error of one attempt does not end the call while the other still works on it", async (t) => {
  const slow = await startEcho(t, { instance: "slow" });
  const gone = await startEcho(t, { instance: "gone" });
  const client = connectTo(t, addressesOf(slow, gone), {
    balancer: "round_robin",
    serviceConfig: hedgeAfter(20),
  });
  const calls = Array.from({ length: 20 }, () => client.idempotentUnary({ plan: { delayMs: 150 } }));
  setTimeout(() => void gone.close({ drainMs: 0 }), 80);
  for (const { echo } of await Promise.all(calls)) assert.ok(echo);
});
