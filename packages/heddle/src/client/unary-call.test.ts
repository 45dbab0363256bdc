import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { Code } from "@connectrpc/connect";
import fc from "fast-check";
import { isHeddleError } from "../call/errors.ts";
import { recordOf } from "../call/record.ts";
import { codeFromHttpStatus } from "../call/status.ts";
import {
  envelope,
  type ScriptedStream,
  startScriptedServer,
  until,
} from "../connection/scripted-peer.test.ts";
import { createVirtualClient, failureOf } from "./virtual-client.test.ts";

const head = [":status", "200", "content-type", "application/grpc+proto"];
const ok = ["grpc-status", "0"];
/** A BytesValue with these bytes. */
const message = (...bytes: number[]) => Uint8Array.of(0x0a, bytes.length, ...bytes);

let worlds = 0;
/** One client, one server that does what `script` says at the end of each request. */
function createWorld(
  script: (request: ScriptedStream, index: number) => void,
  options: Parameters<typeof createVirtualClient>[0] | object = {},
) {
  let seen = 0;
  const server = startScriptedServer(`unary-${worlds++}`, (request) => {
    if (request.ended) script(request, seen++);
  });
  const client = createVirtualClient({ target: server.address, ...options });
  return {
    server,
    client,
    [Symbol.dispose]() {
      client[Symbol.dispose]();
      server[Symbol.dispose]();
    },
  };
}

/** What is left behind when no call runs. */
function assertIdle(client: ReturnType<typeof createVirtualClient>): void {
  assert.deepEqual(
    client.inFlight.filter((count) => count !== 0),
    [],
  );
  assert.equal(client.wheel.size, 0, "no deadline is left");
}

test("an answer may come in pieces of any size", async () => {
  const whole = envelope(message(1, 2, 3, 4, 5));
  for (let size = 1; size <= whole.length; size++) {
    using world = createWorld((request) => {
      request.sendFields(head);
      for (let at = 0; at < whole.length; at += size) request.sendBytes(whole.subarray(at, at + size));
      request.sendFields(ok, true);
    });
    const answer = await world.client.echo.say({});
    assert.deepEqual([...answer.value], [1, 2, 3, 4, 5]);
    assertIdle(world.client);
  }
});

const withLength = (length: string) => [...head, "content-length", length];

const badAnswers: readonly (readonly [string, (request: ScriptedStream) => void, Code, RegExp])[] = [
  ["no message", (r) => (r.sendFields(head), r.sendFields(ok, true)), Code.Unimplemented, /holds no message/],
  [
    "two messages",
    (r) => (
      r.sendFields(head),
      r.sendBytes(Buffer.concat([envelope(message(1)), envelope(message(2))])),
      r.sendFields(ok, true)
    ),
    Code.Unimplemented,
    /more than one message/,
  ],
  [
    "less content than it announced",
    (r) => (r.sendFields(withLength("9")), r.sendBytes(envelope(message(1))), r.sendFields(ok, true)),
    Code.Internal,
    /PROTOCOL_ERROR/,
  ],
  [
    "more content than it announced",
    (r) => (r.sendFields(withLength("7")), r.sendBytes(envelope(message(1))), r.sendFields(ok, true)),
    Code.Internal,
    /PROTOCOL_ERROR/,
  ],
  [
    "content announced and then only a head",
    (r) => r.sendFields([...withLength("8"), ...ok], true),
    Code.Internal,
    /PROTOCOL_ERROR/,
  ],
  [
    "half a message",
    (r) => (r.sendFields(head), r.sendBytes(envelope(message(1)).subarray(0, 6)), r.sendFields(ok, true)),
    Code.Internal,
    /inside a message/,
  ],
  [
    "a message and a half",
    (r) => (
      r.sendFields(head),
      r.sendBytes(Buffer.concat([envelope(message(1)), Uint8Array.of(0, 0)])),
      r.sendFields(ok, true)
    ),
    Code.Internal,
    /ended inside a message/,
  ],
  [
    "a message that is compressed without having said so",
    (r) => (r.sendFields(head), r.sendBytes(envelope(gzipSync(message(1)), 1)), r.sendFields(ok, true)),
    Code.Internal,
    /no grpc-encoding was named/,
  ],
  [
    "an unknown compression",
    (r) => (
      r.sendFields([...head, "grpc-encoding", "snappy"]),
      r.sendBytes(envelope(message(1), 1)),
      r.sendFields(ok, true)
    ),
    Code.Internal,
    /"snappy" was not offered/,
  ],
  [
    "an unknown flag",
    (r) => (r.sendFields(head), r.sendBytes(envelope(message(1), 7)), r.sendFields(ok, true)),
    Code.Internal,
    /the flag 7/,
  ],
  [
    "damaged gzip",
    (r) => (
      r.sendFields([...head, "grpc-encoding", "gzip"]),
      r.sendBytes(envelope(Uint8Array.of(1, 2), 1)),
      r.sendFields(ok, true)
    ),
    Code.Internal,
    /cannot be decoded/,
  ],
  [
    "a message over the limit",
    (r) => (r.sendFields(head), r.sendBytes(envelope(message(...Array<number>(100).fill(1))))),
    Code.ResourceExhausted,
    /102 bytes is over the limit of 64 bytes/,
  ],
  [
    "a gzip bomb",
    (r) => (
      r.sendFields([...head, "grpc-encoding", "gzip"]),
      r.sendBytes(envelope(gzipSync(new Uint8Array(10_000)), 1)),
      r.sendFields(ok, true)
    ),
    Code.ResourceExhausted,
    /received, expanded/,
  ],
  [
    "an end without trailers",
    (r) => (r.sendFields(head), r.sendBytes(envelope(message(1)), true)),
    Code.Internal,
    /without trailers/,
  ],
  [
    "trailers without status",
    (r) => (r.sendFields(head), r.sendBytes(envelope(message(1))), r.sendFields(["x-a", "1"], true)),
    Code.Internal,
    /without grpc-status/,
  ],
  ["trailers only, with OK", (r) => r.sendFields([...head, ...ok], true), Code.Unimplemented, /no message/],
  [
    "a status nobody knows",
    (r) => r.sendFields([...head, "grpc-status", "77", "grpc-message", "what"], true),
    Code.Unknown,
    /^what$/,
  ],
  [
    "another content type",
    (r) => r.sendFields([":status", "200", "content-type", "text/html"], true),
    Code.Unknown,
    /content type is "text\/html"/,
  ],
  [
    "gRPC-Web",
    (r) => r.sendFields([":status", "200", "content-type", "application/grpc-web"], true),
    Code.Unknown,
    /content type/,
  ],
];

