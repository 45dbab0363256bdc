/** Answers of calls with an idempotency key in a real Redis, which several servers share. */
import { createClient } from "@connectrpc/connect";
import { Code, createRedisIdempotencyStore, createServer, createTransport, implement } from "heddle";
import { idempotencyStoreContract } from "heddle/testing";
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { type Redis, startRedis } from "../kit/redis.ts";

let redis: Redis & AsyncDisposable;
before(async () => {
  redis = await startRedis();
});
after(() => redis[Symbol.asyncDispose]());

const openStore = async () => createRedisIdempotencyStore({ send: (args) => redis.send(args) });

for (const [what, check] of Object.entries(idempotencyStoreContract)) {
  test(`Redis: ${what}`, async () => {
    await using store = await openStore();
    await check(store, { open: openStore, sleep: (ms) => sleep(ms) }, what);
  });
}

test("a call that comes again to another server gets the answer of the first, and is not run when Redis is gone", async () => {
  let ran = 0;
  const start = async () =>
    await createServer({
      services: [implement(EchoService, { unary: () => ({ echo: { instance: String(++ran) } }) })],
      idempotency: { store: await openStore() },
    });
  await using one = await start();
  await using other = await start();
  const call = async (target: string, key: string) => {
    await using transport = createTransport({ target, maxAttempts: 1 });
    const headers = { "idempotency-key": key };
    return (await createClient(EchoService, transport).unary({}, { headers })).echo?.instance;
  };
  const answers = await Promise.all([one, other, one, other].map(({ address }) => call(address, "a")));
  assert.deepEqual(answers, ["1", "1", "1", "1"]);
  assert.equal(await call(other.address, "b"), "2");
  await redis.kill();
  await assert.rejects(call(one.address, "a"), { code: Code.Unavailable, message: /HDL-2416/ });
  assert.equal(ran, 2);
});
