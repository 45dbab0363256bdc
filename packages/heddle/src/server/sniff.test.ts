import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SNIFF_BYTES, type Sniffed, sniff } from "./sniff.ts";

const cases: readonly (readonly [string, string, Sniffed | undefined])[] = [
  ["nothing yet", "", undefined],
  ["a TLS hello", "\x16\x03\x01\x02\x00\x01", "tls"],
  ["the first byte of a TLS hello", "\x16", undefined],
  ["a record that is no TLS", "\x16\x02\x01", "unknown"],
  ["the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2"],
  ["the beginning of the preface", "PRI", undefined],
  ["a word that begins like the preface", "PRIOR / HTTP/1.1", "unknown"],
  ["a preface that is none", "INVALID CONNECTION PREFACE\r\n\r\n", "unknown"],
  ["GET", "GET / HTTP/1.1\r\n", "http1"],
  ["one letter", "G", undefined],
  ["a method and no space", "PATCH", undefined],
  ["a longer word", "POSTAL", "unknown"],
  ["POST", "POST /a.B/C HTTP/1.1\r\n", "http1"],
  ["a method in lower case", "get / HTTP/1.1", "unknown"],
  ["an empty line before the request", "\r\nGET / HTTP/1.1", "unknown"],
  ["Redis", "*1\r\n$4\r\nPING\r\n", "unknown"],
  ["frames without the preface", "\0\0\0\x04\0\0\0\0\0", "unknown"],
];

for (const [what, bytes, expected] of cases) {
  test(`${what}: ${expected ?? "undecided"}`, () =>
    assert.equal(sniff(Buffer.from(bytes, "latin1")), expected));
}

test("so many bytes always decide, and more change nothing", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: SNIFF_BYTES, maxLength: 64 }), (bytes) => {
      const decision = sniff(bytes);
      assert.notEqual(decision, undefined);
      for (let length = 0; length < bytes.length; length++)
        assert.ok([undefined, decision].includes(sniff(bytes.subarray(0, length))));
    }),
  );
});
