import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatTimeout, parseTimeout } from "./deadline.ts";

test("a timeout is written in the unit that loses nothing", () => {
  for (const [ms, text] of [
    [0, "0m"],
    [-5, "0m"],
    [0.2, "1m"],
    [1, "1m"],
    [999.1, "1S"],
    [1000, "1S"],
    [1001, "1001m"],
    [15_000, "15S"],
    [99_999_999, "99999999m"],
    [100_000_001, "100001S"],
    [99_999_999_000, "99999999S"],
    [99_999_999_001, "27778H"],
    [Number.MAX_SAFE_INTEGER, "99999999H"],
  ] as const) {
    assert.equal(formatTimeout(ms), text, `${ms} ms`);
  }
});

test("every unit is read", () => {
  for (const [text, ms] of [
    ["2H", 7_200_000],
    ["2M", 120_000],
    ["2S", 2000],
    ["2m", 2],
    ["2u", 0.002],
    ["2n", 0.000_002],
    ["99999999H", 359_999_996_400_000],
    ["0n", 0],
  ] as const) {
    assert.equal(parseTimeout(text), ms, text);
  }
});

test("what the specification does not allow is not read", () => {
  for (const text of ["", "S", "10", "-1S", "1.5S", "100000000m", "1s", " 1S", "1S ", "1SS", "１S", "1e3m"]) {
    assert.equal(parseTimeout(text), undefined, JSON.stringify(text));
  }
});

test("over the wire a timeout is never shorter, and at most one unit longer", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 99_999_999 * 3_600_000, noNaN: true }), (ms) => {
      const text = formatTimeout(ms);
      assert.match(text, /^[0-9]{1,8}[HSm]$/);
      const read = parseTimeout(text) as number;
      const unitMs = { H: 3_600_000, S: 1000, m: 1 }[text.at(-1) as "H" | "S" | "m"];
      assert.ok(read >= ms && read < ms + unitMs + 1000, `${ms} became ${text}`);
    }),
  );
});
