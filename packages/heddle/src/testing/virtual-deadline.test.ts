import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, createClient } from "@connectrpc/connect";
import { createTransport } from "../client/transport.ts";
import { Echo } from "../contract/echo-service.test.ts";
import { implement } from "../server/implement.ts";
import { createServer } from "../server/server.ts";
import { createRuntime, createSeededRandom, createVirtualTime } from "./index.ts";

test("a deadline of 15 s passes in no time on virtual time, through the whole stack", async () => {
  const time = createVirtualTime();
  const runtime = createRuntime({ clock: time, timers: time, random: createSeededRandom(1) });
  const arrived = Promise.withResolvers<void>();
  const hang = () => {
    arrived.resolve();
    return new Promise<never>(() => {});
  };
  const server = await createServer({
    services: [implement(Echo, { say: hang })],
    listen: "memory:virtual",
    runtime,
  });
  const transport = createTransport({ target: "memory:virtual", runtime });
  const call = createClient(Echo, transport).say({});
  const failed = assert.rejects(call, { code: Code.DeadlineExceeded });
  await arrived.promise;
  time.advance(15_008);
  await failed;
  transport.close("now");
  await server.close({ drainMs: 0 });
});
