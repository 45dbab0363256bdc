import assert from "node:assert/strict";
import { test } from "node:test";
import { formatConnectTimeout, parseConnectTimeout } from "./connect-timeout.ts";

test("a timeout is up to ten digits", () => {
  assert.deepEqual(
    ["0", "1500", "9999999999", "0000000001"].map(parseConnectTimeout),
    [0, 1500, 9_999_999_999, 1],
  );
  for (const value of ["", "-1", "1.5", "1s", " 1", "1 ", "12345678901", "1e3", "0x10", "１"])
    assert.equal(parseConnectTimeout(value), undefined, value);
});

test("time that is left is never written as none", () => {
  assert.deepEqual([0.001, 0, -5, 1499.2, 1e12].map(formatConnectTimeout), [
    "1",
    "0",
    "0",
    "1500",
    "9999999999",
  ]);
});
