import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Bulkhead } from "./bulkhead.ts";

test("as many as may be inside, and the next is let in by the one that leaves, in order", () => {
  const bulkhead = new Bulkhead({ maxConcurrent: 1, maxQueued: 2 });
  const log: string[] = [];
  const waiting = (name: string) => ({ onPlace: () => void log.push(name) });
  const [first, second, third] = [waiting("first"), waiting("second"), waiting("third")];
  assert.equal(bulkhead.tryEnter(), true);
  assert.equal(bulkhead.tryEnter(), false);
  assert.deepEqual([bulkhead.tryQueue(first), bulkhead.tryQueue(second)], [true, true]);
  assert.equal(bulkhead.tryQueue(third), false);
  bulkhead.withdraw(first);
  assert.equal(bulkhead.tryQueue(third), true);
  bulkhead.leave();
  bulkhead.leave();
  assert.deepEqual(log, ["second", "third"]);
  assert.equal(bulkhead.inside, 1);
  bulkhead.leave();
  assert.equal(bulkhead.inside, 0);
});

test("nobody waits by default", () => {
  const bulkhead = new Bulkhead({ maxConcurrent: 0 });
  assert.equal(bulkhead.tryEnter(), false);
  assert.equal(bulkhead.tryQueue({ onPlace: () => {} }), false);
});

test("never more inside or waiting than may be, and nobody is forgotten", () => {
  const limits = fc.record({ maxConcurrent: fc.nat({ max: 4 }), maxQueued: fc.nat({ max: 4 }) });
  fc.assert(
    fc.property(limits, fc.array(fc.constantFrom("come", "come", "leave", "give up")), (options, steps) => {
      const bulkhead = new Bulkhead(options);
      let inside = 0;
      const waiting: { onPlace(): void }[] = [];
      for (const step of steps) {
        if (step === "come" && bulkhead.tryEnter()) inside++;
        else if (step === "come") {
          const queued = {
            onPlace: () => {
              assert.equal(waiting.shift(), queued);
              inside++;
            },
          };
          if (bulkhead.tryQueue(queued)) waiting.push(queued);
        } else if (step === "leave" && inside > 0) {
          inside--;
          bulkhead.leave();
        } else if (step === "give up") {
          const gone = waiting.pop();
          if (gone !== undefined) bulkhead.withdraw(gone);
        }
        assert.equal(bulkhead.inside, inside);
        assert.equal(bulkhead.queued, waiting.length);
        assert.ok(inside <= options.maxConcurrent && waiting.length <= options.maxQueued);
        assert.ok(waiting.length === 0 || inside === options.maxConcurrent);
      }
    }),
  );
});

test("refuses settings that make no sense", () => {
  for (const options of [
    { maxConcurrent: -1 },
    { maxConcurrent: Number.NaN },
    { maxConcurrent: 1, maxQueued: -1 },
  ])
    assert.throws(() => new Bulkhead(options), RangeError);
});
