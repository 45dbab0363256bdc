import assert from "node:assert/strict";
import { test } from "node:test";
import { attachRecord, type CallRecord, recordOf } from "./record.ts";

const record: CallRecord = {
  id: "00f067aa0ba902b7",
  side: "client",
  startedAtMs: 0,
  repeatable: false,
  method: "a.B/C",
  target: "static:///x:1",
  status: "UNAVAILABLE",
  elapsedMs: 1,
  deadlineMs: 15_000,
  attempts: [],
};

test("a record is found by its error, and by nothing else", () => {
  const error = new Error("x");
  attachRecord(error, record);
  assert.equal(recordOf(error), record);
  for (const other of [new Error("x"), undefined, null, "x", 1]) assert.equal(recordOf(other), undefined);
});

test("a record does not show when the error is logged or serialised", () => {
  const error = new Error("x");
  attachRecord(error, record);
  assert.deepEqual(Object.keys(error), []);
});
