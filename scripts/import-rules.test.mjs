// Proves that every import rule bites: a small tree that breaks each of them once, and keeps them elsewhere.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { root } from "./workspace.mjs";

const src = "packages/heddle/src";

/** [file, its import, the rule it breaks or undefined] */
const cases = [
  [`${src}/runtime/a.ts`, 'import "../call/word.ts";', "level-of-runtime"],
  [`${src}/call/a.ts`, 'import "../wire/word.ts";', "level-of-call"],
  [`${src}/balance/a.ts`, 'import "../resilience/word.ts";', "level-of-balance"],
  [`${src}/balance/b.ts`, 'import "../runtime/word.ts";', undefined],
  [`${src}/balance/c.ts`, 'import "node:net";', "pure-folders-use-no-node-module"],
  [`${src}/balance/c.test.ts`, 'import "node:net";', undefined],
  [`${src}/resilience/c.ts`, 'import { readFileSync } from "fs";', "pure-folders-use-no-node-module"],
  [`${src}/policy/c.ts`, 'export const load = () => import("node:fs");', "pure-folders-use-no-node-module"],
  [`${src}/contract/c.ts`, 'import type { Socket } from "node:net";', "pure-folders-use-no-node-module"],
  [`${src}/telemetry/a.ts`, 'import "../health/word.ts";', "level-of-telemetry"],
  [`${src}/identity/a.ts`, 'import "../connection/word.ts";', "level-of-identity"],
  [`${src}/wire/a.ts`, 'import "../contract/word.ts";', "level-of-wire"],
  [`${src}/wire/b.ts`, 'import type { Word } from "../contract/word.ts";', undefined],
  [`${src}/wire/c.ts`, 'import type { Word } from "../balance/word.ts";', "level-of-wire-types"],
  [`${src}/wire/d.ts`, 'import "node:zlib";', "pure-folders-use-no-node-module"],
  [`${src}/wire/compression.ts`, 'import "node:zlib"; import "node:fs";', "compression-uses-only-zlib"],
  [`${src}/connection/a.ts`, 'import "../client/word.ts";', "level-of-connection"],
  [`${src}/discovery/a.ts`, 'import "../connection/word.ts";', "level-of-discovery"],
  [`${src}/client/a.ts`, 'import type { Word } from "../server/word.ts";', "level-of-client"],
  [`${src}/client/b.ts`, 'import "../gen/word.ts";', undefined],
  [`${src}/server/a.ts`, 'import "../client/word.ts";', "level-of-server"],
  [`${src}/control/agent/a.ts`, 'import "../plane/word.ts";', "level-of-control/agent"],
  [`${src}/control/agent/a.test.ts`, 'import "../plane/word.ts";', undefined],
  [`${src}/control/plane/a.ts`, 'import "../../mesh.ts";', "level-of-control/plane"],
  [`${src}/control/index.ts`, 'import "./plane/word.ts"; import "./agent/word.ts";', undefined],
  [`${src}/mesh.ts`, 'import "./control/plane/word.ts";', "level-of-mesh.ts"],
  [`${src}/index.ts`, 'import "./control/plane/word.ts";', "level-of-index.ts"],
  [`${src}/cli/a.ts`, 'import "../control/plane/word.ts";', undefined],
  [`${src}/testing/a.ts`, 'import "../cli/word.ts";', "nothing-imports-cli"],
  [`${src}/helpers/a.ts`, 'import "../call/word.ts";', "unknown-folder"],
  [`${src}/health/a.ts`, 'import "./a.test.ts";', "only-tests-import-tests"],
  [`${src}/health/a.test.ts`, "", undefined],
  [`${src}/events/a.ts`, 'import "./b.ts";', "no-cycle"],
  [`${src}/events/b.ts`, 'import "./a.ts";', undefined],
  [`${src}/events/c.ts`, 'import type { D } from "./d.ts"; export type C = D;', undefined],
  [`${src}/events/d.ts`, 'import type { C } from "./c.ts"; export type D = C;', undefined],
  ["bench/a.ts", 'import "../packages/heddle/src/call/word.ts";', "outside-uses-the-public-surface"],
  ["examples/a.ts", 'import "../packages/heddle/dist/call/word.js";', "outside-uses-the-public-surface"],
  ["test/a.ts", 'import "../packages/heddle/dist/client/index.js";', undefined],
  ["test/fuzz/a.ts", 'import "../../packages/heddle/src/call/word.ts";', undefined],
  ["packages/heddle/dist/call/word.js", "", undefined],
  ["packages/heddle/dist/client/index.js", "", undefined],
];

/** What the cases import. */
const targets =
  "call wire resilience runtime health connection contract balance client server gen control/agent control/plane cli";

test("every import rule bites, and only where it should", async (t) => {
  const tree = mkdtempSync(join(tmpdir(), "import-rules-"));
  t.after(() => rmSync(tree, { recursive: true, force: true }));
  for (const folder of targets.split(" "))
    write(tree, `${src}/${folder}/word.ts`, "export type Word = string;");
  for (const [file, code] of cases) write(tree, file, code);

  const violations = await cruise(tree);

  for (const [file, code, rule] of cases) {
    const broken = violations
      .filter((violation) => violation.from === file)
      .map(({ rule: { name } }) => name);
    if (rule) assert.ok(broken.includes(rule), `${file} breaks ${rule}: ${code} (${broken})`);
    else assert.deepEqual(broken, [], `${file} breaks nothing: ${code}`);
  }
});

function write(tree, file, code) {
  mkdirSync(dirname(join(tree, file)), { recursive: true });
  writeFileSync(join(tree, file), `${code}\nexport {};\n`);
}

function cruise(tree) {
  const folders = ["packages", "bench", "examples", "test"];
  const options = ["--config", join(root, ".dependency-cruiser.mjs"), "--output-type", "json"];
  const args = [join(root, "scripts/cruise.mjs"), ...options, ...folders];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { cwd: tree, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      if (stdout === "") reject(new Error(stderr, { cause: error }));
      else resolve(JSON.parse(stdout).summary.violations);
    });
  });
}
