import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { runCli } from "./run-cli.test.ts";
import { describeStacks } from "./stack.ts";

const golden = new URL("../../testdata/stacks.txt", import.meta.url);

test("the stacks are those of the golden file (HEDDLE_UPDATE_GOLDEN=1 writes it)", () => {
  if (process.env["HEDDLE_UPDATE_GOLDEN"] === "1") writeFileSync(golden, describeStacks());
  assert.equal(describeStacks(), readFileSync(golden, "utf8"));
});

test("heddle stack prints them", async () => {
  const { code, stdout, stderr } = await runCli(["stack"]);
  assert.deepEqual([code, stdout, stderr], [0, readFileSync(golden, "utf8"), ""]);
});