for (const [what, script, code, text] of badAnswers) {
  test(`an answer with ${what} is an error, and frees what the call held`, async () => {
    using world = createWorld(script, { maxReceiveMessageBytes: 64 });
    const error = await failureOf(world.client.echo.say({}));
    assert.equal(error.code, code, error.rawMessage);
    assert.match(error.rawMessage, text);
    assertIdle(world.client);
    assert.equal(recordOf(error)?.attempts.length, 1);
  });
}

test("an answer may be compressed when it says so", async () => {
  using world = createWorld((request) => {
    request.sendFields([...head, "grpc-encoding", "gzip"]);
    request.sendBytes(envelope(gzipSync(message(9)), 1));
    request.sendFields(ok, true);
  });
  assert.deepEqual([...(await world.client.echo.say({})).value], [9]);
});

test("an HTTP status in the place of gRPC's means what gRPC's table says; grpc-status knows better", async () => {
  for (const status of [400, 401, 403, 404, 418, 429, 500, 502, 503, 504]) {
    using world = createWorld((request) =>
      request.sendFields([":status", String(status), "content-type", "text/plain"], true),
    );
    const error = await failureOf(world.client.echo.say({}));
    assert.equal(error.code, codeFromHttpStatus(status), String(status));
    assert.match(error.rawMessage, new RegExp(`HTTP status ${status}`));
  }
  using world = createWorld((request) =>
    request.sendFields([":status", "415", "grpc-status", "5", "grpc-message", "no%20such%20thing"], true),
  );
  const error = await failureOf(world.client.echo.say({}));
  assert.deepEqual([error.code, error.rawMessage], [Code.NotFound, "no such thing"]);
});

test("an error carries the metadata of the answer", async () => {
  using world = createWorld((request) => {
    request.sendFields([...head, "x-head", "1"]);
    request.sendFields(["grpc-status", "9", "grpc-message", "sold out", "x-trailer", "2"], true);
  });
  const error = await failureOf(world.client.echo.say({}));
  assert.deepEqual(
    [error.code, error.metadata.get("x-head"), error.metadata.get("x-trailer")],
    [Code.FailedPrecondition, "1", "2"],
  );
});

