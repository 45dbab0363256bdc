// Generates TypeScript from every module of .proto files whose inputs changed since the last time. Nothing
// generated is committed; the set-up step does this before it builds. `--force` generates everything again.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { fingerprint, listFiles, protoModules, readStamp, root, toolPath, writeStamp } from "./workspace.mjs";

/** The modules that have to be generated: changed, or never generated here. */
export function staleModules() {
  return protoModules.filter(
    (module) =>
      protoFiles(module).length > 0 &&
      (!existsSync(join(root, module.out)) || readStamp(stampName(module)) !== inputs(module)),
  );
}

/**
 * Generates one module: into a folder beside, then swapped. A process that starts meanwhile sees the old code
 * or the new, and code whose .proto is gone does not stay behind. Throws with buf's output in `stderr`.
 */
export function generateModule(module) {
  const stamp = inputs(module);
  const target = join(root, module.out);
  const [fresh, old] = [`${target}.fresh`, `${target}.old`];
  for (const folder of [fresh, old]) rmSync(folder, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  const imports = module.imports ? ["--include-imports"] : [];
  buf("generate", module.proto, "-o", fresh, ...imports);
  if (module.image) buf("build", module.proto, "-o", join(fresh, module.image));
  if (module.protobufjs) generateStatic(module, join(fresh, module.protobufjs));
  if (existsSync(target)) renameSync(target, old);
  renameSync(fresh, target);
  rmSync(old, { recursive: true, force: true });
  writeStamp(stampName(module), stamp);
}

function buf(...args) {
  execFileSync(toolPath("buf"), args, {
    cwd: root,
    // buf looks for protoc-gen-es on PATH, and npm may have been told to start us without its own.
    env: { ...process.env, PATH: `${join(root, "node_modules", ".bin")}${delimiter}${process.env.PATH}` },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** protobufjs's static code of a whole module, with its types beside it. */
function generateStatic(module, target) {
  mkdirSync(dirname(target), { recursive: true });
  execFileSync(
    process.execPath,
    [
      join(root, pbjs, "bin/pbjs"),
      "--target=static-module",
      "--wrap=esm",
      "--dts",
      `--path=${module.proto}`,
      `--out=${target}`,
      ...protoFiles(module),
    ],
    { cwd: root, stdio: ["ignore", "pipe", "pipe"] },
  );
}

/** Below the benchmark, for the root has the protobufjs of grpc-js, which is another. */
const pbjs = "bench/node_modules/protobufjs-cli";

function protoFiles(module) {
  return listFiles(module.proto, (path) => path.endsWith(".proto"));
}

function inputs(module) {
  return fingerprint([
    ...protoFiles(module),
    ...(module.imports ? listFiles(module.imports, (path) => path.endsWith(".proto")) : []),
    "buf.yaml",
    "buf.gen.yaml",
    "node_modules/@bufbuild/protoc-gen-es/package.json",
    ...(module.protobufjs ? [`${pbjs}/package.json`] : []),
  ]);
}

function stampName(module) {
  return `generate-${module.proto.replace(/\//g, "-")}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const modules = process.argv.includes("--force")
    ? protoModules.filter((module) => protoFiles(module).length > 0)
    : staleModules();
  for (const module of modules) {
    generateModule(module);
    console.log(`generate: ${module.proto} → ${module.out}`);
  }
}
