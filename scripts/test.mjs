// `npm test`: every test beside the code and in test/, run as .ts by node:test. `npm run test:real`: only
// test/real, which starts programs of other people. Arguments that name files run those alone; options go to
// node --test (`npm test -- --test-name-pattern=drain`).

import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { listFiles, root } from "./workspace.mjs";

const args = process.argv.slice(2);
const real = args.includes("--real");
const options = args.filter((arg) => arg.startsWith("-") && arg !== "--real");
const named = args.filter((arg) => !arg.startsWith("-"));

const isTest = (path) => /\.test\.(ts|mjs)$/.test(path);
const isReal = (path) => path.startsWith("test/real/");
const files = ["packages", "examples", "test", "scripts"]
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

// Real servers share ports and cores: one file at a time. The rest wait for sockets more than they compute.
const concurrency = real ? 1 : availableParallelism();
// Of one file. A conformance suite has thousands of cases.
const timeoutMs = real ? 600_000 : 120_000;
const reporter = options.some((option) => option.startsWith("--test-reporter"))
  ? []
  : ["--test-reporter=spec"];
const child = spawn(
  process.execPath,
  [
    "--test",
    `--test-concurrency=${concurrency}`,
    `--test-timeout=${timeoutMs}`,
    ...reporter,
    ...options,
    ...files,
  ],
  { cwd: root, stdio: "inherit" },
);
child.on("exit", (code, signal) => {
  process.exitCode = signal ? 1 : (code ?? 1);
});
