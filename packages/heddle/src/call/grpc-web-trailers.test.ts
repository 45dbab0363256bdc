import { trailerParse, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeGrpcWebTrailers, encodeGrpcWebTrailers } from "./grpc-web-trailers.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

test("trailers are lines, as Connect reads and writes them", () => {
  const payload = encodeGrpcWebTrailers([
    "grpc-status",
    "9",
    "grpc-message",
    "no: cover",
    "x-a",
    "1",
    "x-a",
    "2",
  ]);
  assert.equal(
    new TextDecoder().decode(payload),
    "grpc-status: 9\r\ngrpc-message: no: cover\r\nx-a: 1\r\nx-a: 2\r\n",
  );
  assert.equal(trailerParse(payload).get("x-a"), "1, 2");
  assert.deepEqual(decodeGrpcWebTrailers(trailerSerialize(new Headers({ "X-B": "c" }))), ["x-b", "c"]);
});

test("names may come in any case, values with or without space, lines with or without CR", () => {
  assert.deepEqual(decodeGrpcWebTrailers(bytes("Grpc-Status:0\r\nX-A:  b \nx-c:")), [
    "grpc-status",
    "0",
    "x-a",
    "b",
    "x-c",
    "",
  ]);
  assert.deepEqual(decodeGrpcWebTrailers(new Uint8Array(0)), []);
});

test("a line that is no field is refused, and nothing throws", () => {
  for (const text of ["grpc-status", ": 0", "grpc status: 0", "x: a\rb", "x: a\0"])
    assert.equal(decodeGrpcWebTrailers(bytes(text)), undefined, JSON.stringify(text));
  fc.assert(fc.property(fc.uint8Array(), (payload) => (decodeGrpcWebTrailers(payload), true)));
});

test("values are shown as `Headers`, whatever octets they have", () => {
  const trailers = decodeGrpcWebTrailers(bytes("x-a: é日\r\n"));
  assert.deepEqual(trailers, ["x-a", "\u00c3\u00a9\u00e6\u0097\u00a5"]);
  assert.equal(new Headers([trailers as [string, string]]).get("x-a"), trailers?.[1]);
  assert.deepEqual(decodeGrpcWebTrailers(encodeGrpcWebTrailers(trailers ?? [])), trailers);
});
