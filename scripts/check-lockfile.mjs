// Holds package-lock.json to the manifests: every workspace is in it with the dependencies its package.json
// names, and every version is exact. (`npm ci` would check this too, but cannot be used here; see setup.mjs.)

import { readdirSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./workspace.mjs";

const kinds = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"];
const locked = readJson("package-lock.json").packages;
const folders = readJson("package.json").workspaces.flatMap((pattern) =>
  pattern.endsWith("/*")
    ? (existsSync(join(root, pattern.slice(0, -2))) ? readdirSync(join(root, pattern.slice(0, -2))) : []).map(
        (name) => `${pattern.slice(0, -1)}${name}`,
      )
    : [pattern],
);

const problems = ["", ...folders]
  .filter((folder) => existsSync(join(root, folder, "package.json")))
  .flatMap((folder) => kinds.flatMap((kind) => compare(folder, kind)));
if (problems.length > 0) {
  console.log(problems.join("\n"));
  console.log("Run npm install, and commit package-lock.json with the manifest.");
  process.exitCode = 1;
}

function compare(folder, kind) {
  const wanted = readJson(join(folder, "package.json"))[kind] ?? {};
  const present = locked[folder]?.[kind] ?? {};
  return [...new Set([...Object.keys(wanted), ...Object.keys(present)])].flatMap((name) => {
    const where = `${folder || "root"}: ${kind}.${name}`;
    if (wanted[name] !== present[name])
      return `${where} is ${wanted[name]}, but ${present[name]} in package-lock.json`;
    const isExact = /^(npm:.+@)?\d/.test(wanted[name]) || kind === "peerDependencies";
    return isExact ? [] : `${where} is "${wanted[name]}": pin one exact version`;
  });
}

function readJson(path) {
  return JSON.parse(readFileSync(join(root, path), "utf8"));
}
