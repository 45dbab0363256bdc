import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { GrowingBody } from "./growing-body.ts";

test("a body in one piece is used where it lies", () => {
  const received = Uint8Array.of(1, 2, 3, 4, 5);
  const body = new GrowingBody();
  body.push(received, 1, 4);
  body.push(received, 5, 5);
  assert.deepEqual(body.whole(), Uint8Array.of(2, 3, 4));
  assert.equal(body.whole().buffer, received.buffer);
  assert.deepEqual(new GrowingBody().whole(), new Uint8Array(0));
});

test("however it is cut, the whole is what has come, and no received array is written to", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 20 }), (pieces) => {
      const before = pieces.map((piece) => piece.slice());
      const body = new GrowingBody();
      for (const piece of pieces) body.push(piece, 0, piece.length);
      const whole = Uint8Array.from(before.flatMap((piece) => [...piece]));
      assert.equal(body.length, whole.length);
      assert.deepEqual(body.whole(), whole);
      assert.deepEqual(pieces, before);
    }),
  );
});
