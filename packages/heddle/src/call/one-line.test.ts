import assert from "node:assert/strict";
import { test } from "node:test";
import { oneLine } from "./one-line.ts";

test("what others wrote stays on one line, commands no terminal and has an end", () => {
  assert.equal(oneLine("a\r\nheddle: all is well\u001b[2J\u2028b\u0000\tc"), "a heddle: all is well [2J b c");
  assert.equal(oneLine("x".repeat(5_000)).length, 2_001);
  assert.equal(oneLine("nothing unusual, “ü” 日本"), "nothing unusual, “ü” 日本");
});
