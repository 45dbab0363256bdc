// The programs of other people that `npm run test:real` runs against Heddle. Debian's packages, and one in Go; on
// another system the missing ones are named and the run fails: a real test is never skipped.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { cacheDirectory, toolPath } from "./workspace.mjs";

const bin = join(cacheDirectory, "bin");

/** Debian package → a command that succeeds when it is there. */
const packages = {
  chromium: ["chromium", "--version"],
  curl: ["curl", "--version"],
  "nghttp2-client": ["h2load", "--version"],
  "python3-grpcio": ["/usr/bin/python3", "-c", "import grpc"],
  "ruby-grpc": ["ruby", "-e", 'gem "grpc"; gem "googleauth"'],
};

const isMissing = (name) =>
  spawnSync(packages[name][0], packages[name].slice(1), { stdio: "ignore" }).status !== 0;
const missing = Object.keys(packages).filter(isMissing);

if (missing.length > 0) {
  console.log(`install-real: ${missing.join(", ")} from Debian`);
  run("apt-get", "update", "-qq");
  run("apt-get", "install", "-y", "-qq", "--no-install-recommends", ...missing);
  const still = missing.filter(isMissing);
  if (still.length > 0) fail(`${still.join(", ")} cannot be used although apt-get installed it`);
}

// The conformance test of HTTP/2 is a Go program. 2.2.1 is the newest version that the module proxy serves.
goInstall("h2spec", "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible");

// So is that of the protocols. Its programs under test read its messages by descriptor: nothing is generated.
const conformance = { module: "connectrpc.com/conformance", version: "v1.0.5" };
goInstall("connectconformance", `${conformance.module}/cmd/connectconformance@${conformance.version}`);
const descriptors = join(cacheDirectory, `conformance-${conformance.version}.binpb`);
if (!existsSync(descriptors)) {
  const { Dir } = JSON.parse(
    run("go", "mod", "download", "-json", `${conformance.module}@${conformance.version}`),
  );
  run(toolPath("buf"), "build", join(Dir, "proto"), "--as-file-descriptor-set", "-o", descriptors);
}

/** Builds a Go program into `bin`, unless it is there. */
function goInstall(name, source) {
  if (existsSync(join(bin, name))) return;
  if (spawnSync("go", ["version"], { stdio: "ignore" }).error !== undefined) {
    console.log("install-real: go from golang-go");
    run("apt-get", "update", "-qq");
    run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "golang-go");
  }
  console.log(`install-real: ${name} from the Go module proxy`);
  mkdirSync(bin, { recursive: true });
  run("go", "install", source);
}

/** Runs a program to its end, and returns what it printed. */
function run(command, ...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", GOBIN: bin, GOFLAGS: "-mod=mod" };
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error !== undefined) fail(`${command}: ${error.message}. Install it by hand.`);
  if (status !== 0) fail(`${command} ${args.join(" ")} ended with ${status}:\n${stderr}`);
  return stdout;
}

function fail(message) {
  console.error(`install-real: ${message}`);
  process.exit(1);
}
