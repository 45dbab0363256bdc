import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { readConnectQuery, writeConnectQuery } from "./connect-query.ts";

const json = new TextEncoder().encode('{"name":"Ada & Grace + é"}');

test("JSON stands in the query as it is, in the one order that there is", () => {
  const query = writeConnectQuery("json", json);
  assert.equal(
    query,
    "connect=v1&encoding=json&message=%7B%22name%22%3A%22Ada%20%26%20Grace%20%2B%20%C3%A9%22%7D",
  );
  assert.deepEqual(readConnectQuery(query), {
    version: "v1",
    encoding: "json",
    compression: "identity",
    message: json,
  });
});

test("bytes stand there as base64 of URLs, compressed or not", () => {
  const message = Uint8Array.of(0xfb, 0xff, 0xfe, 1);
  assert.equal(writeConnectQuery("proto", message), "connect=v1&base64=1&encoding=proto&message=-__-AQ");
  assert.equal(
    writeConnectQuery("json", message, "gzip"),
    "connect=v1&base64=1&compression=gzip&encoding=json&message=-__-AQ",
  );
  for (const value of ["-__-AQ", "-__-AQ==", "+//+AQ==", "%2B%2F%2F%2BAQ%3D%3D"])
    assert.deepEqual(readConnectQuery(`base64=1&message=${value}`).message, message, value);
});

test("any message comes back", () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.constantFrom("gzip", undefined), (message, compression) => {
      const read = readConnectQuery(writeConnectQuery("proto", message, compression));
      assert.deepEqual(read, {
        version: "v1",
        encoding: "proto",
        compression: compression ?? "identity",
        message,
      });
    }),
  );
});

test("what is missing or damaged is told apart from an empty message, and nothing throws", () => {
  assert.equal(readConnectQuery("connect=v1&encoding=proto").message, undefined);
  assert.equal(readConnectQuery("base64=1&message=*").message, undefined);
  assert.deepEqual(readConnectQuery("message=").message, new Uint8Array(0));
  assert.deepEqual(readConnectQuery("compression=").compression, "identity");
  fc.assert(fc.property(fc.string(), (query) => (readConnectQuery(query), true)));
});
