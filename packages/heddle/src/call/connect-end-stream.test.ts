import { Code, ConnectError } from "@connectrpc/connect";
import { endStreamFromJson } from "@connectrpc/connect/protocol-connect";
import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeEndStream, encodeEndStream } from "./connect-end-stream.ts";

const bytes = (json: unknown) => new TextEncoder().encode(JSON.stringify(json));
const text = (payload: Uint8Array) => new TextDecoder().decode(payload);

test("a stream that went well and has no trailers ends with an empty object", () => {
  assert.equal(text(encodeEndStream({ error: undefined, trailers: [] })), "{}");
  assert.deepEqual(decodeEndStream(bytes({})), { error: undefined, trailers: [] });
});

test("error and trailers, as Connect reads them", () => {
  const error = new ConnectError("sold out", Code.ResourceExhausted);
  const payload = encodeEndStream({ error, trailers: ["x-a", "1", "x-b", "2", "x-a", "3"] });
  assert.deepEqual(JSON.parse(text(payload)), {
    error: { code: "resource_exhausted", message: "sold out" },
    metadata: { "x-a": ["1", "3"], "x-b": ["2"] },
  });
  const theirs = endStreamFromJson(payload);
  assert.equal(theirs.error?.code, Code.ResourceExhausted);
  assert.equal(theirs.metadata.get("x-a"), "1, 3");
  const ours = decodeEndStream(payload);
  assert.equal(ours?.error?.rawMessage, "sold out");
  assert.deepEqual(ours.trailers, ["x-a", "1", "x-a", "3", "x-b", "2"]);
});

test("a trailer may have any name", () => {
  const trailers = ["__proto__", "1", "constructor", "2"];
  assert.deepEqual(decodeEndStream(encodeEndStream({ error: undefined, trailers }))?.trailers, trailers);
});

test("an error of null is none; one without a code is unknown", () => {
  assert.equal(decodeEndStream(bytes({ error: null }))?.error, undefined);
  for (const error of [{ message: "oops" }, { code: null }, { code: "foobar" }])
    assert.equal(decodeEndStream(bytes({ error }))?.error?.code, Code.Unknown);
});

test("what is no end of a stream is refused, and nothing throws", () => {
  for (const json of [
    null,
    [],
    1,
    { error: 5 },
    { metadata: [] },
    { metadata: { a: "b" } },
    { metadata: { a: [1] } },
    { metadata: { "a b": ["1"] } },
    { metadata: { a: ["日"] } },
    { metadata: { a: ["1\n"] } },
  ])
    assert.equal(decodeEndStream(bytes(json)), undefined, JSON.stringify(json));
  assert.equal(decodeEndStream(new TextEncoder().encode("{")), undefined);
  fc.assert(fc.property(fc.jsonValue(), (json) => (decodeEndStream(bytes(json)), true)));
});
