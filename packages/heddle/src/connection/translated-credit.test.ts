import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TranslatedCredit } from "./translated-credit.ts";

const messages = fc.array(
  fc.record({ came: fc.integer({ min: 1, max: 5000 }), passed: fc.integer({ min: 1, max: 5000 }) }),
  { minLength: 1, maxLength: 50 },
);

test("what is given back is never more than what came, and all of it in the end", () => {
  fc.assert(
    fc.property(messages, fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1 }), (all, takes) => {
      const credit = new TranslatedCredit();
      let came = 0;
      let passed = 0;
      let given = 0;
      for (const [i, message] of all.entries()) {
        credit.came(message.came);
        credit.passed(message.passed);
        came += message.came;
        passed += message.passed;
        const taken = Math.min(passed, takes[i % takes.length] as number);
        const before = passed;
        given += credit.release(taken);
        passed -= taken;
        assert.ok(given <= came);
        // Who has read a part has made room for that part.
        if (before > 0 && passed > 0) assert.ok(given < came);
        assert.equal(credit.releaseUnread(), 0);
      }
      given += credit.release(passed);
      assert.equal(given, came);
    }),
  );
});

test("what is no whole message yet is given back when the reader has nothing else", () => {
  const credit = new TranslatedCredit();
  credit.came(100);
  assert.equal(credit.releaseUnread(), 100);
  credit.came(50);
  credit.passed(200);
  assert.equal(credit.releaseUnread(), 0);
  assert.deepEqual([credit.release(100), credit.release(100)], [25, 25]);
});
