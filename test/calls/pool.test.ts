/** More calls at a time than an instance allows on one connection. */
import "../kit/trap.ts";
import { createTransport } from "heddle";
import { createClient } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { test } from "node:test";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { startEcho } from "../kit/running.ts";
import { until } from "../kit/within.ts";

test("share several connections, up to maxConnections, and all are answered", async (t) => {
  const server = await startEcho(t, { http2: { maxConcurrentStreams: 10 } });
  const transport = createTransport({ target: server.address, maxConnections: 3 });
  t.after(() => transport.close("now"));
  const client = createClient(EchoService, transport);
  const calls = Array.from({ length: 50 }, () => client.unary({ plan: { delayMs: 100 } }));
  const instance = () => transport.describe().instances[0];
  await until(() => instance()?.connections.length === 3, "three connections");
  await until(() => instance()?.waiting === 20, "thirty calls under way and twenty that wait");
  await Promise.all(calls);
  assert.equal(server.connections, 3);
  assert.deepEqual(
    instance()?.connections.map(({ streams }) => streams),
    [0, 0, 0],
  );
});
