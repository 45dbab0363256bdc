import assert from "node:assert/strict";
import { test } from "node:test";
import { table } from "./table.ts";

test("columns are as wide as what stands in them", () => {
  assert.equal(
    table(
      ["A", "B"],
      [
        ["one", "1"],
        ["four", ""],
      ],
    ),
    "A     B\none   1\nfour\n",
  );
});

test("a row is a line without commands for the terminal, whatever others wrote", () => {
  const written = table(["A"], [["x\u001b]0;title\u0007\nno breaking changes"]]);
  assert.equal(written, "A\nx ]0;title no breaking changes\n");
});
