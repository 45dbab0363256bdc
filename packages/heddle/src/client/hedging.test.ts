/** Hedged calls on scripted servers, in virtual time: who answers first, and that nothing of the others is left. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@connectrpc/connect";
import fc from "fast-check";
import { recordOf } from "../call/record.ts";
import { type ScriptedStream, startScriptedServer, until } from "../connection/scripted-peer.test.ts";
import { createSeededRandom } from "../runtime/random.ts";
import type { ClientOptions } from "./options.ts";
import { createVirtualClient, failureOf } from "./virtual-client.test.ts";

const head = [":status", "200", "content-type", "application/grpc+proto"];
const message = (...bytes: number[]) => Uint8Array.of(0x0a, bytes.length, ...bytes);
const USUAL_MS = 10;

type Script = (request: ScriptedStream, index: number) => void;

let worlds = 0;
/** A client of `count` servers. Once `trained`, each request is given to `script`, with its number. */
async function createWorld(count: number, script: Script, options: Partial<ClientOptions> = {}) {
  const world = worlds++;
  let trained = false;
  const seen: ScriptedStream[] = [];
  const servers = Array.from({ length: count }, (_, i) =>
    startScriptedServer(`hedge-${world}-${i}`, (request) => {
      if (!request.ended || seen.includes(request)) return;
      if (trained) script(request, seen.push(request) - 1);
      else client.time.after(USUAL_MS, () => request.answer(message(0)));
    }),
  );
  const client = createVirtualClient({
    target: `static:///${servers.map(({ address }) => address).join(",")}`,
    hedging: { maxExtraLoad: 0.1 },
    balancer: "round_robin",
    ...options,
  });
  await client.ready(count);
  /** Enough calls for a delay of the usual time, which is worked out every three seconds. */
  async function train(method: "get" | "put" = "get"): Promise<void> {
    for (let round = 0; round < 4; round++) {
      const calls = Promise.all(Array.from({ length: 10 }, () => client.echo[method]({})));
      // In steps of a millisecond, or the latencies would be those of the steps.
      for (let ms = 0; ms <= USUAL_MS; ms++) await client.pass(1);
      await calls;
      await client.pass(1000);
    }
    trained = true;
    client.records.length = 0;
  }
  return {
    client,
    seen,
    train,
    [Symbol.dispose]() {
      client[Symbol.dispose]();
      for (const server of servers) server[Symbol.dispose]();
    },
  };
}

/** What is left behind when no call runs. */
async function assertIdle(client: ReturnType<typeof createVirtualClient>, pending: number): Promise<void> {
  assert.deepEqual(
    client.inFlight.filter((count) => count !== 0),
    [],
  );
  assert.equal(client.wheel.size, 0, "no deadline is left");
  // The wheel keeps its own timer for a second.
  await client.pass(1500);
  assert.ok(client.time.pending <= pending, `${client.time.pending} timers, ${pending} before`);
}

test("a slow call goes to a second instance, whose answer is taken, and the first is told to stop", async () => {
  using world = await createWorld(2, (request, index) => {
    if (index === 1) request.answer(message(1));
  });
  const { client } = world;
  await world.train();
  const { pending } = client.time;
  const call = client.echo.get({});
  await client.pass(USUAL_MS - 2);
  assert.equal(world.seen.length, 1, "it is not slow yet");
  await client.pass(3);
  assert.deepEqual([...(await call).value], [1]);
  await until(() => world.seen[0]?.resetCode === 8, "the first instance is told");
  await assertIdle(client, pending);
  const [record] = client.records;
  assert.deepEqual(
    record?.attempts.map(({ status, hedge }) => [status, hedge ?? false]),
    [
      ["CANCELLED", false],
      ["OK", true],
    ],
  );
  assert.notEqual(record.attempts[0]?.instance, record.attempts[1]?.instance);
  assert.match(record.attempts[0]?.error ?? "", /over before this attempt of it was/);
  assert.deepEqual(
    world.seen.map((request) => request.field("grpc-previous-rpc-attempts")),
    [undefined, "1"],
  );
});

