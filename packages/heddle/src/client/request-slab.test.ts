import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RequestSlab } from "./request-slab.ts";

test("every message keeps its bytes, whatever is encoded after it and however large it grows", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.integer({ min: 0, max: 9000 }), { maxLength: 4 }), { maxLength: 40 }),
      (messages) => {
        const slab = new RequestSlab();
        const kept = messages.map((pieces, number) => {
          slab.begin();
          for (const piece of pieces) {
            const at = slab.length;
            slab.ensure(piece);
            assert.equal(slab.length, at, "a writer goes on where it was");
            slab.bytes.fill(number + 1, at, at + piece);
            slab.length = at + piece;
          }
          return { bytes: slab.bytes, start: slab.start, end: slab.length };
        });
        for (const [number, { bytes, start, end }] of kept.entries()) {
          assert.equal(
            end - start,
            messages[number]?.reduce((sum, piece) => sum + piece, 0),
          );
          assert.ok(bytes.subarray(start, end).every((byte) => byte === number + 1));
        }
      },
    ),
  );
});

test("messages share a block, and a full one is replaced", () => {
  const slab = new RequestSlab();
  const blocks = new Set<Uint8Array>();
  for (let i = 0; i < 1000; i++) {
    slab.begin();
    slab.ensure(100);
    slab.length += 100;
    blocks.add(slab.bytes);
  }
  assert.equal(blocks.size, 4);
});
