/**
 * Runs the guides: their `ts` blocks marked `<!-- run -->`, each as a program of its own, in the folder of the smallest
 * example, whose generated service they use. Such a program asserts by itself, and says nothing.
 */
import { globSync, readFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = new URL("../", import.meta.url);
const cwd = fileURLToPath(new URL("examples/greeter/", root));

for (const guide of globSync("docs/guides/**/*.md", { cwd: fileURLToPath(root) }).sort()) {
  const text = readFileSync(new URL(guide, root), "utf8");
  const blocks = [...text.matchAll(/<!-- run -->\n```ts\n([\s\S]*?)\n```/g)].map(([, block = ""]) => block);
  for (const [number, block] of blocks.entries()) {
    test(`block ${number + 1} of ${guide} runs`, () => {
      const { status, stderr, stdout } = spawnSync(
        process.execPath,
        ["--input-type=module-typescript", "--eval", block],
        { cwd, encoding: "utf8", timeout: 30_000 },
      );
      assert.equal(status, 0, `${stdout}${stderr}`);
      assert.equal(`${stdout}${stderr}`, "");
    });
  }
}