test("when the first answers after all, its answer is taken and the hedge is told to stop", async () => {
  using world = await createWorld(2, () => {});
  const { client } = world;
  await world.train();
  const { pending } = client.time;
  const call = client.echo.get({});
  await client.pass(20);
  assert.equal(world.seen.length, 2);
  world.seen[0]?.answer(message(7));
  assert.deepEqual([...(await call).value], [7]);
  await until(() => world.seen[1]?.resetCode === 8, "the second instance is told");
  await assertIdle(client, pending);
  assert.deepEqual(
    client.records[0]?.attempts.map(({ status, hedge }) => [status, hedge ?? false]),
    [
      ["CANCELLED", true],
      ["OK", false],
    ],
  );
});

test("headers and trailers are those of the attempt that won", async () => {
  using world = await createWorld(2, (request, index) => {
    if (index === 0) return;
    request.sendFields([...head, "x-from", "hedge"]);
    request.sendBytes(Uint8Array.of(0, 0, 0, 0, 0));
    request.sendFields(["grpc-status", "0", "x-end", "hedge"], true);
  });
  await world.train();
  const got: (string | null)[] = [];
  const call = world.client.echo.get(
    {},
    {
      onHeader: (headers) => got.push(headers.get("x-from")),
      onTrailer: (trailers) => got.push(trailers.get("x-end")),
    },
  );
  await world.client.pass(20);
  await call;
  assert.deepEqual(got, ["hedge", "hedge"]);
});

const never: readonly (readonly [string, number, Partial<ClientOptions>, (w: World) => Promise<unknown>])[] =
  [
    ["the contract says nothing of repeating", 2, {}, ({ client }) => client.echo.say({})],
    ["it is not switched on", 2, { hedging: false }, ({ client }) => client.echo.get({})],
    ["there is no other instance", 1, {}, ({ client }) => client.echo.get({})],
    [
      "the retry budget is spent",
      2,
      { retryBudget: { ratio: 0, minPerSecond: 0 } },
      ({ client }) => client.echo.get({}),
    ],
  ];
type World = Awaited<ReturnType<typeof createWorld>>;

for (const [why, count, options, call] of never) {
  test(`no call is hedged when ${why}`, async () => {
    using world = await createWorld(count, () => {}, options);
    await world.train();
    const outcome = call(world);
    await world.client.pass(1000);
    assert.equal(world.seen.length, 1);
    world.seen[0]?.answer(message(1));
    await outcome;
  });
}

test("hedges stay at their share of the calls, however slow all of them are", async () => {
  using world = await createWorld(3, (request) =>
    world.client.time.after(200, () => {
      if (request.resetCode === undefined) request.answer(message(0));
    }),
  );
  await world.train();
  const calls = Array.from({ length: 200 }, () => world.client.echo.get({}));
  await world.client.pass(1000);
  await Promise.all(calls);
  const hedges = world.client.records.flatMap(({ attempts }) => attempts.filter(({ hedge }) => hedge)).length;
  assert.ok(hedges > 10 && hedges <= 0.1 * (200 + 40), `${hedges} hedges of 200 calls`);
  await assertIdle(world.client, Number.POSITIVE_INFINITY);
});

test("retries and hedges together stay within the budget, whether servers fail or say nothing", async () => {
  for (const seed of [1, 2, 3]) {
    const random = createSeededRandom(seed);
    using world = await createWorld(
      3,
      (request) => {
        if (random.next() < 0.5) request.refuse(Code.Unavailable);
      },
      { hedging: { maxExtraLoad: 0.5 }, retryBudget: { ratio: 0.1, minPerSecond: 1 } },
    );
    await world.train();
    const calls: Promise<unknown>[] = [];
    for (let i = 0; i < 60; i++) {
      for (let j = 0; j < 5; j++) calls.push(world.client.echo.get({}, { timeoutMs: 200 }).catch(() => {}));
      await world.client.pass(100);
    }
    await world.client.pass(500);
    await Promise.all(calls);
    // The floor of every ten seconds begun, and what the calls of the training had earned.
    const most = 300 * 1.1 + 2 * 10 + 4;
    assert.ok(
      world.seen.length > 320 && world.seen.length <= most,
      `${world.seen.length} attempts of 300 calls`,
    );
    await assertIdle(world.client, Number.POSITIVE_INFINITY);
  }
});

