import assert from "node:assert/strict";
import { test } from "node:test";
import { createShrinkGuard } from "./shrink-guard.ts";

test("up to half may go at once, more may not", () => {
  assert.equal(createShrinkGuard().believes(5, 0, 10, 0), true);
  assert.equal(createShrinkGuard().believes(6, 0, 10, 0), false);
});

test("small sets are not guarded", () => {
  assert.equal(createShrinkGuard().believes(3, 0, 3, 0), true);
  assert.equal(createShrinkGuard().believes(3, 0, 4, 0), false);
});

test("endpoints that are replaced are no loss", () => {
  assert.equal(createShrinkGuard().believes(10, 10, 10, 0), true);
  assert.equal(createShrinkGuard().believes(10, 4, 10, 0), false);
});

test("a burst of single losses is one loss, and losses far apart are many", () => {
  const burst = createShrinkGuard();
  const believed = Array.from({ length: 10 }, (_, n) => burst.believes(1, 0, 10 - n, n * 50));
  assert.deepEqual(believed, [...Array(5).fill(true), ...Array(5).fill(false)]);
  const slow = createShrinkGuard();
  assert.ok(Array.from({ length: 10 }, (_, n) => slow.believes(1, 0, 10 - n, n * 1_000)).every(Boolean));
});

test("what came just before does not make a loss smaller", () => {
  const guard = createShrinkGuard();
  guard.believes(0, 10, 0, 0);
  assert.equal(guard.believes(8, 0, 10, 100), false);
});

test("what comes is never in doubt", () => {
  const guard = createShrinkGuard();
  assert.equal(guard.believes(9, 0, 10, 0), false);
  assert.equal(guard.believes(0, 1, 10, 1), true);
});

test("the numbers can be set", () => {
  const guard = createShrinkGuard({ share: 0.1, minimum: 2, windowMs: 10 });
  assert.equal(guard.believes(1, 0, 2, 0), false);
  assert.equal(guard.believes(1, 0, 20, 10), true);
});
