import { Code } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { test } from "node:test";
import { connectCodeName, connectCodeNamed, httpStatusOf } from "./connect-code.ts";

const codes = Object.values(Code).filter((code) => typeof code === "number");

test("every code has a word of its own, and the word stands for it", () => {
  const words = codes.map(connectCodeName);
  assert.equal(new Set(words).size, 16);
  assert.deepEqual(words.map(connectCodeNamed), codes);
  assert.deepEqual([Code.Canceled, Code.FailedPrecondition, Code.DataLoss].map(connectCodeName), [
    "canceled",
    "failed_precondition",
    "data_loss",
  ]);
});

test("a word that is none stands for nothing, and a number that is none is unknown", () => {
  for (const other of ["", "CANCELED", "cancelled", "constructor", 5, null, undefined, {}])
    assert.equal(connectCodeNamed(other), undefined);
  assert.equal(connectCodeName(99 as Code), "unknown");
  assert.equal(httpStatusOf(99 as Code), 500);
});

test("HTTP statuses are those of the protocol", () => {
  assert.deepEqual(
    codes.map(httpStatusOf),
    [499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401],
  );
});