// Which failure is followed by another attempt.
const refused = 7;
const attempts: readonly (readonly [
  string,
  "say" | "get" | "put",
  (request: ScriptedStream) => void,
  number,
])[] = [
  ["a refused stream, any method", "say", (r) => r.reset(refused), 2],
  ["UNAVAILABLE, not idempotent", "say", (r) => r.refuse(Code.Unavailable), 1],
  ["UNAVAILABLE, no side effects", "get", (r) => r.refuse(Code.Unavailable), 2],
  ["UNAVAILABLE, idempotent", "put", (r) => r.refuse(Code.Unavailable), 2],
  ["a lost connection, not idempotent", "say", (r) => r.peer.cut(), 1],
  ["a lost connection, idempotent", "put", (r) => r.peer.cut(), 2],
  ["RESOURCE_EXHAUSTED, idempotent", "put", (r) => r.refuse(Code.ResourceExhausted), 1],
  ["a reset with an error, idempotent", "put", (r) => r.reset(2), 1],
  ["a cancelled stream, idempotent", "put", (r) => r.reset(8), 1],
];

for (const [what, method, failFirst, expected] of attempts) {
  test(`${what}: ${expected === 1 ? "final" : "tried again"}`, async () => {
    using world = createWorld((request, index) =>
      index === 0 ? failFirst(request) : request.answer(message(1)),
    );
    await world.client.ready();
    const call = world.client.echo[method]({});
    const outcome = call.then(
      () => "answered",
      (error: unknown) => error,
    );
    await world.client.pass(3000);
    const result = await outcome;
    assert.equal(result === "answered", expected === 2, String(result));
    assert.equal(world.server.requests.length, expected);
    assert.equal(world.client.records[0]?.attempts.length, expected);
    assertIdle(world.client);
  });
}

test("attempts end at maxAttempts, at the budget, and after eight refusals", async () => {
  using three = createWorld((request) => request.refuse(Code.Unavailable));
  const outcome = failureOf(three.client.echo.put({}));
  await three.client.pass(2000);
  assert.equal(recordOf(await outcome)?.stoppedBecause, "all 3 attempts were used");
  using none = createWorld((request) => request.refuse(Code.Unavailable), {
    retryBudget: { minPerSecond: 0, ratio: 0 },
  });
  assert.equal(
    recordOf(await failureOf(none.client.echo.put({})))?.stoppedBecause,
    "the retry budget is used up",
  );
  using eight = createWorld((request) => request.reset(refused));
  const refusedAll = failureOf(eight.client.echo.say({}));
  await until(
    () => eight.server.requests.length === 2,
    "the first refusal is followed by an attempt at once",
  );
  await eight.client.pass(5000);
  const error = await refusedAll;
  assert.ok(isHeddleError(error) && error.reason === "streamRefused");
  assert.deepEqual([eight.server.requests.length, recordOf(error)?.attempts.length], [9, 9]);
  for (const world of [three, none, eight]) assertIdle(world.client);
});

test("a deadline ends the call where it stands, and the record tells where", async () => {
  using world = createWorld(() => {});
  const error = failureOf(world.client.echo.say({}, { timeoutMs: 200 }));
  await until(() => world.server.requests.length === 1);
  await world.client.pass(220);
  assert.match((await error).rawMessage, /deadline of 200 ms while waiting for the answer/);
  await until(() => world.server.requests[0]?.resetCode === 8, "the callee is told");
  assertIdle(world.client);
});

test("a callee that cancels the call when the deadline has passed says the same as the deadline", async () => {
  using world = createWorld(() => {});
  await world.client.ready();
  const call = failureOf(world.client.echo.say({}, { timeoutMs: 100 }));
  await until(() => world.server.requests.length === 1, "the request is there");
  // Due at 100 ms, but the wheel ticks next at 104 ms.
  world.client.time.advance(101);
  world.server.requests[0]?.reset(8);
  const error = await call;
  assert.deepEqual(
    [error.code, world.client.records.at(-1)?.status],
    [Code.DeadlineExceeded, "DEADLINE_EXCEEDED"],
  );
});

test("a cancellation during the wait before the next attempt shows one attempt, not two", async () => {
  using world = createWorld((request) =>
    request.sendFields([...head, "grpc-status", "14", "grpc-retry-pushback-ms", "10000"], true),
  );
  const gone = new AbortController();
  const outcome = failureOf(world.client.echo.put({}, { signal: gone.signal }));
  await world.client.pass(400);
  assert.equal(world.server.requests.length, 1, "the server asked for ten seconds");
  gone.abort();
  const error = await outcome;
  assert.equal(error.code, Code.Canceled);
  assert.equal(recordOf(error)?.attempts.length, 1);
  assertIdle(world.client);
});

test("no attempt is made for which the deadline leaves no time", async () => {
  using world = createWorld((request) =>
    request.sendFields([...head, "grpc-status", "14", "grpc-retry-pushback-ms", "300"], true),
  );
  const error = await failureOf(world.client.echo.put({}, { timeoutMs: 300 }));
  assert.equal(error.code, Code.Unavailable, "it says who failed, not that time ran out");
  assert.equal(recordOf(error)?.stoppedBecause, "the deadline leaves no time for another attempt");
  assertIdle(world.client);
});

