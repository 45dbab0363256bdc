import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { findErrorPageProblems } from "./error-pages.mjs";
import { root } from "./workspace.mjs";

test("the pages of the errors fit the catalogue", () => {
  assert.deepEqual(findErrorPageProblems(), []);
});

test("a missing page, a page without a code, and a wrong first line are found", () => {
  const folder = mkdtempSync(join(tmpdir(), "error-pages-"));
  try {
    cpSync(join(root, "docs/errors"), folder, { recursive: true });
    rmSync(join(folder, "HDL-1001.md"));
    writeFileSync(join(folder, "HDL-9999.md"), "# HDL-9999 nothing (OK)\n");
    writeFileSync(join(folder, "HDL-2101.md"), "# HDL-2101 noInstance (INTERNAL)\n");
    const problems = findErrorPageProblems(folder).join("\n");
    for (const expected of [
      /HDL-1001\.md: the page of targetInvalid is missing/,
      /HDL-9999\.md: the catalogue has no such code/,
      /HDL-2101\.md: the first line/,
      /HDL-2101\.md: no example/,
    ]) {
      assert.match(problems, expected);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
