import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeBinaryHeader, encodeBinaryHeader } from "@connectrpc/connect";
import fc from "fast-check";
import { isHeddleError } from "./errors.ts";
import { findField, isReserved, toFields, toHeaders } from "./metadata.ts";

test("what the protocol writes itself cannot be forged by metadata", () => {
  for (const name of [
    ":path",
    "grpc-status",
    "grpc-timeout",
    "content-type",
    "te",
    "trailer",
    "expect",
    "host",
    "connection",
    "user-agent",
    "accept-encoding",
    "content-encoding",
    "content-length",
    "connect-timeout-ms",
    "connect-protocol-version",
  ]) {
    assert.equal(isReserved(name), true, name);
  }
  for (const name of [
    "authorization",
    "x-tenant",
    "trace-bin",
    "grpcish",
    "connection-id",
    "accept-language",
    "traceparent",
  ]) {
    assert.equal(isReserved(name), false, name);
  }
  const headers = new Headers({
    "Content-Type": "text/plain",
    "Grpc-Timeout": "1H",
    "User-Agent": "me",
    "X-Tenant": "a",
  });
  assert.deepEqual(toFields(headers), ["x-tenant", "a"]);
});

test("received fields become headers without those of the protocol; repeated ones are joined", () => {
  const headers = toHeaders([
    ":status",
    "200",
    "grpc-status",
    "0",
    "x-a",
    "1",
    "content-type",
    "application/grpc",
    "x-a",
    "2",
  ]);
  assert.deepEqual([...headers], [["x-a", "1, 2"]]);
});

test("a value outside printable ASCII is refused by name", () => {
  for (const value of ["caf\u00e9", "a\u0001b", "\u007f"]) {
    assert.throws(
      () => toFields(new Headers({ "x-note": value })),
      (error) =>
        isHeddleError(error) &&
        error.reason === "metadataInvalid" &&
        error.rawMessage.includes('"x-note"') &&
        !error.rawMessage.includes(value),
    );
  }
});

test("the first value of a field is found", () => {
  assert.equal(findField(["a", "1", "b", "2", "a", "3"], "a"), "1");
  assert.equal(findField(["a", "b"], "b"), undefined);
});

test("printable text and any bytes survive the way out and in", () => {
  const printable = fc.string({
    unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
  });
  fc.assert(
    fc.property(printable, fc.uint8Array(), (text, bytes) => {
      const sent = new Headers({ "x-text": text, "x-data-bin": encodeBinaryHeader(bytes) });
      const received = toHeaders(toFields(sent));
      assert.equal(received.get("x-text"), text.trim());
      assert.deepEqual(decodeBinaryHeader(received.get("x-data-bin") ?? ""), bytes);
    }),
  );
});
