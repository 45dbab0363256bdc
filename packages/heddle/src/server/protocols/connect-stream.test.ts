import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { FLAG_END_STREAM } from "../../call/connect-end-stream.ts";
import { until } from "../../connection/scripted-peer.test.ts";
import { writeEnvelope } from "../../wire/envelope-writer.ts";
import { type Answered, type Asked, envelopesOf, openWorld, utf8 } from "./asking.test.ts";

const text = (...bytes: number[]) => utf8(JSON.stringify(Buffer.from(bytes).toString("base64")));
const json = (...bytes: number[]) => writeEnvelope(0, text(...bytes));
const type = "application/connect+json";
const list: Asked = { path: "/heddle.unit.Echo/List", type };
const chat: Asked = { path: "/heddle.unit.Echo/Chat", type };

/** Messages as text, and the last envelope parsed. */
function taken({ body }: Answered) {
  const envelopes = envelopesOf(body);
  const last = envelopes.pop();
  assert.equal(last?.flag, FLAG_END_STREAM);
  return {
    messages: envelopes.map(({ payload }) => Buffer.from(payload).toString()),
    end: JSON.parse(Buffer.from(last.payload).toString()) as Record<string, unknown>,
  };
}

test("a stream of answers ends with an envelope of its own", async () => {
  await using world = await openWorld();
  const answer = await world.ask({ ...list, body: [json(20)] });
  assert.equal(answer.status, "200");
  assert.deepEqual(Object.fromEntries(answer.fields), {
    "content-type": type,
    "connect-accept-encoding": "gzip,br,zstd,deflate",
  });
  assert.deepEqual(taken(answer), { messages: ['"AA=="', '"AQ=="'], end: {} });
});

test("an error, with trailers and what the error says besides, stands in the end", async () => {
  await using world = await openWorld();
  const fields = { "x-trail-a": "1" };
  assert.deepEqual(taken(await world.ask({ ...list, fields, body: [json(9)] })), {
    messages: ['"AA=="', '"AQ=="'],
    end: {
      error: { code: "failed_precondition", message: "as told" },
      metadata: { "x-error": ["1"], "trailer-x-fake": ["2"], "x-trail-a": ["1"] },
    },
  });
});

test("streams both ways, in binary, headers before the first answer", async () => {
  await using world = await openWorld();
  const stream = world.open({
    path: "/heddle.unit.Echo/Chat",
    type: "application/connect+proto",
    fields: { "x-echo-a": "1" },
    body: [writeEnvelope(0, Uint8Array.of(0x0a, 1, 20)), writeEnvelope(0, Uint8Array.of(0x0a, 1, 21))],
  });
  await until(() => stream.over);
  assert.equal(stream.field("content-type"), "application/connect+proto");
  assert.equal(stream.field("x-echo-a"), "1");
  assert.deepEqual(
    envelopesOf(Uint8Array.from(stream.data)).map(({ payload }) => payload.at(-1)),
    [20, 21, "}".charCodeAt(0)],
  );
});

test("a client stream has one answer", async () => {
  await using world = await openWorld();
  const answer = await world.ask({ path: "/heddle.unit.Echo/Collect", type, body: [json(1, 2), json(3)] });
  assert.deepEqual(taken(answer), { messages: ['"Aw=="'], end: {} });
});

test("messages and the end are compressed for callers that understand it", async () => {
  await using world = await openWorld({ sendCompression: "gzip", compressMinBytes: 0 });
  const answer = await world.ask({
    ...chat,
    fields: { "connect-content-encoding": "gzip", "connect-accept-encoding": "br, gzip" },
    body: [writeEnvelope(1, gzipSync(text(20))), writeEnvelope(0, text(5))],
  });
  assert.equal(answer.fields.get("connect-content-encoding"), "gzip");
  const envelopes = envelopesOf(answer.body);
  assert.deepEqual(
    envelopes.map(({ flag }) => flag),
    [1, FLAG_END_STREAM | 1],
  );
  assert.deepEqual(
    envelopes.map(({ payload }) => gunzipSync(payload).toString().slice(0, 20)),
    ['"FA=="', '{"error":{"code":"no'],
  );
});

const faults: readonly (readonly [string, Asked, string, RegExp])[] = [
  ["no message", { ...list, body: [new Uint8Array(0)] }, "unimplemented", /none arrived/],
  ["two messages", { ...list, body: [json(20), json(20)] }, "unimplemented", /more than one arrived/],
  ["half an envelope", { ...chat, body: [json(20).subarray(0, 6)] }, "internal", /inside a message/],
  [
    "an end of its own",
    { ...chat, body: [writeEnvelope(FLAG_END_STREAM, utf8("{}"))] },
    "internal",
    /the flag 2/,
  ],
  [
    "too large a message",
    { ...chat, body: [writeEnvelope(0, new Uint8Array(1001))] },
    "resource_exhausted",
    /limit of 1000/,
  ],
  [
    "compression without its name",
    { ...list, body: [writeEnvelope(1, gzipSync(text(20)))] },
    "internal",
    /no encoding/,
  ],
  [
    "a compression nobody knows",
    { ...list, fields: { "connect-content-encoding": "snappy" }, body: [json(20)] },
    "unimplemented",
    /gzip,br/,
  ],
  [
    "a timeout that is none",
    { ...list, fields: { "connect-timeout-ms": "x" }, body: [json(20)] },
    "invalid_argument",
    /HDL-2310/,
  ],
  [
    "no time left",
    { ...list, fields: { "connect-timeout-ms": "0" }, body: [json(20)] },
    "deadline_exceeded",
    /HDL-2201/,
  ],
  [
    "another version",
    { ...list, fields: { "connect-protocol-version": "2" }, body: [json(20)] },
    "invalid_argument",
    /HDL-2312/,
  ],
  ["an ordinary error", { ...list, body: [json(100)] }, "unknown", /HDL-3001/],
];

for (const [what, asked, code, message] of faults) {
  test(`${what}: 200, ${code} in the end`, async () => {
    await using world = await openWorld({ maxReceiveMessageBytes: 1000 });
    const answer = await world.ask(asked);
    assert.equal(answer.status, "200");
    const error = taken(answer).end["error"] as { code: string; message: string };
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.equal((await world.ask({ ...list, body: [json(20)] })).status, "200", "the connection goes on");
  });
}

test("a path that nobody answers is 404", async () => {
  await using world = await openWorld();
  const answer = await world.ask({ path: "/a.B/C", type, body: [json(20)] });
  assert.equal(answer.status, "404");
  assert.match(answer.text, /unimplemented.*HDL-2307/);
});
