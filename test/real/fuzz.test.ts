/** A minute of fuzzing, shared by all targets, from the seed of the run. `npm run fuzz` does it for ten minutes each. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { targetNames } from "../fuzz/target.ts";

const main = fileURLToPath(new URL("../fuzz/main.ts", import.meta.url));

it("a minute of input that is broken in many ways breaks nothing", { timeout: 180_000 }, async () => {
  const seconds = String(60 / targetNames.length);
  const seed = process.env.HEDDLE_TEST_SEED ?? "1";
  const { stdout } = await promisify(execFile)(process.execPath, [
    main,
    "--seconds",
    seconds,
    `--seed=${seed}`,
  ]);
  for (const name of targetNames) assert.match(stdout, new RegExp(`^${name}: [\\d,]+ inputs`, "m"));
});
