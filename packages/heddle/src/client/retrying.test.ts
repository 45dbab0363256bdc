/** Repeated calls on scripted servers, in virtual time: times of attempts, commitment, what is left behind. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@connectrpc/connect";
import { recordOf } from "../call/record.ts";
import {
  envelope,
  type ScriptedStream,
  startScriptedServer,
  until,
} from "../connection/scripted-peer.test.ts";
import type { ClientOptions } from "./options.ts";
import { createVirtualClient, failureOf } from "./virtual-client.test.ts";

const head = [":status", "200", "content-type", "application/grpc+proto"];
const message = (...bytes: number[]) => Uint8Array.of(0x0a, bytes.length, ...bytes);

let worlds = 0;
async function createWorld(
  count: number,
  script: (request: ScriptedStream, index: number) => void,
  options: Partial<ClientOptions> = {},
) {
  const world = worlds++;
  const seen: ScriptedStream[] = [];
  const servers = Array.from({ length: count }, (_, i) =>
    startScriptedServer(`retry-${world}-${i}`, (request) => {
      if (request.ended && !seen.includes(request)) script(request, seen.push(request) - 1);
    }),
  );
  const target = `static:///${servers.map(({ address }) => address).join(",")}`;
  const client = createVirtualClient({ target, balancer: "round_robin", ...options });
  await client.ready(count);
  return {
    client,
    seen,
    [Symbol.dispose]() {
      client[Symbol.dispose]();
      for (const server of servers) server[Symbol.dispose]();
    },
  };
}

function assertIdle(client: ReturnType<typeof createVirtualClient>): void {
  assert.ok(client.inFlight.every((count) => count === 0));
  assert.equal(client.wheel.size, 0, "neither a deadline nor an attempt's time is left");
}

const perAttempt = { methods: [{ retry: { perAttemptTimeoutMs: 100 } }] };

test("an attempt that takes longer than its own time is given up and repeated elsewhere", async () => {
  using world = await createWorld(
    2,
    (request, index) => {
      if (index === 1) request.answer(message(1));
    },
    { serviceConfig: perAttempt },
  );
  const { client } = world;
  const call = client.echo.get({}, { timeoutMs: 5000 });
  await client.pass(1000);
  assert.deepEqual([...(await call).value], [1]);
  await until(() => world.seen[0]?.resetCode === 8, "the first instance is told to stop");
  assert.equal(world.seen[0]?.field("grpc-timeout"), "100m", "and knew from the start how long it had");
  const [record] = client.records;
  assert.deepEqual(
    record?.attempts.map(({ status }) => status),
    ["DEADLINE_EXCEEDED", "OK"],
  );
  assert.match(
    record.attempts[0]?.error ?? "",
    /did not answer heddle.unit.Echo\/Get within the 100 ms of an attempt/,
  );
  assert.notEqual(record.attempts[0]?.address, record.attempts[1]?.address);
  assertIdle(client);
});

test("when all attempts run out of their time the error says so, of the last one", async () => {
  using world = await createWorld(1, () => {}, { serviceConfig: perAttempt });
  const failure = failureOf(world.client.echo.get({}, { timeoutMs: 5000 }));
  await world.client.pass(2000);
  const error = await failure;
  assert.equal(error.code, Code.DeadlineExceeded);
  assert.match(error.rawMessage, /within the 100 ms of an attempt \(HDL-2204\)/);
  assert.equal(recordOf(error)?.stoppedBecause, "all 3 attempts were used");
  assert.equal(world.seen.length, 3);
  assertIdle(world.client);
});

test("the caller's deadline comes before the attempt's own, and ends all", async () => {
  using world = await createWorld(1, () => {}, { serviceConfig: perAttempt });
  const failure = failureOf(world.client.echo.get({}, { timeoutMs: 60 }));
  await world.client.pass(200);
  assert.match((await failure).rawMessage, /exceeded its deadline of 60 ms/);
  assert.equal(world.seen[0]?.field("grpc-timeout"), "60m");
  assertIdle(world.client);
});

test("the time of an attempt holds for its hedges, too", async () => {
  using world = await createWorld(2, () => {}, {
    serviceConfig: {
      methods: [{ retry: { perAttemptTimeoutMs: 100 }, hedge: { delayMs: 30, maxExtraLoad: 1 } }],
    },
  });
  const failure = failureOf(world.client.echo.get({}, { timeoutMs: 1000 }));
  await world.client.pass(1500);
  const error = await failure;
  assert.match(error.rawMessage, /HDL-2204/);
  await until(() => world.seen.every(({ resetCode }) => resetCode === 8), "all are told to stop");
  assert.equal(world.seen.length, 3, "the call's attempts, hedges included");
  assert.deepEqual(
    recordOf(error)?.attempts.map(({ status, hedge }) => [status, hedge ?? false]),
    [
      ["CANCELLED", true],
      ["DEADLINE_EXCEEDED", false],
      ["DEADLINE_EXCEEDED", false],
    ],
  );
  assertIdle(world.client);
});

test("the codes of the service config decide, and 0 waits only as long as the server says", async () => {
  using world = await createWorld(
    2,
    (request, index) => {
      if (index > 0) return request.answer();
      request.sendFields([...head, "grpc-status", "8", "grpc-retry-pushback-ms", "700"], true);
    },
    { serviceConfig: { methods: [{ retry: { retryableCodes: ["RESOURCE_EXHAUSTED"] } }] } },
  );
  const call = world.client.echo.get({});
  await world.client.pass(690);
  assert.equal(world.seen.length, 1);
  await world.client.pass(20);
  await call;
  assert.equal(world.seen.length, 2);
  assertIdle(world.client);
});

test("a client that is closed does not wait for as long as a server asked", async () => {
  const waiting = [":status", "200", "grpc-status", "14", "grpc-retry-pushback-ms", "9999999999"];
  for (const policy of [
    { retry: {} },
    { retry: false, hedge: { maxAttempts: 3, delayMs: 1_000_000 } },
  ] as const) {
    using world = await createWorld(
      2,
      (request) => request.sendFields([...waiting, ...head.slice(2)], true),
      {
        serviceConfig: { methods: [policy] },
      },
    );
    const failure = failureOf(world.client.echo.get({}, { timeoutMs: 0 }));
    await world.client.pass(1000);
    assert.equal(world.seen.length, 1);
    world.client.channel.close("now");
    assert.match((await failure).rawMessage, /is closed/);
    assertIdle(world.client);
  }
});

test("a status behind a message is the answer; a connection that dies inside of one is not", async () => {
  using ended = await createWorld(2, (request) => {
    request.sendFields(head);
    request.sendBytes(envelope(message(1)));
    request.sendFields(["grpc-status", "14"], true);
  });
  const error = await failureOf(ended.client.echo.get({}));
  assert.deepEqual([error.code, ended.seen.length], [Code.Unavailable, 1]);
  assert.equal(recordOf(error)?.stoppedBecause, "the answer is final");
  using cut = await createWorld(2, (request, index) => {
    if (index > 0) return request.answer(message(2));
    request.sendFields(head);
    request.sendBytes(envelope(message(1)).subarray(0, 4));
    setImmediate(() => request.peer.cut());
  });
  const call = cut.client.echo.get({});
  await cut.client.pass(1000);
  assert.deepEqual([...(await call).value], [2]);
  assertIdle(cut.client);
});

test("switched off, nothing is repeated but what no handler saw, and the record says why", async () => {
  using world = await createWorld(
    2,
    (request, index) => {
      if (index === 0) request.reset(7);
      else request.refuse(Code.Unavailable);
    },
    { maxAttempts: 1 },
  );
  const error = await failureOf(world.client.echo.get({}));
  assert.equal(world.seen.length, 2);
  assert.equal(recordOf(error)?.stoppedBecause, "repeating is switched off for the method");
  assert.deepEqual(
    world.seen.map((request) => request.field("grpc-previous-rpc-attempts")),
    [undefined, undefined],
    "what no handler saw is not counted",
  );
});

test("while most calls fail although they are repeated, they are not repeated any more, until they succeed", async () => {
  let broken = true;
  using world = await createWorld(
    1,
    (request) => {
      if (broken) request.refuse(Code.Unavailable);
      else request.answer();
    },
    { retryBudget: { ratio: 2 } },
  );
  const { client } = world;
  async function second(): Promise<number> {
    const before = world.seen.length;
    const calls = Promise.allSettled(
      Array.from({ length: 40 }, () => client.echo.get({}, { timeoutMs: 500 })),
    );
    await client.pass(1000);
    await calls;
    return (world.seen.length - before) / 40;
  }
  const work: number[] = [];
  for (let i = 0; i < 6; i++) work.push(await second());
  assert.ok((work[0] ?? 0) > 2, `three times the load at first: ${work.join(" ")}`);
  assert.equal(work.at(-1), 1, `and once in the end: ${work.join(" ")}`);
  const stopped = client.records.at(-1)?.stoppedBecause;
  assert.match(stopped ?? "", /repeating did not help/);
  broken = false;
  for (let i = 0; i < 3; i++) await second();
  broken = true;
  assert.ok((await second()) > 1, "well again, it may repeat");
  assertIdle(client);
});
