import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@connectrpc/connect";
import { runInCall } from "../call/context.ts";
import {
  envelope,
  type ScriptedStream,
  startScriptedServer,
  until,
} from "../connection/scripted-peer.test.ts";
import { createVirtualClient, failureOf } from "./virtual-client.test.ts";

const head = [":status", "200", "content-type", "application/grpc+proto"];
const message = (...bytes: number[]) => Uint8Array.of(0x0a, bytes.length, ...bytes);

let worlds = 0;
function createWorld(script: (request: ScriptedStream) => void) {
  const server = startScriptedServer(`streaming-${worlds++}`, script);
  const client = createVirtualClient({ target: server.address });
  return {
    server,
    client,
    [Symbol.dispose]() {
      client[Symbol.dispose]();
      server[Symbol.dispose]();
    },
  };
}

async function firstBytes(answers: AsyncIterable<{ readonly value: Uint8Array }>): Promise<number[]> {
  const seen: number[] = [];
  for await (const { value } of answers) seen.push(value[0] ?? -1);
  return seen;
}

test("the answers of a stream arrive in order, and the call ends with its status", async () => {
  using world = createWorld((request) => {
    if (!request.ended) return;
    request.sendFields(head);
    request.sendBytes(
      Buffer.concat([envelope(message(1)), envelope(message(2)), envelope(message(3)).subarray(0, 4)]),
    );
    request.sendBytes(envelope(message(3)).subarray(4));
    request.sendFields(["grpc-status", "0"], true);
  });
  assert.deepEqual(await firstBytes(world.client.echo.list({})), [1, 2, 3]);
  assert.deepEqual(world.client.inFlight, [0]);
  assert.equal(world.client.wheel.size, 0);
});

test("answers before an error are read before it is thrown", async () => {
  using world = createWorld((request) => {
    if (!request.ended) return;
    request.sendFields(head);
    request.sendBytes(envelope(message(1)));
    request.sendFields(["grpc-status", "8", "grpc-message", "enough"], true);
  });
  const seen: number[] = [];
  const error = await failureOf(
    (async () => {
      for await (const { value } of world.client.echo.list({})) seen.push(value[0] as number);
    })(),
  );
  assert.deepEqual([seen, error.code, error.rawMessage], [[1], Code.ResourceExhausted, "enough"]);
});

test("leaving the loop early cancels the call and lets the request's iterable clean up", async () => {
  using world = createWorld((request) => {
    if (request.data.length === 0 || request.stream.localClosed) return;
    if (request.head !== undefined) request.sendFields(head);
    request.sendBytes(envelope(message(1)));
  });
  let cleaned = false;
  async function* requests() {
    try {
      yield { value: Uint8Array.of(1) };
      await new Promise(() => {});
    } finally {
      cleaned = true;
    }
  }
  for await (const _ of world.client.echo.chat(requests())) break;
  await until(() => world.server.requests[0]?.resetCode === 8, "the callee is told");
  assert.deepEqual(world.client.inFlight, [0]);
  assert.equal(
    cleaned,
    false,
    "a generator that waits for ever cannot be woken; nothing waits for it either",
  );
});

test("a reader that cancels gets no further message, also of an answer that has arrived whole", async () => {
  using world = createWorld((request) => {
    if (!request.ended) return;
    request.sendFields(head);
    request.sendBytes(Buffer.concat([envelope(message(1)), envelope(message(2))]));
    request.sendFields(["grpc-status", "0"], true);
  });
  const cancel = new AbortController();
  const seen: number[] = [];
  const error = await failureOf(
    (async () => {
      for await (const { value } of world.client.echo.list({}, { signal: cancel.signal })) {
        seen.push(value[0] as number);
        await until(() => world.client.records.length === 1, "the call is over");
        cancel.abort();
      }
    })(),
  );
  assert.deepEqual([seen, error.code], [[1], Code.Canceled]);
});

test("a stream that was refused before its first message goes again; one that was read from does not", async () => {
  let refusals = 0;
  using world = createWorld((request) => {
    if (!request.over) return;
    if (refusals++ === 0) request.reset(7);
    else request.answer(message(5));
  });
  assert.deepEqual(await firstBytes(world.client.echo.list({})), [5]);
  refusals = 0;
  async function* requests() {
    yield { value: Uint8Array.of(1) };
  }
  const error = await failureOf(world.client.echo.collect(requests()));
  assert.match(error.rawMessage, /HDL-2105/);
  assert.equal(
    world.client.records.at(-1)?.stoppedBecause,
    "messages of the stream had been passed on already",
  );
});

test("a request iterable that throws ends the call with its error", async () => {
  using world = createWorld(() => {});
  // biome-ignore lint/correctness/useYield: it fails before its first message.
  async function* requests(): AsyncGenerator<{ value: Uint8Array }> {
    throw new Error("the file is gone");
  }
  const error = await failureOf(world.client.echo.collect(requests()));
  assert.match(error.message, /the file is gone/);
  assert.deepEqual(world.client.inFlight, [0]);
});

test("inside a served call: what is left of its deadline, its trace, criticality and metadata flow on, and its end ends the call", async () => {
  using world = createWorld(() => {});
  await world.client.ready();
  const children = new Set<{ cancel(reason: string): void }>();
  const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
  const served = {
    deadlineAtMs: world.client.time.now() + 700,
    traceId,
    spanId: "00f067aa0ba902b7",
    sampled: true,
    criticality: "sheddable" as const,
    name: "a.B/C",
    timeoutLimitMs: 700,
    propagated: ["baggage", "tenant=a"],
    failed: false,
    adopt: (child: { cancel(reason: string): void }) => void children.add(child),
    release: (child: { cancel(reason: string): void }) => void children.delete(child),
  };
  const error = failureOf(runInCall(served, () => world.client.echo.say({}, { headers: { "x-own": "1" } })));
  await until(() => world.server.requests.length === 1);
  const request = world.server.requests[0] as ScriptedStream;
  assert.deepEqual(
    ["grpc-timeout", "baggage", "heddle-criticality", "x-own"].map((name) => request.field(name)),
    ["700m", "tenant=a", "sheddable", "1"],
  );
  assert.match(request.field("traceparent") ?? "", new RegExp(`^00-${traceId}-00f067aa0ba902b7-01$`));
  assert.equal(children.size, 1);
  for (const child of children) child.cancel("the call being served has ended");
  assert.equal((await error).code, Code.Canceled);
  assert.equal(children.size, 0);
  const late = failureOf(
    runInCall({ ...served, deadlineAtMs: world.client.time.now() - 1 }, () => world.client.echo.say({})),
  );
  assert.equal((await late).code, Code.DeadlineExceeded);
  const orphaned = failureOf(runInCall({ ...served, failed: true }, () => world.client.echo.say({})));
  assert.equal((await orphaned).code, Code.Canceled);
  assert.equal(world.server.requests.length, 1, "a call without time, or for nobody, is not sent");
});