test("cancelling ends the call, tells the callee, and takes the listener off the signal", async () => {
  using world = createWorld(() => {});
  const gone = new AbortController();
  const error = failureOf(world.client.echo.say({}, { signal: gone.signal }));
  await until(() => world.server.requests.length === 1);
  gone.abort(new Error("enough"));
  assert.match((await error).rawMessage, /cancelled: enough/);
  await until(() => world.server.requests[0]?.resetCode === 8);
  assertIdle(world.client);
  const early = await failureOf(world.client.echo.say({}, { signal: gone.signal }));
  assert.equal(early.code, Code.Canceled);
  assert.deepEqual(recordOf(early)?.attempts, [], "it was never tried");
});

test("an observer that cancels another call does not make that call end twice", async () => {
  const gone = new AbortController();
  let ends = 0;
  using world = createWorld(() => {}, {
    observe: () => {
      ends++;
      gone.abort();
    },
  });
  const first = failureOf(world.client.echo.say({}));
  const second = failureOf(world.client.echo.say({}, { signal: gone.signal }));
  await until(() => world.server.requests.length === 2);
  world.server.connections[0]?.cut();
  await Promise.all([first, second]);
  assert.equal(ends, 2);
  assertIdle(world.client);
});

test("the head of every call decodes to its own fields, however it was encoded", async () => {
  using world = createWorld((request) => request.answer());
  const expectedTimeouts: string[] = [];
  const say = async (timeoutMs: number | undefined, wire: string, headers?: HeadersInit) => {
    expectedTimeouts.push(wire);
    await world.client.echo.say(
      {},
      { ...(timeoutMs === undefined ? {} : { timeoutMs }), ...(headers === undefined ? {} : { headers }) },
    );
  };
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 4; i++) await say(undefined, "15S");
    await say(1234, "1234m");
    await say(77, "77m", { "x-tenant": "a", authorization: "Bearer x" });
    await say(undefined, "15S");
    await say(undefined, "15S", { "x-tenant": "b" });
    await world.client.echo.get({});
    expectedTimeouts.push("15S");
    await say(1234, "1234m");
    await say(undefined, "15S");
    world.server.connections.at(-1)?.cut();
    for (let n = 0; n < 50 && world.server.connections.length < round + 2; n++) await world.client.pass(100);
    await world.client.ready();
  }
  assert.equal(world.server.connections.length, 3);
  assert.deepEqual(
    world.server.requests.map((request) => request.field("grpc-timeout")),
    expectedTimeouts,
  );
  for (const request of world.server.requests) {
    assert.equal(request.field(":method"), "POST");
    assert.equal(request.field("te"), "trailers");
    assert.equal(request.field("content-type"), "application/grpc+proto");
    assert.equal(request.field("grpc-accept-encoding"), "gzip,br,zstd,deflate");
  }
  const tenants = world.server.requests.map((request) => request.field("x-tenant") ?? "-");
  assert.equal(tenants.join(""), "-----a-b----".slice(0, 11).repeat(2));
  assert.equal(world.server.requests[8]?.field(":path"), "/heddle.unit.Echo/Get");
});

test("whatever a server does, in any order, a call ends exactly once and leaves nothing", async () => {
  type Step = (request: ScriptedStream) => void;
  const step: fc.Arbitrary<Step> = fc.constantFrom<Step>(
    (r) => r.sendFields(head),
    (r) => r.sendFields(["grpc-status", "0"], true),
    (r) => r.sendFields([...head, "grpc-status", "14"], true),
    (r) => r.sendBytes(envelope(message(1))),
    (r) => r.sendBytes(Uint8Array.of(0, 0, 0)),
    (r) => r.sendBytes(new Uint8Array(0), true),
    (r) => r.reset(7),
    (r) => r.reset(2),
    (r) => r.sendFields([":status", "103"]),
    (r) => r.sendFields([":status", "nonsense"]),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 6 }), fc.boolean(), async (steps, cut) => {
      let ends = 0;
      using world = createWorld(
        (request) => {
          for (const take of steps) if (!request.stream.localClosed) take(request);
          if (cut) request.peer.cut();
        },
        { observe: () => ends++ },
      );
      await world.client.ready();
      const outcome = world.client.echo.say({}, { timeoutMs: 500 }).then(
        () => "ok",
        () => "failed",
      );
      await world.client.pass(4000);
      await outcome;
      assert.equal(ends, 1);
      assertIdle(world.client);
    }),
    { numRuns: 60 },
  );
});
