// Proves that the ban list of .oxlintrc.json and the type-aware rules bite, and only where they should.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { root, toolPath } from "./workspace.mjs";

const src = "packages/heddle/src";

/** [file, its code, the rule it breaks or undefined] */
const cases = [
  [`${src}/client/a.ts`, "setTimeout(() => {}, 1);", "no-restricted-globals"],
  [`${src}/client/b.ts`, "setInterval(() => {}, 1);", "no-restricted-globals"],
  [`${src}/client/c.ts`, "setImmediate(() => {});", "no-restricted-globals"],
  [`${src}/client/d.ts`, "export const at = Date.now();", "no-restricted-properties"],
  [`${src}/client/e.ts`, "export const at = performance.now();", "no-restricted-properties"],
  [`${src}/client/f.ts`, "export const dice = Math.random();", "no-restricted-properties"],
  [
    `${src}/client/g.ts`,
    'import { setTimeout } from "node:timers/promises"; await setTimeout(1);',
    "no-restricted-imports",
  ],
  [`${src}/client/h.ts`, 'console.log("here");', "no-console"],
  [
    `${src}/client/i.ts`,
    "async function later(): Promise<void> {} export function now(): void { later(); }",
    "no-floating-promises",
  ],
  [`${src}/client/a.test.ts`, "setTimeout(() => console.log(Date.now()), 1);", undefined],
  [`${src}/client/b.test.ts`, 'import { test } from "node:test"; test("runs", async () => {});', undefined],
  [`${src}/runtime/a.ts`, "export const at = [Date.now(), performance.now(), Math.random()];", undefined],
  [`${src}/runtime/b.ts`, 'console.log("here");', "no-console"],
  [`${src}/cli/a.ts`, "setTimeout(() => console.log(Date.now()), 1);", undefined],
  ["examples/a.ts", "setTimeout(() => console.log(Math.random()), 1);", undefined],
];

test("every ban bites, and only where it should", (t) => {
  const tree = mkdtempSync(join(tmpdir(), "lint-rules-"));
  t.after(() => rmSync(tree, { recursive: true, force: true }));
  symlinkSync(join(root, "node_modules"), join(tree, "node_modules"));
  write(
    tree,
    "tsconfig.json",
    JSON.stringify({ extends: join(root, "tsconfig.base.json"), include: ["**/*.ts"] }),
  );
  for (const [file, code] of cases)
    write(tree, file, /\b(im|ex)port\b/.test(code) ? code : `${code}\nexport {};\n`);

  // The configuration at its usual place, since its patterns count from there.
  symlinkSync(join(root, ".oxlintrc.json"), join(tree, ".oxlintrc.json"));
  const { stdout, stderr } = spawnSync(toolPath("oxlint"), ["--type-aware", "--format=json"], {
    cwd: tree,
    encoding: "utf8",
  });
  const { diagnostics } = JSON.parse(stdout || assert.fail(stderr));

  for (const [file, code, rule] of cases) {
    const broken = diagnostics.filter(({ filename }) => filename === file).map((found) => found.code);
    if (rule)
      assert.ok(
        broken.some((name) => name.includes(rule)),
        `${file} breaks ${rule}: ${code} (${broken})`,
      );
    else assert.deepEqual(broken, [], `${file} breaks nothing: ${code}`);
  }
});

function write(tree, file, text) {
  mkdirSync(dirname(join(tree, file)), { recursive: true });
  writeFileSync(join(tree, file), text);
}
