// The programs of other people that `npm run test:real` runs against Heddle. Debian's packages, and one in Go; on
// another system the missing ones are named and the run fails: a real test is never skipped.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { cacheDirectory } from "./workspace.mjs";

const bin = join(cacheDirectory, "bin");

/** Command → Debian package. */
const programs = { h2load: "nghttp2-client", nghttp: "nghttp2-client", curl: "curl" };

const isMissing = (command) => spawnSync(command, ["--version"], { stdio: "ignore" }).error !== undefined;
const missing = Object.keys(programs).filter(isMissing);

if (missing.length > 0) {
  const packages = [...new Set(missing.map((command) => programs[command]))];
  console.log(`install-real: ${missing.join(", ")} from ${packages.join(", ")}`);
  run("apt-get", "update", "-qq");
  run("apt-get", "install", "-y", "-qq", "--no-install-recommends", ...packages);
  const still = missing.filter(isMissing);
  if (still.length > 0)
    fail(`${still.join(", ")} cannot be run although apt-get installed ${packages.join(", ")}`);
}

// The conformance test of HTTP/2 is a Go program. 2.2.1 is the newest version that the module proxy serves.
if (!existsSync(join(bin, "h2spec"))) {
  if (spawnSync("go", ["version"], { stdio: "ignore" }).error !== undefined) {
    console.log("install-real: go from golang-go");
    run("apt-get", "update", "-qq");
    run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "golang-go");
  }
  console.log("install-real: h2spec from the Go module proxy");
  mkdirSync(bin, { recursive: true });
  run("go", "install", "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible");
}

function run(command, ...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", GOBIN: bin, GOFLAGS: "-mod=mod" };
  const { status, error, stderr } = spawnSync(command, args, {
    env,
    encoding: "utf8",
    stdio: ["ignore", "ignore", "pipe"],
  });
  if (error !== undefined) fail(`${command}: ${error.message}. Install it by hand.`);
  if (status !== 0) fail(`${command} ${args.join(" ")} ended with ${status}:\n${stderr}`);
}

function fail(message) {
  console.error(`install-real: ${message}`);
  process.exit(1);
}
