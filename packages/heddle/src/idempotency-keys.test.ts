import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createTransport, type TransportOptions } from "./client/transport.ts";
import { Echo } from "./contract/echo-service.test.ts";
import { implement } from "./server/implement.ts";
import type { ServerOptions } from "./server/options.ts";
import { createServer } from "./server/server.ts";
import { createMemoryIdempotencyStore } from "./server/idempotency/memory-store.ts";
import { idempotencyKeyOf } from "./server/idempotency/once.ts";

type Say = (
  request: { value: Uint8Array },
  context: Parameters<typeof idempotencyKeyOf>[0],
) => Promise<{ value: Uint8Array }>;

let names = 0;
const text = (value: string) => new TextEncoder().encode(value);

async function withServer(
  say: Say,
  body: (
    call: (key: string, value?: string, options?: { timeoutMs?: number }) => Promise<string>,
    address: string,
  ) => Promise<void>,
  options: Partial<ServerOptions> = {},
  clientOptions: Partial<TransportOptions> = {},
): Promise<void> {
  const listen = `memory:once-${names++}`;
  await using _ = await createServer({
    services: [implement(Echo, { say })],
    listen,
    idempotency: { store: createMemoryIdempotencyStore() },
    onHandlerError: () => {},
    ...options,
  });
  await using transport = createTransport({ target: listen, maxAttempts: 1, ...clientOptions });
  const client = createClient(Echo, transport);
  await body(async (key, value = "", callOptions = {}) => {
    const headers = { "idempotency-key": key };
    const answer = await client.say({ value: text(value) }, { headers, ...callOptions });
    return new TextDecoder().decode(answer.value);
  }, listen);
}

/** A handler that counts, and answers with the count. */
function counting(): { say: Say; count: () => number } {
  let count = 0;
  return { say: async () => ({ value: text(String(++count)) }), count: () => count };
}

test("a call that comes again gets the first answer, in whatever protocol and form, and another key runs", async () => {
  const { say, count } = counting();
  await withServer(say, async (call, target) => {
    assert.equal(await call("k"), "1");
    assert.equal(await call("k"), "1");
    await using transport = createTransport({ target, protocol: "connect", codec: "json" });
    const headers = { "idempotency-key": "k" };
    const { value } = await createClient(Echo, transport).say({ value: text("") }, { headers });
    assert.equal(new TextDecoder().decode(value), "1");
    assert.equal(await call("another"), "2");
    assert.equal(count(), 2);
  });
});

test("those that come meanwhile wait for the first", async () => {
  let running = 0;
  const gate = Promise.withResolvers<void>();
  const say: Say = async () => {
    running++;
    await gate.promise;
    return { value: text("done") };
  };
  await withServer(say, async (call) => {
    const calls = Array.from({ length: 5 }, () => call("k"));
    await assert.rejects(call("k", "", { timeoutMs: 50 }), { code: Code.DeadlineExceeded });
    gate.resolve();
    assert.deepEqual(
      await Promise.all(calls),
      Array.from({ length: 5 }, () => "done"),
    );
    assert.equal(running, 1);
  });
});

test("the first one is carried through when its caller gives up", async () => {
  const gate = Promise.withResolvers<void>();
  let count = 0;
  const say: Say = async () => {
    await gate.promise;
    return { value: text(String(++count)) };
  };
  await withServer(say, async (call) => {
    await assert.rejects(call("k", "", { timeoutMs: 30 }), { code: Code.DeadlineExceeded });
    gate.resolve();
    assert.equal(await call("k"), "1");
  });
});

test("the same key with another request is refused", async () => {
  const { say, count } = counting();
  await withServer(say, async (call) => {
    await call("k", "one");
    await assert.rejects(call("k", "two"), { code: Code.InvalidArgument, message: /HDL-2415/ });
    assert.equal(count(), 1);
  });
});

test("an error that decides the request is kept with its metadata, one that asks to repeat is not", async () => {
  let count = 0;
  let code = Code.AlreadyExists;
  const say: Say = async () => {
    throw new ConnectError(`number ${++count}`, code, { "x-reason": "full" });
  };
  await withServer(say, async (call) => {
    for (let i = 0; i < 2; i++) {
      const error = await call("k").catch(ConnectError.from);
      assert.ok(error instanceof ConnectError);
      assert.deepEqual(
        [error.code, error.rawMessage, error.metadata.get("x-reason")],
        [Code.AlreadyExists, "number 1", "full"],
      );
    }
    code = Code.Unavailable;
    for (const number of [2, 3]) await assert.rejects(call("other"), new RegExp(`number ${number}`));
  });
});

test("metadata of the handler comes again with the answer", async () => {
  const say: Say = async (_request, context) => {
    context.responseHeader.set("x-head", idempotencyKeyOf(context) ?? "");
    context.responseTrailer.set("x-trail", "2");
    return { value: text("") };
  };
  await withServer(say, async (_call, target) => {
    await using transport = createTransport({ target });
    for (let i = 0; i < 2; i++) {
      const seen: (string | null)[] = [];
      await createClient(Echo, transport).say(
        {},
        {
          headers: { "idempotency-key": "k" },
          onHeader: (header) => seen.push(header.get("x-head")),
          onTrailer: (trailer) => seen.push(trailer.get("x-trail")),
        },
      );
      assert.deepEqual(seen, ["k", "2"]);
    }
  });
});

test("a call without a key runs each time, and a store that fails stops those with one", async () => {
  const { say, count } = counting();
  const broken = {
    ...createMemoryIdempotencyStore(),
    claim: () => Promise.reject(new Error("the disk is full")),
  };
  await withServer(
    say,
    async (call) => {
      await call("");
      await call("");
      assert.equal(count(), 2);
      await assert.rejects(call("k"), { code: Code.Unavailable, message: /the disk is full \(HDL-2416\)/ });
      assert.equal(count(), 2);
    },
    { idempotency: { store: broken } },
  );
});

test("what cannot be kept is answered all the same, and not run again at once", async () => {
  const { say, count } = counting();
  const forgetful = {
    ...createMemoryIdempotencyStore(),
    finish: () => {
      throw new Error("the disk is full");
    },
  };
  await withServer(
    say,
    async (call) => {
      assert.equal(await call("k"), "1");
      await assert.rejects(call("k", "", { timeoutMs: 50 }), { code: Code.DeadlineExceeded });
      assert.equal(count(), 1);
    },
    { idempotency: { store: forgetful } },
  );
});
