// Programs in Go, built from the module proxy into the cache.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cacheDirectory, fingerprint, listFiles, readStamp, root, writeStamp } from "../workspace.mjs";
import { installPackages } from "./debian.mjs";
import { bin, run, runIn, say } from "./run.mjs";

/** Builds a program as its authors describe it: `go install <source>`. */
export function goInstall(name, source) {
  if (existsSync(join(bin, name))) return;
  prepare(`${name} from the Go module proxy`);
  run("go", "install", source);
}

/**
 * Builds programs of a module that `go install` refuses, because its own go.mod replaces modules by folders beside it.
 * So they are built from a module of ours that requires it, where replacements of its own do not count. All versions
 * follow from those written here, and the checksum database vouches for them.
 *
 * `programs`: name → package. `requires`: module → version. `go`: the language version that the modules ask for.
 * `stagedAs`: the version of those modules that the first one replaces by its folder `staging` and knows as v0.0.0. `strings`: variables that a linker sets.
 */
export function goBuild(name, definition) {
  const { go, requires, stagedAs, strings = {}, programs } = definition;
  const stamp = JSON.stringify(definition);
  const built = Object.keys(programs).every((program) => existsSync(join(bin, program)));
  if (built && readStamp(`go-${name}`) === stamp) return;

  const [[module, version]] = Object.entries(requires);
  prepare(`${name} ${version} from the Go module proxy`);
  const lines = [`module heddle.test/${name}`, `go ${go}`];
  for (const required of Object.entries(requires)) lines.push(`require ${required.join(" ")}`);
  if (stagedAs !== undefined)
    for (const staged of stagedModules(module, version))
      lines.push(`replace ${staged} => ${staged} ${stagedAs}`);
  const folder = join(cacheDirectory, "go", name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "go.mod"), `${lines.join("\n")}\n`);
  const linking = ["-s", "-w"];
  for (const [variable, value] of Object.entries(strings)) linking.push(`-X ${variable}=${value}`);
  for (const [program, path] of Object.entries(programs))
    runIn(folder, "go", "build", "-trimpath", "-ldflags", linking.join(" "), "-o", join(bin, program), path);
  writeStamp(`go-${name}`, stamp);
}

/** Builds a program of ours that stands in a folder of the workspace with its go.mod, when anything there has changed. */
export function goBuildOwn(name, folder) {
  const stamp = fingerprint(listFiles(folder));
  if (existsSync(join(bin, name)) && readStamp(`go-${name}`) === stamp) return;
  prepare(`${name}, with modules from the Go module proxy`);
  runIn(join(root, folder), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", join(bin, name), ".");
  writeStamp(`go-${name}`, stamp);
}

/** What the proxy has of a module: where its files and its go.mod are. */
export function goDownload(module, version) {
  return JSON.parse(run("go", "mod", "download", "-json", `${module}@${version}`));
}

function stagedModules(module, version) {
  const text = readFileSync(goDownload(module, version).GoMod, "utf8");
  return [...text.matchAll(/^\s*(\S+) => \.\/staging\//gm)].map(([, staged]) => staged);
}

function prepare(what) {
  installPackages({ "golang-go": ["go", "version"] });
  say(`${what}; the first time takes minutes`);
  mkdirSync(bin, { recursive: true });
}
