/** Callers that do not do their part, in virtual time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as macrotask } from "node:timers/promises";
import { connectScriptedClient, envelope } from "../connection/scripted-peer.test.ts";
import { Echo } from "../contract/echo-service.test.ts";
import { createRuntime } from "../runtime/runtime.ts";
import { createVirtualTime } from "../runtime/virtual-time.ts";
import type { Http2Limits } from "../wire/http2/limits.ts";
import { implement } from "./implement.ts";
import { createServer } from "./server.ts";

const stalledCallMs = 10_000;
const request = envelope(Uint8Array.of(0x0a, 1, 7));

let worlds = 0;
async function createWorld(clientLimits: Partial<Http2Limits> = {}) {
  const time = createVirtualTime();
  const running = { handlers: 0 };
  const server = await createServer({
    stalledCallMs,
    listen: `memory:stalled-${worlds++}`,
    runtime: createRuntime({ clock: time, timers: time }),
    services: [
      implement(Echo, {
        async say({ value }) {
          running.handlers++;
          if (value[0] === 99) await new Promise(() => {});
          return { value };
        },
        async *chat(requests) {
          running.handlers++;
          for await (const { value } of requests) yield { value };
        },
      }),
    ],
  });
  const client = connectScriptedClient(server.address, clientLimits);
  const settle = async () => {
    for (let turn = 0; turn < 20; turn++) await macrotask();
  };
  await settle();
  return {
    client,
    running,
    settle,
    open: (method = "Say") =>
      client.open(
        `:method POST :scheme http :path /${Echo.typeName}/${method} te trailers content-type application/grpc`.split(
          " ",
        ),
      ),
    async pass(ms: number): Promise<void> {
      for (const untilMs = time.now() + ms; time.now() < untilMs; ) {
        time.advance(Math.min(500, untilMs - time.now()));
        await settle();
      }
    },
    async [Symbol.asyncDispose](): Promise<void> {
      client.cut();
      await settle();
      await server.close({ drainMs: 0 });
    },
  };
}

test("a request that never comes whole is given up; others on the connection are served, and take their time", async () => {
  await using world = await createWorld();
  const slow = world.open();
  slow.sendBytes(request.subarray(0, 6));
  const none = world.open();
  const long = world.open();
  long.sendBytes(envelope(Uint8Array.of(0x0a, 1, 99)), true);
  await world.pass(stalledCallMs - 1000);
  assert.deepEqual([slow.over, none.over], [false, false]);
  await world.pass(stalledCallMs / 2 + 1000);
  assert.deepEqual([slow.field("grpc-status"), none.field("grpc-status")], ["4", "4"]);
  assert.match(slow.field("grpc-message") ?? "", /waiting for the request/);
  await world.pass(10 * stalledCallMs);
  assert.equal(long.over, false, "a handler may take as long as it likes");
  const next = world.open();
  next.sendBytes(request, true);
  await world.settle();
  assert.equal(next.field("grpc-status"), "0");
  assert.equal(world.running.handlers, 2);
});

test("an answer that nobody takes is given up", async () => {
  await using world = await createWorld({ streamWindowBytes: 0, maxWindowBytes: 0 });
  const call = world.open();
  call.sendBytes(request, true);
  await world.pass(stalledCallMs / 2 - 1000);
  assert.equal(call.over, false);
  assert.notEqual(call.head, undefined);
  await world.pass(stalledCallMs);
  assert.equal(call.resetCode, 8);
  assert.equal(world.client.machine.closed, false);
});

test("a stream of requests may be silent for as long as it likes", async () => {
  await using world = await createWorld();
  const chat = world.open("Chat");
  chat.sendBytes(request);
  await world.pass(10 * stalledCallMs);
  assert.equal(chat.over, false);
  chat.sendBytes(request, true);
  await world.settle();
  assert.equal(chat.field("grpc-status"), "0");
});
