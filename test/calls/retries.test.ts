/** When a call is tried again, and when it must not be. */
import "../kit/trap.ts";
import { type CallRecord, Code, recordOf } from "heddle";
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttp2Server, constants, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { rejectsWith } from "../interop/cases/errors.ts";
import { collect, Requests } from "../interop/streams.ts";
import { addressesOf, connectTo, startEcho } from "../kit/running.ts";
import { until } from "../kit/within.ts";

type Client = ReturnType<typeof connectTo>;

/** A server that does `onStream` to each call. */
async function startRude(
  t: TestContext,
  onStream: (stream: ServerHttp2Stream) => void,
): Promise<{ address: string; calls: () => number }> {
  let calls = 0;
  const server = createHttp2Server();
  server.on("sessionError", () => {});
  server.on("stream", (stream) => {
    calls++;
    stream.on("error", () => {});
    onStream(stream);
  });
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, calls: () => calls };
}

const reset = (code: number) => (stream: ServerHttp2Stream) => stream.close(code);
const dropConnection = (stream: ServerHttp2Stream) => stream.session?.destroy();

/** Round robin starts anywhere, so calls go on until the rude server has had its share. */
async function untilRudeWasAsked(rude: { calls: () => number }, call: () => Promise<unknown>): Promise<void> {
  await until(async () => {
    await call();
    return rude.calls() > 0;
  }, "a call to the rude server");
}

test("a refused stream goes elsewhere at once, also for a method that must not be repeated", async (t) => {
  const rude = await startRude(t, reset(constants.NGHTTP2_REFUSED_STREAM));
  const good = await startEcho(t, { instance: "good" });
  const records: CallRecord[] = [];
  const client = connectTo(t, addressesOf(rude, good), {
    balancer: "round_robin",
    observe: (record) => records.push(record),
  });
  const twice = () => records.find(({ attempts }) => attempts.length === 2);
  // As long as only the rude one is connected there is no elsewhere.
  await until(async () => {
    assert.equal((await client.unary({})).echo?.instance, "good");
    return twice() !== undefined;
  }, "a call that was made twice");
  assert.ok(rude.calls() > 0);
  const retried = twice();
  assert.deepEqual(
    retried?.attempts.map(({ address }) => address),
    [rude.address, good.address],
  );
  assert.deepEqual(
    retried.attempts.map(({ status }) => status),
    ["UNAVAILABLE", "OK"],
  );
});

test("a call that died with its connection is repeated only when the contract allows it", async (t) => {
  const rude = await startRude(t, dropConnection);
  const good = await startEcho(t, { instance: "good" });
  const options = { balancer: "round_robin", retryBudget: { minPerSecond: 1000 } } as const;
  const client = connectTo(t, addressesOf(rude, good), { balancer: options.balancer });
  await untilRudeWasAsked(rude, async () =>
    assert.equal((await client.idempotentUnary({})).echo?.instance, "good"),
  );

  const alone = connectTo(t, rude.address);
  const error = await rejectsWith(alone.unary({}), Code.Unavailable);
  const record = recordOf(error);
  assert.equal(record?.attempts.length, 1);
  assert.match(record.stoppedBecause ?? "", /does not say that the method may be repeated/);
});

test("attempts end with maxAttempts, and the record tells of each", async (t) => {
  const rude = await startRude(t, dropConnection);
  const error = await rejectsWith(
    connectTo(t, rude.address, { maxAttempts: 2 }).idempotentUnary({}),
    Code.Unavailable,
  );
  const record = recordOf(error);
  assert.equal(record?.attempts.length, 2);
  assert.match(record.stoppedBecause ?? "", /all 2 attempts were used/);
  for (const { instance, untilSentMs, elapsedMs } of record.attempts) {
    assert.notEqual(instance, "");
    assert.ok(untilSentMs <= elapsedMs);
  }
});

test("attempts end with the deadline", async (t) => {
  const rude = await startRude(t, dropConnection);
  const client = connectTo(t, rude.address, {
    maxAttempts: 1_000_000,
    retryBudget: { ratio: 1, minPerSecond: 10_000 } as never,
  });
  await assert.rejects(client.idempotentUnary({}, { timeoutMs: 300 }));
});