test("a failure that another instance need not share leaves the other attempt its chance", async () => {
  for (const failing of [0, 1]) {
    using world = await createWorld(2, () => {});
    const { client } = world;
    await world.train();
    const { pending } = client.time;
    const call = client.echo.get({});
    await client.pass(20);
    world.seen[failing]?.refuse(Code.Unavailable, "restarting");
    await client.pass(100);
    assert.equal(world.seen.length, 2, "the other still works on it, so nothing is repeated");
    world.seen[1 - failing]?.answer(message(5));
    assert.deepEqual([...(await call).value], [5]);
    await assertIdle(client, pending);
    const [record] = client.records;
    assert.deepEqual(
      record?.attempts.map(({ status, hedge }) => [status, hedge ?? false]),
      [
        ["UNAVAILABLE", failing === 1],
        ["OK", failing === 0],
      ],
    );
    assert.match(record.attempts[0]?.error ?? "", /restarting/);
  }
});

test("an answer of the handler ends all attempts, whichever gives it", async () => {
  for (const failing of [0, 1]) {
    using world = await createWorld(2, () => {});
    const { client } = world;
    await world.train();
    const { pending } = client.time;
    const call = failureOf(client.echo.get({}));
    await client.pass(20);
    world.seen[failing]?.refuse(Code.NotFound, "no such order");
    const error = await call;
    assert.deepEqual([error.code, error.rawMessage], [Code.NotFound, "no such order"]);
    await until(() => world.seen[1 - failing]?.resetCode === 8, "the other is told to stop");
    await assertIdle(client, pending);
    assert.deepEqual(
      recordOf(error)?.attempts.map(({ status }) => status),
      ["CANCELLED", "NOT_FOUND"],
    );
  }
});

test("when all attempts have failed the call is repeated, on a third instance, within its attempts", async () => {
  using world = await createWorld(4, (request, index) => {
    if (index === 2) request.answer(message(3));
  });
  const { client } = world;
  await world.train();
  const call = client.echo.get({});
  await client.pass(20);
  world.seen[0]?.refuse(Code.Unavailable);
  world.seen[1]?.refuse(Code.Unavailable);
  await client.pass(1000);
  assert.deepEqual([...(await call).value], [3]);
  const attempts = client.records[0]?.attempts ?? [];
  assert.deepEqual(
    attempts.map(({ status, hedge }) => [status, hedge ?? false]),
    [
      ["UNAVAILABLE", false],
      ["UNAVAILABLE", true],
      ["OK", false],
    ],
  );
  assert.equal(new Set(attempts.map(({ instance }) => instance)).size, 3);
  assert.deepEqual(
    world.seen.map((request) => request.field("grpc-previous-rpc-attempts")),
    [undefined, "1", "2"],
  );
});

