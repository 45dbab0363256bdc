/** A server that stands still: what calls to it cost, and that they go on when it does. */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { Code } from "heddle";
import { rejectsWith } from "../interop/cases/errors.ts";
import { connectTo } from "../kit/running.ts";
import { until } from "../kit/within.ts";
import { settings, settingsAck } from "../wire/raw-peer.ts";

test("calls to a server that has stopped reading end at their deadline and pile up nothing", async (t) => {
  const listener = createServer().listen(0, "127.0.0.1");
  t.after(() => listener.close());
  await once(listener, "listening");
  const accepted = once(listener, "connection") as Promise<[Socket]>;
  // Calls are to pile up here; the limit on those under way would refuse most of them.
  const client = connectTo(t, `127.0.0.1:${(listener.address() as AddressInfo).port}`, {
    serviceConfig: { concurrencyLimit: false },
  });
  const first = rejectsWith(client.unary({}, { timeoutMs: 50 }), Code.DeadlineExceeded);
  const [socket] = await accepted;
  t.after(() => socket.destroy());
  socket.on("error", () => {});
  socket.pause();
  socket.write(Buffer.concat([settings, settingsAck]));
  await first;

  const before = process.memoryUsage().arrayBuffers;
  const headers = { "x-large": "v".repeat(16_000) };
  for (let round = 0; round < 40; round++) {
    await Promise.all(
      Array.from({ length: 90 }, () =>
        rejectsWith(client.unary({}, { timeoutMs: 10, headers }), Code.DeadlineExceeded),
      ),
    );
  }
  const grown = process.memoryUsage().arrayBuffers - before;
  assert.ok(grown < 16_000_000, `${grown} bytes wait for a server that does not read`);

  const last = client.unary({ payload: Buffer.alloc(2000, "last") }, { timeoutMs: 5000 });
  last.catch(() => {});
  let received = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => (received = Buffer.concat([received.subarray(-4000), chunk])));
  socket.resume();
  await until(() => received.includes("last".repeat(500)), "the call that waited goes out");
});
