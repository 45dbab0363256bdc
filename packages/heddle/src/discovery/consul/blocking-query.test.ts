import assert from "node:assert/strict";
import { test } from "node:test";
import { blockingTimeoutMs, createQueryPacer, nextIndex } from "./blocking-query.ts";

test("an index goes on, begins anew when it went back, and is never below 1", () => {
  assert.equal(nextIndex(undefined, "5"), 5n);
  assert.equal(nextIndex(5n, "5"), 5n);
  assert.equal(nextIndex(5n, "18446744073709551615"), 18446744073709551615n);
  assert.equal(nextIndex(5n, "4"), undefined);
  assert.equal(nextIndex(5n, "0"), 1n);
  for (const bad of [undefined, "", "-1", "x", "1.5"]) assert.equal(nextIndex(5n, bad), undefined);
});

test("a query may take a sixteenth longer than it waits, and the network's time", () => {
  assert.equal(blockingTimeoutMs(160_000, 3_000), 173_000);
});

test("answers without news are limited strictly, those with news leniently", () => {
  const pacer = createQueryPacer();
  const passed = (hadNews: boolean, untilMs: number) => {
    let count = 0;
    for (let nowMs = 0; nowMs < untilMs; nowMs += 10) if (!pacer.mustPause(hadNews, nowMs)) count++;
    return count;
  };
  assert.equal(passed(false, 10_000), 2 + 4);
  assert.equal(passed(true, 1_000), 20 + 19);
});
