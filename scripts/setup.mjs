// The one set-up step. `npm start`, `npm test`, `npm run check` and the rest run it first: it installs what the
// lockfile asks for, generates code from .proto files and builds the package, each only when it is stale, and
// says nothing when there is nothing to do. It is plain JavaScript because in a fresh clone the machine's own
// Node, which may be old, has to run it.
//
// Why `npm install --no-save` and not `npm ci`: `ci` refuses a lockfile written where the registry lacks the
// binaries of other platforms, and deletes node_modules under the processes that use it. Install scripts never
// run: no dependency of ours needs one. (`ignore-scripts` in an .npmrc would switch off `prestart` too.)

import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { generateModule, staleModules } from "./generate.mjs";
import * as workspace from "./workspace.mjs";

const { root, toolPath } = workspace;

// In the order they depend on each other.
const steps = [
  { name: "packages", isStale: () => missingPackages().length > 0, run: installPackages },
  { name: "node", isStale: () => workspace.readStamp("node") !== nodeStamp(), run: checkNode },
  {
    name: "generated code",
    isStale: () => staleModules().length > 0,
    run: () => staleModules().forEach(generateModule),
  },
  {
    name: "build",
    isStale: () =>
      !existsSync(join(root, "packages/heddle/dist")) || workspace.readStamp("build") !== buildStamp(),
    run: build,
  },
];

try {
  if (steps.some((step) => step.isStale())) await withLock(runStale);
} catch (error) {
  const output = [error.stdout, error.stderr].map((text) => text?.toString().trim()).filter(Boolean);
  console.error([`setup failed: ${error.message}`, ...output].join("\n"));
  process.exitCode = 1;
}

function runStale() {
  for (const step of steps) {
    if (!step.isStale()) continue;
    if (step.name === "packages") console.log("setup: npm install …");
    const started = Date.now();
    step.run();
    console.log(`setup: ${step.name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  }
}

function installPackages() {
  // --include=dev: the tools are needed even where NODE_ENV is "production".
  npm(
    "install",
    "--no-save",
    "--ignore-scripts",
    "--include=dev",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
  );
  // npm loses the link of a command when another package that had one of the same name goes away.
  if (!existsSync(toolPath("tsc"))) npm("rebuild", "--ignore-scripts", "--loglevel=error");
  const missing = missingPackages();
  if (missing.length > 0) throw new Error(`npm left out ${missing.slice(0, 5).join(", ")}`);
}

/** Packages of the lockfile that npm's own record of node_modules lacks or holds in another version. */
function missingPackages() {
  const recordPath = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(recordPath)) return ["node_modules"];
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const present = JSON.parse(readFileSync(recordPath, "utf8")).packages;
  return Object.keys(wanted).filter((path) => {
    if (!path.includes("node_modules/")) return false;
    // A workspace may stand in the lockfile before its folder stands in the tree.
    if (wanted[path].link && !existsSync(join(root, wanted[path].resolved, "package.json"))) return false;
    const found = present[path];
    if (found) return found.version !== wanted[path].version;
    return !wanted[path].optional && !wanted[path].devOptional;
  });
}

function npm(...args) {
  // With the Node that runs npm: the one in node_modules may be about to be replaced.
  const { npm_execpath: npmPath, npm_node_execpath: nodePath } = process.env;
  const [command, ...first] = npmPath && nodePath ? [nodePath, npmPath] : ["npm"];
  execFileSync(command, [...first, ...args], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
}

/** Scripts run `node` with node_modules/.bin first on PATH; whichever one that is must be new enough. */
function checkNode() {
  linkNode();
  const command = existsSync(toolPath("node")) ? toolPath("node") : "node";
  const { stdout } = spawnSync(command, ["--version"], { encoding: "utf8" });
  const version = (stdout || "").trim().slice(1);
  if (!isAtLeast(version, workspace.minimumNode)) {
    throw new Error(
      `Heddle needs Node ${workspace.minimumNode} or newer, and \`${command} --version\` says "${version}". ` +
        `npm has no working binary for ${process.platform}-${process.arch}: install one from https://nodejs.org.`,
    );
  }
  workspace.writeStamp("node", nodeStamp());
}

/**
 * npm 10 unlinks `node` again when it drops the binaries of the other platforms, which have a command of the
 * same name; npm 11 does not.
 */
function linkNode() {
  if (existsSync(toolPath("node"))) return;
  const names = ["", "bin-"].map((infix) => `node-${infix}${process.platform}-${process.arch}`);
  const name = names.find((candidate) => existsSync(join(root, "node_modules", candidate, "bin/node")));
  if (name) symlinkSync(join("..", name, "bin/node"), toolPath("node"));
}

function nodeStamp() {
  return existsSync(toolPath("node"))
    ? realpathSync(toolPath("node"))
    : `${process.execPath} ${process.version}`;
}

function isAtLeast(version, minimum) {
  const [have, want] = [version, minimum].map((text) => text.split(".").map(Number));
  const at = want.findIndex((part, index) => part !== have[index]);
  return at === -1 || have[at] > want[at];
}

function build() {
  const stamp = buildStamp();
  execFileSync(process.execPath, [toolPath("tsc"), "-b", "packages/heddle/tsconfig.build.json"], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  // The compiler leaves the output of sources that are gone.
  for (const output of workspace.listFiles("packages/heddle/dist")) {
    const source = output.replace("/dist/", "/src/").replace(/(\.d)?\.(ts|js)(\.map)?$/, ".ts");
    if (!existsSync(join(root, source))) rmSync(join(root, output));
  }
  workspace.writeStamp("build", stamp);
}

function buildStamp() {
  const sources = workspace.listFiles("packages/heddle/src", (path) => /(?<!\.test)\.ts$/.test(path));
  return workspace.fingerprint([
    ...sources,
    "tsconfig.base.json",
    "packages/heddle/tsconfig.build.json",
    "node_modules/typescript/package.json",
  ]);
}

/** Runs `work` while no other set-up step does. A lock whose process is gone counts for nothing. */
async function withLock(work) {
  const path = join(workspace.cacheDirectory, "setup.lock");
  mkdirSync(workspace.cacheDirectory, { recursive: true });
  for (;;) {
    try {
      writeFileSync(path, String(process.pid), { flag: "wx" });
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    if (!isHeld(path)) rmSync(path, { force: true });
    else await sleep(100);
  }
  try {
    work();
  } finally {
    rmSync(path, { force: true });
  }
}

function isHeld(path) {
  try {
    const holder = Number(readFileSync(path, "utf8"));
    if (holder === 0) return true; // created just now, not yet written
    process.kill(holder, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