test("an answer of the handler is final, UNAVAILABLE of a method that must not be repeated too", async (t) => {
  const server = await startEcho(t);
  const client = connectTo(t, server.address);
  const plan = (code: Code) => ({ plan: { failure: { code, message: "no" } } });
  const final = recordOf(await rejectsWith(client.idempotentUnary(plan(Code.Internal)), Code.Internal, "no"));
  assert.equal(final?.attempts.length, 1);
  const unavailable = recordOf(
    await rejectsWith(client.unary(plan(Code.Unavailable)), Code.Unavailable, "no"),
  );
  assert.equal(unavailable?.attempts.length, 1);
  const repeated = recordOf(
    await rejectsWith(client.idempotentUnary(plan(Code.Unavailable)), Code.Unavailable, "no"),
  );
  assert.equal(repeated?.attempts.length, 3);
});

const streams: Readonly<Record<string, (client: Client) => Promise<unknown>>> = {
  "a server stream that has not begun goes elsewhere": (client) =>
    collect(client.idempotentServerStream({ plan: { count: 3 } })),
};

for (const [name, call] of Object.entries(streams)) {
  test(name, async (t) => {
    const rude = await startRude(t, reset(constants.NGHTTP2_REFUSED_STREAM));
    const good = await startEcho(t);
    const client = connectTo(t, addressesOf(rude, good), { balancer: "round_robin" });
    await untilRudeWasAsked(rude, () => call(client));
  });
}

test("a stream whose messages were passed on is not repeated", async (t) => {
  const rude = await startRude(t, (stream) =>
    stream.on("data", () => stream.close(constants.NGHTTP2_REFUSED_STREAM)),
  );
  const requests = new Requests({ payload: new Uint8Array(10) });
  const error = await rejectsWith(collect(connectTo(t, rude.address).bidiStream(requests)), Code.Unavailable);
  assert.match(recordOf(error)?.stoppedBecause ?? "", /passed on already/);
  assert.equal(rude.calls(), 1);
});

const resets: readonly (readonly [string, number, Code])[] = [
  ["CANCEL", constants.NGHTTP2_CANCEL, Code.Canceled],
  ["ENHANCE_YOUR_CALM", constants.NGHTTP2_ENHANCE_YOUR_CALM, Code.ResourceExhausted],
  ["INADEQUATE_SECURITY", constants.NGHTTP2_INADEQUATE_SECURITY, Code.PermissionDenied],
  ["INTERNAL_ERROR", constants.NGHTTP2_INTERNAL_ERROR, Code.Internal],
  ["PROTOCOL_ERROR", constants.NGHTTP2_PROTOCOL_ERROR, Code.Internal],
];

for (const [name, http2Code, code] of resets) {
  test(`a stream reset with ${name} is ${Code[code]}`, async (t) => {
    const rude = await startRude(t, reset(http2Code));
    const client = connectTo(t, rude.address);
    await rejectsWith(client.unary({}), code);
    await rejectsWith(collect(client.serverStream({})), code);
  });
}

test("nobody listens: the call waits as long as it was told, and says why it failed", async (t) => {
  const error = await rejectsWith(
    connectTo(t, "127.0.0.1:1", { waitForReadyMs: 50 }).unary({}),
    Code.Unavailable,
    /ECONNREFUSED/,
  );
  assert.equal(recordOf(error)?.attempts.length, 1);
});

test("a server that comes up while the call waits answers it", async (t) => {
  const first = await startEcho(t);
  const { address } = first;
  await first.close();
  const call = connectTo(t, address, { waitForReadyMs: 10_000 }).unary({});
  await startEcho(t, { listen: address, instance: "late" });
  assert.equal((await call).echo?.instance, "late");
});

test("a listener that accepts and never answers costs the connect timeout, not the call", async (t) => {
  const sockets = new Set<Socket>();
  const hole = createTcpServer((socket) => sockets.add(socket.on("error", () => {})));
  hole.listen(0, "127.0.0.1");
  await once(hole, "listening");
  t.after(() => {
    hole.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = `127.0.0.1:${(hole.address() as AddressInfo).port}`;
  await rejectsWith(
    connectTo(t, address, { connectTimeoutMs: 100, waitForReadyMs: 400 }).unary({}),
    Code.Unavailable,
    /settings within 100 ms/,
  );
  const good = await startEcho(t, { instance: "good" });
  const client = connectTo(t, addressesOf({ address }, good), { connectTimeoutMs: 100 });
  assert.equal((await client.unary({})).echo?.instance, "good");
});
