// Facts about this workspace that more than one script needs: where it is, which Node it wants, and which
// folder of .proto files becomes which folder of generated TypeScript. Like everything that the set-up step
// imports, it is plain JavaScript that an old Node can run.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The first Node release with the HTTP/2 fixes and the APIs that the code relies on. */
export const minimumNode = "24.15.0";

/**
 * Module of `.proto` files → folder of generated code. buf.yaml lists the same modules. With `imports` what they import
 * from the package is generated too, as users do. With `image` the contract is written there with its comments, which
 * OpenAPI shows. With `protobufjs` that library's static code is made as well, in this file of the folder: the benchmark
 * compares codecs.
 */
export const protoModules = [
  { proto: "packages/heddle/proto", out: "packages/heddle/src/gen" },
  { proto: "examples/greeter/proto", out: "examples/greeter/src/gen" },
  {
    proto: "examples/orders/proto",
    out: "examples/orders/src/gen",
    imports: "packages/heddle/proto",
    image: "contract.binpb",
  },
  { proto: "bench/proto", out: "bench/gen", protobufjs: "protobufjs/static.js" },
  { proto: "test/proto", out: "test/gen", imports: "packages/heddle/proto" },
];

/** Path of a tool that npm installed, such as `buf` or `tsc`. */
export function toolPath(name) {
  return join(root, "node_modules", ".bin", name);
}

/** Every file under a folder (relative to the root), sorted, for which `accept(path)` holds. */
export function listFiles(folder, accept = () => true) {
  /** @type {string[]} */
  const found = [];
  const visit = (path) => {
    for (const entry of readdirSync(join(root, path), { withFileTypes: true })) {
      const child = `${path}/${entry.name}`;
      if (entry.isDirectory()) {
        if (entry.name !== "node_modules" && entry.name !== "dist") visit(child);
      } else if (accept(child)) found.push(child);
    }
  };
  if (existsSync(join(root, folder))) visit(folder);
  return found.sort();
}

/**
 * A fingerprint of files by path, size and time of change: fast enough to take on every start. A fresh
 * checkout of the same bytes has another fingerprint, which costs one needless rebuild and no more.
 */
export function fingerprint(files) {
  const hash = createHash("sha256");
  for (const file of files) {
    const path = join(root, file);
    if (!existsSync(path)) continue;
    const { size, mtimeMs } = statSync(path);
    hash.update(`${file}\0${size}\0${mtimeMs}\n`);
  }
  return hash.digest("hex");
}

/** Where the scripts keep stamps, the lock and incremental state. Safe to delete at any time. */
export const cacheDirectory = join(root, ".cache");

/** The fingerprint that was stored under this name, or undefined. */
export function readStamp(name) {
  const path = join(cacheDirectory, `${name}.stamp`);
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

export function writeStamp(name, value) {
  mkdirSync(cacheDirectory, { recursive: true });
  writeFileSync(join(cacheDirectory, `${name}.stamp`), value);
}
