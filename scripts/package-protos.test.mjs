// Users compile the .proto files of the package beside their own, so whatever those import has to ship as well. In this
// repository the missing file is there, and every other test is green without it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { listFiles, root } from "./workspace.mjs";

test("what the package's .proto files import is in the package, or of protobuf itself", () => {
  const { files } = JSON.parse(readFileSync(join(root, "packages/heddle/package.json"), "utf8"));
  const shipped = files
    .filter((path) => path.startsWith("proto/"))
    .flatMap((path) => listFiles(`packages/heddle/${path}`, (file) => file.endsWith(".proto")))
    .map((path) => path.slice("packages/heddle/proto/".length));
  assert.ok(shipped.includes("heddle/options/v1/errors.proto"));
  for (const path of shipped) {
    const source = readFileSync(join(root, "packages/heddle/proto", path), "utf8");
    for (const [, imported] of source.matchAll(/^import (?:public )?"(.+)";/gm))
      assert.ok(
        imported.startsWith("google/protobuf/") || shipped.includes(imported),
        `${path} imports ${imported}, which "files" of packages/heddle/package.json does not name`,
      );
  }
});
