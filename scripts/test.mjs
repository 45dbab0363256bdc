// `npm test`: every test beside the code and in test/, run as .ts by node:test. `npm run test:real`: test/real/, which
// starts programs of other people and what other files leave out of `npm test` because it takes long (those look at
// HEDDLE_TEST_REAL), and bench/. Arguments that name files run those alone; options go to node --test
// (`npm test -- --test-name-pattern=drain`). HEDDLE_TEST_SEED=random, or a number, draws other values for the
// properties.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { listFiles, root } from "./workspace.mjs";

const args = process.argv.slice(2);
const real = args.includes("--real");
const options = args.filter((arg) => arg.startsWith("-") && arg !== "--real");
const named = args.filter((arg) => !arg.startsWith("-"));

const isTest = (path) => /\.test\.(ts|mjs)$/.test(path);
/** The benchmarks' tests start every peer of every suite. */
const isReal = (path) => path.startsWith("test/real/") || path.startsWith("bench/");
const files = ["packages", "examples", "test", "scripts", "bench"]
  .flatMap((folder) => listFiles(folder, isTest))
  .filter((path) => isReal(path) === real)
  .filter((path) => named.length === 0 || named.some((name) => path.includes(name)));

if (real && existsSync(join(root, "scripts/install-real.mjs"))) {
  const { status } = spawnSync(process.execPath, ["scripts/install-real.mjs"], {
    cwd: root,
    stdio: "inherit",
  });
  if (status !== 0) process.exit(status ?? 1);
}

if (files.length === 0) {
  console.log(
    `no ${real ? "real-server " : ""}tests ${named.length > 0 ? `match ${named.join(", ")}` : "yet"}`,
  );
  process.exit(named.length > 0 ? 1 : 0);
}

const seed = chooseSeed(process.env.HEDDLE_TEST_SEED ?? "1");
// Some hundred processes load the same modules: the first to compile one does it for all.
const compileCache = mkdtempSync(join(tmpdir(), "heddle-test-"));
// Real servers share ports and cores: one file at a time. The rest wait for sockets more than they compute.
const concurrency = real ? 1 : availableParallelism() + 1;
// Of one file. A conformance suite has thousands of cases.
const timeoutMs = real ? 600_000 : 120_000;
const reporter = options.some((option) => option.startsWith("--test-reporter"))
  ? []
  : ["--test-reporter=spec"];
const child = spawn(
  process.execPath,
  [
    "--test",
    `--import=${new URL("test-seed.mjs", import.meta.url)}`,
    `--test-concurrency=${concurrency}`,
    `--test-timeout=${timeoutMs}`,
    ...reporter,
    ...options,
    ...files,
  ],
  {
    cwd: root,
    stdio: "inherit",
    env: {
      ...process.env,
      HEDDLE_TEST_SEED: String(seed),
      NODE_COMPILE_CACHE: compileCache,
      ...(real ? { HEDDLE_TEST_REAL: "1" } : {}),
    },
  },
);
child.on("exit", (code, signal) => {
  process.exitCode = signal ? 1 : (code ?? 1);
  rmSync(compileCache, { recursive: true, force: true });
  if (process.exitCode !== 0) console.log(`properties drew from seed ${seed}: HEDDLE_TEST_SEED=${seed}`);
});

/** 32 bits, as fast-check wants it. */
function chooseSeed(wanted) {
  if (wanted === "random") return Math.floor(Math.random() * 2 ** 32) | 0;
  if (/^-?\d{1,10}$/.test(wanted)) return Number(wanted) | 0;
  console.error(`HEDDLE_TEST_SEED is "${wanted}"; it is a whole number, or random`);
  process.exit(2);
}
