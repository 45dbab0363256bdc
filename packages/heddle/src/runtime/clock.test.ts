import assert from "node:assert/strict";
import { it } from "node:test";
import { systemClock } from "./clock.ts";

it("the system clock never goes back, and its wall time is that of Date", () => {
  let lastMs = systemClock.now();
  for (let i = 0; i < 10_000; i++) {
    const nowMs = systemClock.now();
    assert.ok(nowMs >= lastMs);
    lastMs = nowMs;
  }
  assert.ok(Math.abs(systemClock.wallMs() - Date.now()) < 1000);
});