for (const [how, end] of [
  ["deadline", () => {}],
  ["cancellation", (gone: AbortController) => gone.abort(new Error("enough"))],
] as const) {
  for (const failedFirst of [false, true]) {
    const state = failedFirst ? "the hedge is the only one that runs" : "both attempts run";
    test(`a ${how} while ${state} ends the call and leaves nothing`, async () => {
      using world = await createWorld(2, () => {});
      const { client } = world;
      await world.train();
      const { pending } = client.time;
      const gone = new AbortController();
      const call = failureOf(client.echo.get({}, { timeoutMs: 500, signal: gone.signal }));
      await client.pass(20);
      if (failedFirst) world.seen[0]?.refuse(Code.Unavailable);
      await client.pass(20);
      end(gone);
      await client.pass(600);
      const error = await call;
      assert.equal(error.code, how === "deadline" ? Code.DeadlineExceeded : Code.Canceled);
      const running = failedFirst ? "" : "memory:hedge-\\d+-[01] and ";
      if (how === "deadline")
        assert.match(
          error.rawMessage,
          new RegExp(`while waiting for the answer of ${running}memory:hedge-\\d+-[01] \\(attempt 2\\)`),
        );
      const hedge = world.seen[1];
      await until(() => hedge?.resetCode === 8, "the hedge is told");
      await assertIdle(client, pending);
      const record = recordOf(error);
      assert.equal(record?.attempts.length, 2);
      assert.equal(record.stoppedBecause, "the call was ended by its deadline or caller");
    });
  }
}

test("a server that asks for no further attempts gets none", async () => {
  using world = await createWorld(3, (request) =>
    request.sendFields([...head, "grpc-status", "14", "grpc-retry-pushback-ms", "-1"], true),
  );
  await world.train();
  const error = failureOf(world.client.echo.get({}));
  await world.client.pass(1000);
  assert.equal(recordOf(await error)?.stoppedBecause, "the server asked not to repeat it");
  assert.equal(world.seen.length, 1);
});

/** gRPC's form, without quantile and without retries beside it. */
const grpcHedging = (delay: string): Partial<ClientOptions> => ({
  hedging: false,
  serviceConfig: {
    methodConfig: [
      {
        name: [{}],
        hedgingPolicy: { maxAttempts: 3, hedgingDelay: delay, nonFatalStatusCodes: ["UNAVAILABLE"] },
      },
    ],
  },
});

test("in gRPC's form a failure that is not fatal is followed by the next attempt at once", async () => {
  using world = await createWorld(
    3,
    (request, index) => (index < 2 ? request.refuse(Code.Unavailable) : request.answer(message(2))),
    grpcHedging("10s"),
  );
  await world.train();
  const call = world.client.echo.say({});
  await world.client.pass(100);
  assert.deepEqual([...(await call).value], [2], "and for any method that it names");
  assert.deepEqual(
    world.client.records[0]?.attempts.map(({ status }) => status),
    ["UNAVAILABLE", "UNAVAILABLE", "OK"],
  );
  assert.equal(new Set(world.client.records[0]?.attempts.map(({ instance }) => instance)).size, 3);
});

test("in gRPC's form all attempts leave, one delay after the other, and the last failure is the call's", async () => {
  using world = await createWorld(4, () => {}, grpcHedging("0.1s"));
  await world.train();
  const { pending } = world.client.time;
  const call = failureOf(world.client.echo.say({}));
  await world.client.pass(350);
  assert.equal(world.seen.length, 3);
  for (const index of [1, 2, 0]) {
    world.seen[index]?.refuse(Code.Unavailable, `it was ${index}`);
    await world.client.pass(50);
  }
  const error = await call;
  assert.equal(error.rawMessage, "it was 0");
  assert.deepEqual(
    recordOf(error)?.attempts.map(({ error }) => error),
    ["it was 1", "it was 2", "it was 0"],
  );
  await assertIdle(world.client, pending);
});

test("in gRPC's form a server that says when is waited for, and one that says never ends it", async () => {
  for (const [pushback, attempts] of [
    ["400", 2],
    ["-1", 1],
    ["", 1],
  ] as const) {
    using world = await createWorld(
      2,
      (request, index) =>
        index === 0
          ? request.sendFields([...head, "grpc-status", "14", "grpc-retry-pushback-ms", pushback], true)
          : request.answer(message(1)),
      grpcHedging("0.05s"),
    );
    await world.train();
    const { pending } = world.client.time;
    const call = world.client.echo.say({}).catch(() => {});
    await world.client.pass(390);
    assert.equal(world.seen.length, 1);
    await world.client.pass(100);
    await call;
    assert.equal(world.seen.length, attempts);
    assert.equal(world.client.records[0]?.attempts.length, attempts);
    await assertIdle(world.client, pending);
  }
});

