import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { decodeGrpcWebTrailers, FLAG_TRAILERS } from "../../call/grpc-web-trailers.ts";
import { encodeBase64 } from "../../wire/base64-text.ts";
import { writeEnvelope } from "../../wire/envelope-writer.ts";
import { type Answered, type Asked, envelopesOf, openWorld, utf8 } from "./asking.test.ts";

const message = (...bytes: number[]) => Uint8Array.of(0x0a, bytes.length, ...bytes);
const envelope = (...bytes: number[]) => writeEnvelope(0, message(...bytes));
const type = "application/grpc-web+proto";
const text = "application/grpc-web-text";

/** Payloads of the messages, and the trailers of the last envelope. */
function taken({ body }: Pick<Answered, "body">) {
  const envelopes = envelopesOf(body);
  const last = envelopes.pop();
  assert.equal(last?.flag, FLAG_TRAILERS);
  const fields = decodeGrpcWebTrailers(last.payload) ?? [];
  const trailers = new Headers();
  for (let i = 0; i < fields.length; i += 2) trailers.append(fields[i] as string, fields[i + 1] as string);
  return { messages: envelopes.map(({ payload }) => payload), trailers };
}

/** The bytes of an answer in text: segments of base64, each with its padding. */
function fromText(answer: string): Uint8Array {
  const segments = answer.match(/[^=]+={0,2}/g) ?? [];
  return Uint8Array.from(Buffer.concat(segments.map((segment) => Buffer.from(segment, "base64"))));
}

test("status and trailers stand in the body, behind the message", async () => {
  await using world = await openWorld();
  const fields = { "x-echo-a": "1", "x-trail-b-bin": "AQI" };
  const answer = await world.ask({ type, fields, body: [envelope(20, 21)] });
  assert.equal(answer.status, "200");
  assert.deepEqual(Object.fromEntries(answer.fields), {
    "content-type": type,
    "grpc-accept-encoding": "gzip,br,zstd,deflate",
    "x-echo-a": "1",
  });
  const { messages, trailers } = taken(answer);
  assert.deepEqual(messages, [message(20, 21)]);
  assert.deepEqual(Object.fromEntries(trailers), { "grpc-status": "0", "x-trail-b-bin": "AQI" });
});

test("content types are answered in kind, without their parameters", async () => {
  await using world = await openWorld();
  for (const [asked, answered] of [
    ["application/grpc-web", "application/grpc-web"],
    ["application/grpc-web+proto;v=1", "application/grpc-web+proto"],
    ["Application/GRPC-Web", "application/grpc-web"],
  ] as const)
    assert.equal(
      (await world.ask({ type: asked, body: [envelope(20)] })).fields.get("content-type"),
      answered,
    );
  const json = await world.ask({
    type: "application/grpc-web+json",
    body: [writeEnvelope(0, utf8('"FA=="'))],
  });
  assert.equal(json.fields.get("content-type"), "application/grpc-web+json");
  assert.equal(Buffer.from(taken(json).messages[0] ?? []).toString(), '"FA=="');
});

test("an error is in the body too, where every page can read it", async () => {
  await using world = await openWorld();
  const answer = await world.ask({ type, fields: { "x-trail-a": "1" }, body: [envelope(5)] });
  assert.equal(answer.status, "200");
  assert.equal(answer.fields.get("grpc-status"), null);
  const { messages, trailers } = taken(answer);
  assert.deepEqual(messages, []);
  assert.deepEqual(Object.fromEntries(trailers), {
    "grpc-status": "5",
    "grpc-message": "as told",
    "x-error": "1",
    "trailer-x-fake": "2",
    "x-trail-a": "1",
  });
});

test("streams", async () => {
  await using world = await openWorld();
  const list = await world.ask({ path: "/heddle.unit.Echo/List", type, body: [envelope(20)] });
  assert.deepEqual(
    taken(list).messages.map((payload) => payload.at(-1)),
    [0, 1],
  );
  const chat = await world.ask({ path: "/heddle.unit.Echo/Chat", type, body: [envelope(20), envelope(21)] });
  assert.deepEqual(taken(chat).messages, [message(20), message(21)]);
});

test("compression both ways", async () => {
  await using world = await openWorld({ sendCompression: "gzip", compressMinBytes: 0 });
  const fields = { "grpc-encoding": "gzip", "grpc-accept-encoding": "gzip" };
  const answer = await world.ask({ type, fields, body: [writeEnvelope(1, gzipSync(message(20)))] });
  assert.equal(answer.fields.get("grpc-encoding"), "gzip");
  assert.deepEqual(
    taken(answer).messages.map((payload) => [...gunzipSync(payload)]),
    [[...message(20)]],
  );
});

test("the text form: each envelope a segment, requests in segments cut anywhere", async () => {
  await using world = await openWorld();
  const encoded = Buffer.concat([encodeBase64(envelope(20)), encodeBase64(envelope(21, 22))]);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: encoded.length - 1 }), { maxLength: 5 }),
      async (cuts) => {
        const edges = [0, ...new Set(cuts.sort((a, b) => a - b)), encoded.length];
        const body = edges.slice(1).map((edge, i) => Uint8Array.from(encoded.subarray(edges[i], edge)));
        const answer = await world.ask({ path: "/heddle.unit.Echo/Chat", type: text, body });
        assert.equal(answer.fields.get("content-type"), text);
        const { messages, trailers } = taken({ body: fromText(answer.text) });
        assert.deepEqual(messages, [message(20), message(21, 22)]);
        assert.equal(trailers.get("grpc-status"), "0");
      },
    ),
    { numRuns: 30 },
  );
});

test("the text form of a unary call, and text that is no base64", async () => {
  await using world = await openWorld();
  const asked: Asked = { type: `${text}+proto`, body: [encodeBase64(envelope(20))] };
  const answer = await world.ask(asked);
  assert.equal(answer.fields.get("content-type"), `${text}+proto`);
  assert.deepEqual(taken({ body: fromText(answer.text) }).messages, [message(20)]);
  for (const [bad, reason] of [
    ["AAAA*", "not base64"],
    ["AAAAA", "inside a group"],
    ["AAAA", "inside a message"],
  ] as const) {
    const refused = await world.ask({ ...asked, body: [utf8(bad)] });
    assert.match(
      taken({ body: fromText(refused.text) }).trailers.get("grpc-message") ?? "",
      new RegExp(reason),
    );
  }
});

test("a body of text larger than the window keeps coming", async () => {
  await using world = await openWorld({ maxReceiveMessageBytes: 10_000_000 });
  const value = new Uint8Array(300_000).fill(42);
  const payload = Buffer.concat([Uint8Array.of(0x0a, 0xe0, 0xa7, 0x12), value]);
  for (const path of ["/heddle.unit.Echo/Say", "/heddle.unit.Echo/Chat"]) {
    const encoded = encodeBase64(writeEnvelope(0, payload));
    const body: Uint8Array[] = [];
    for (let at = 0; at < encoded.length; at += 16_000) body.push(encoded.subarray(at, at + 16_000));
    const answer = await world.ask({ path, type: text, body });
    assert.equal(taken({ body: fromText(answer.text) }).messages[0]?.length, payload.length);
  }
});
