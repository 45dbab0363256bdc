/** A minute of fuzzing, shared by all targets. `npm run fuzz` does it for ten minutes each. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { targetNames } from "../fuzz/target.ts";

const main = fileURLToPath(new URL("../fuzz/main.ts", import.meta.url));

it("a minute of input that is broken in new ways breaks nothing", { timeout: 180_000 }, async () => {
  const seconds = String(60 / targetNames.length);
  const { stdout } = await promisify(execFile)(process.execPath, [main, "--seconds", seconds]);
  for (const name of targetNames) assert.match(stdout, new RegExp(`^${name}: [\\d,]+ inputs`, "m"));
});