test("a cancellation while the next attempt is waited for ends the call, and the record has what was made", async () => {
  using world = await createWorld(
    2,
    (request) => request.sendFields([...head, "grpc-status", "14", "grpc-retry-pushback-ms", "900"], true),
    grpcHedging("0.05s"),
  );
  await world.train();
  const { pending } = world.client.time;
  const gone = new AbortController();
  const call = failureOf(world.client.echo.say({}, { timeoutMs: 5000, signal: gone.signal }));
  await world.client.pass(200);
  gone.abort();
  const error = await call;
  assert.equal(error.code, Code.Canceled);
  assert.deepEqual(
    recordOf(error)?.attempts.map(({ status }) => status),
    ["UNAVAILABLE"],
  );
  await assertIdle(world.client, pending);
});

test("a connection that dies under one attempt takes only that one along", async () => {
  using world = await createWorld(2, () => {});
  const { client } = world;
  await world.train();
  const call = client.echo.get({});
  await client.pass(20);
  world.seen[0]?.peer.cut();
  await client.pass(50);
  world.seen[1]?.answer(message(9));
  assert.deepEqual([...(await call).value], [9]);
  assert.match(client.records[0]?.attempts[0]?.error ?? "", /HDL-2104/);
});

test("whatever servers do, in any order, hedged calls end exactly once and leave nothing", async () => {
  type Step = readonly [
    "answer" | "unavailable" | "not found" | "push back" | "refuse" | "reset" | "cut" | "hang",
    number,
  ];
  const step: fc.Arbitrary<Step> = fc.tuple(
    fc.constantFrom("answer", "unavailable", "not found", "push back", "refuse", "reset", "cut", "hang"),
    fc.constantFrom(0, 5, 15, 40, 300),
  );
  const act: Record<Step[0], (request: ScriptedStream) => void> = {
    answer: (request) => request.answer(message(1)),
    unavailable: (request) => request.refuse(Code.Unavailable),
    "not found": (request) => request.refuse(Code.NotFound),
    "push back": (request) =>
      request.sendFields([...head, "grpc-status", "14", "grpc-retry-pushback-ms", "30"], true),
    refuse: (request) => request.reset(7),
    reset: (request) => request.reset(2),
    cut: (request) => request.peer.cut(),
    hang: () => {},
  };
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 6 }),
      fc.option(fc.nat({ max: 300 }), { nil: undefined }),
      fc.constantFrom<Partial<ClientOptions>>({ hedging: { maxExtraLoad: 0.9 } }, grpcHedging("0.02s"), {
        serviceConfig: {
          methods: [{ retry: { perAttemptTimeoutMs: 50 }, hedge: { delayMs: 10, maxExtraLoad: 2 } }],
        },
      }),
      async (steps, count, cancelAfterMs, options) => {
        using world = await createWorld(
          3,
          (request, index) => {
            const [what, afterMs] = steps[index % steps.length] ?? ["hang", 0];
            world.client.time.after(afterMs, () => {
              if (request.resetCode === undefined && !request.stream.localClosed) act[what](request);
            });
          },
          options,
        );
        const { client } = world;
        await world.train();
        const gone = new AbortController();
        const ends: string[] = [];
        for (let call = 0; call < count; call++) {
          client.echo[call % 2 === 0 ? "get" : "put"]({}, { timeoutMs: 400, signal: gone.signal }).then(
            () => ends.push("ok"),
            () => ends.push("failed"),
          );
        }
        if (cancelAfterMs !== undefined) client.time.after(cancelAfterMs, () => gone.abort());
        await client.pass(5000);
        assert.equal(ends.length, count);
        assert.equal(client.records.length, count);
        for (const { attempts } of client.records) assert.ok(attempts.length <= 3 + 9);
        await assertIdle(client, Number.POSITIVE_INFINITY);
      },
    ),
    { numRuns: 100 },
  );
});
