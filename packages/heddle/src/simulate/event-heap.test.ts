import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createEventHeap } from "./event-heap.ts";

describe("event heap", () => {
  it("gives back what is added by time, and by order of adding where times are equal", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1, max: 20 }), { maxLength: 400 }), (steps) => {
        const heap = createEventHeap();
        let model: { atNs: number; a: number }[] = [];
        steps.forEach((step, index) => {
          // A step of -1 takes, any other adds at that time.
          if (step >= 0) {
            heap.add(step, index % 7, index, index + 1);
            model = [...model, { atNs: step, a: index }].sort((x, y) => x.atNs - y.atNs || x.a - y.a);
          } else if (model.length > 0) {
            assert.equal(heap.nextNs, model[0]?.atNs);
            heap.take();
            const { a } = model.shift() as { a: number };
            assert.deepEqual([heap.kind, heap.a, heap.b], [a % 7, a, a + 1]);
          }
          assert.equal(heap.size, model.length);
        });
      }),
    );
  });

  it("grows, and is at infinity when empty", () => {
    const heap = createEventHeap();
    assert.equal(heap.nextNs, Number.POSITIVE_INFINITY);
    for (let i = 0; i < 5000; i++) heap.add((i * 7919) % 5000, 0, i, 0);
    for (let at = 0; at < 5000; at++) {
      assert.equal(heap.nextNs, at);
      heap.take();
      assert.equal((heap.a * 7919) % 5000, at);
    }
    assert.equal(heap.nextNs, Number.POSITIVE_INFINITY);
  });
});
