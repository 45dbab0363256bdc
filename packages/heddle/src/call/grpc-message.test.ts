import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeGrpcMessage, encodeGrpcMessage } from "./grpc-message.ts";

const anyText = fc.string({ unit: "binary", maxLength: 300 });

test("any text survives, and travels as printable ASCII", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const encoded = encodeGrpcMessage(text);
      assert.match(encoded, /^[\x20-\x7e]*$/);
      assert.doesNotMatch(encoded, /^ | $/, "a field value must not begin or end with a space");
      assert.equal(decodeGrpcMessage(encoded), text.toWellFormed());
    }),
  );
});

test("known forms", () => {
  assert.equal(encodeGrpcMessage("sold out"), "sold out");
  assert.equal(encodeGrpcMessage("100 %"), "100 %25");
  assert.equal(encodeGrpcMessage(" a b "), "%20a b%20");
  assert.equal(encodeGrpcMessage(" "), "%20");
  assert.equal(encodeGrpcMessage("a\r\nb"), "a%0D%0Ab");
  assert.equal(encodeGrpcMessage("½"), "%C2%BD");
  assert.equal(decodeGrpcMessage("%EF%BB%BFx"), "\ufeffx");
  assert.equal(encodeGrpcMessage("\ud800"), "%EF%BF%BD");
});

test("damaged encodings stay as they are, and nothing throws", () => {
  assert.equal(decodeGrpcMessage("50%"), "50%");
  assert.equal(decodeGrpcMessage("%zz%4"), "%zz%4");
  assert.equal(decodeGrpcMessage("%C3"), "\ufffd");
  fc.assert(fc.property(anyText, (text) => typeof decodeGrpcMessage(text) === "string"));
});

test("a long text is cut between characters", () => {
  const prefixes = fc.integer({ min: 0, max: 12 }).map((length) => "x".repeat(length));
  fc.assert(
    fc.property(prefixes, fc.constantFrom("a", "%", "é", "日", "😀"), (prefix, character) => {
      const text = prefix + character.repeat(5000);
      const encoded = encodeGrpcMessage(text);
      assert.ok(encoded.length <= 4096 && encoded.length > 4096 - 12);
      const decoded = decodeGrpcMessage(encoded);
      assert.ok(text.startsWith(decoded), "what arrives is a beginning of what was sent");
      assert.ok(!decoded.includes("\ufffd"));
    }),
    { numRuns: 50 },
  );
});
