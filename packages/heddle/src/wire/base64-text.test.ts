import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { Base64Decoder, encodeBase64 } from "./base64-text.ts";

const text = (value: string) => Uint8Array.from(Buffer.from(value, "latin1"));

/** What a decoder makes of pieces; undefined when it refuses one or the text ends too early. */
function decode(pieces: readonly Uint8Array[]): Uint8Array | undefined {
  const decoder = new Base64Decoder();
  const decoded: Uint8Array[] = [];
  for (const piece of pieces) {
    const bytes = decoder.push(piece, 0, piece.length);
    if (bytes === undefined) return undefined;
    decoded.push(bytes);
  }
  return decoder.isAtBoundary ? Uint8Array.from(Buffer.concat(decoded)) : undefined;
}

test("segments, each with its padding, cut anywhere, are the bytes that they were", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), fc.array(fc.nat(200)), (segments, cuts) => {
      const whole = Uint8Array.from(Buffer.concat(segments.map(encodeBase64)));
      const edges = [0, ...cuts.filter((cut) => cut <= whole.length).sort((a, b) => a - b), whole.length];
      const pieces = edges.slice(1).map((edge, i) => whole.subarray(edges[i], edge));
      assert.deepEqual(decode(pieces), Uint8Array.from(Buffer.concat(segments)));
    }),
  );
});

test("text is what Node writes", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      assert.equal(
        Buffer.from(encodeBase64(bytes)).toString("latin1"),
        Buffer.from(bytes).toString("base64"),
      );
    }),
  );
});

test("what is no base64 is refused", () => {
  for (const bad of [
    "*",
    "AA-A",
    "=",
    "A=",
    "A===",
    "AA=A",
    "AAA=B".replace("B", "="),
    "AB==",
    "AAB=",
    "AAAA=",
    "AA A",
  ])
    assert.equal(decode([text(bad)]), undefined, bad);
  for (const early of ["A", "AA", "AAA", "AA="]) assert.equal(decode([text(early)]), undefined, early);
});

test("only the range that is given is read", () => {
  const decoder = new Base64Decoder();
  assert.deepEqual(decoder.push(text("**QUJD**"), 2, 6), Uint8Array.from(Buffer.from("ABC")));
});
