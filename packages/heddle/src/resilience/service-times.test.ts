import assert from "node:assert/strict";
import { test } from "node:test";
import { ServiceTimes } from "./service-times.ts";

function filled(ms: (i: number) => number): ServiceTimes {
  const times = new ServiceTimes();
  for (let i = 0; i < 64; i++) times.add(i, ms(i));
  return times;
}

test("nothing is too late while little is known", () => {
  const times = new ServiceTimes();
  for (let i = 0; i < 16; i++) times.add(i, 100);
  assert.equal(times.lowMs, 0);
  assert.equal(times.isTooLate(20, 1), false);
});

test("a call is too late with less time than nine of ten took", () => {
  const times = filled((i) => 100 + i);
  assert.equal(times.lowMs, 106);
  assert.equal(times.isTooLate(64, 105), true);
  assert.equal(times.isTooLate(64, 107), false);
});

test("one of ten is let through, and what is old is forgotten, so that a method that became faster is seen", () => {
  const times = filled(() => 100);
  const refused = Array.from({ length: 100 }, () => times.isTooLate(64, 50)).filter(Boolean).length;
  assert.equal(refused, 90);
  assert.equal(times.isTooLate(10_100, 50), false);
  assert.equal(times.lowMs, 0);
});

test("of a busy method one call in eight is measured", () => {
  const times = new ServiceTimes();
  const wanted = Array.from({ length: 1064 }, () => times.wantsSample());
  assert.ok(wanted.slice(0, 64).every(Boolean));
  assert.equal(wanted.slice(64).filter(Boolean).length, 125);
});
