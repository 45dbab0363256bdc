#!/usr/bin/env node
// In a file of its own, and not the built command itself, because npm links a bin only if it is there at install. It
// runs on any Node, to say which one is needed: the command itself would say what `node:zlib` does not export.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major > 24 || (major === 24 && minor >= 15)) {
  await import("../dist/cli/main.js");
} else {
  process.stderr.write(`heddle needs Node 24.15 or newer; this is ${process.version}\n`);
  process.exitCode = 1;
}
