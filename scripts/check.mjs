// `npm run check`: every gate but the tests. One line a gate with its time; the whole output of a gate that
// fails. Arguments name the gates to run (`npm run check -- lint imports`).

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { delimiter, join } from "node:path";
import { cacheDirectory, listFiles, protoModules, root } from "./workspace.mjs";

const packFolder = join(cacheDirectory, "pack");
const isPresent = (folder) => existsSync(join(root, folder));
const sources = ["packages/heddle/src", "examples", "bench", "test"].filter(isPresent);
const protos = protoModules.map((module) => module.proto).filter((path) => listFiles(path).length > 0);

// The slow ones first. A gate is a list of commands that run one after another and stop at the first failure.
const gates = {
  types: [["tsc", "-b", "packages/heddle/tsconfig.build.json", "packages/heddle", "."]],
  lint: [["oxlint", "--type-aware", "--deny-warnings"]],
  package: [
    [
      "npm",
      "pack",
      "--silent",
      "--ignore-scripts",
      "--workspace",
      "heddle",
      "--pack-destination",
      packFolder,
    ],
    () => ["publint", "run", "--strict", packedFile()],
    () => ["attw", "--profile", "esm-only", "--format", "ascii", packedFile()],
  ],
  imports: [["node", "scripts/cruise.mjs", "--config", ".dependency-cruiser.mjs", ...sources]],
  unused: [["knip", "--no-progress"]],
  api: [["node", "scripts/api-report.mjs"]],
  proto: protos.map((path) => ["buf", "lint", path]),
  format: [["biome", "format", "."]],
  docs: [
    ["node", "scripts/check-docs.mjs"],
    ["node", "scripts/dashboards.mjs"],
  ],
  lockfile: [["node", "scripts/check-lockfile.mjs"]],
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in gates));
if (unknown.length > 0) {
  console.error(`No gate ${unknown.join(", ")}. There are: ${Object.keys(gates).join(", ")}.`);
  process.exit(2);
}

rmSync(packFolder, { recursive: true, force: true });
mkdirSync(packFolder, { recursive: true });
const queue = Object.keys(gates).filter((name) => wanted.length === 0 || wanted.includes(name));
const failed = [];
await Promise.all(Array.from({ length: availableParallelism() }, work));
if (failed.length > 0) {
  console.error(`check failed: ${failed.join(", ")}`);
  process.exitCode = 1;
}

async function work() {
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    const started = Date.now();
    const output = await runGate(gates[name]);
    const time = `${((Date.now() - started) / 1000).toFixed(1)} s`;
    console.log(`${output === undefined ? "✓" : "✗"} ${name.padEnd(10)} ${time}`);
    if (output === undefined) continue;
    console.log(output.trimEnd());
    failed.push(name);
  }
}

/** What a failing gate printed, or undefined when all its commands succeeded. */
async function runGate(commands) {
  for (const command of commands) {
    const [program, ...args] = typeof command === "function" ? command() : command;
    const { code, output } = await run(program, args);
    if (code !== 0) return `$ ${program} ${args.join(" ")}\n${output}`;
  }
  return undefined;
}

function run(program, args) {
  const path = `${join(root, "node_modules", ".bin")}${delimiter}${process.env.PATH}`;
  const child = spawn(program, args, {
    cwd: root,
    env: { ...process.env, PATH: path, NO_COLOR: "1", FORCE_COLOR: "0" },
  });
  return new Promise((resolve) => {
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
    child.on("error", (error) => resolve({ code: 1, output: String(error) }));
    child.on("close", (code) => resolve({ code, output }));
  });
}

function packedFile() {
  return join(packFolder, readdirSync(packFolder)[0]);
}
