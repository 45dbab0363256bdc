/** What `heddle contract` refuses before a compiler sees it; what it compiles is tested with real services. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { contractHere } from "./contract-files.ts";

test("a file whose name protoc would take for an option is refused, and protoc not run", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-names-"));
  const [here, path] = [process.cwd(), process.env["PATH"]];
  t.after(() => {
    process.chdir(here);
    process.env["PATH"] = path;
    rmSync(folder, { recursive: true, force: true });
  });
  for (const name of ["bin", "dashes/--plugin=protoc-gen-x=.", "files"])
    mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, "bin/protoc"), "#!/bin/sh\necho it was run >&2\nexit 1\n");
  chmodSync(join(folder, "bin/protoc"), 0o755);
  writeFileSync(join(folder, "dashes/--plugin=protoc-gen-x=./evil.proto"), "");
  writeFileSync(join(folder, "files/@arguments.proto"), "");
  process.chdir(folder);
  process.env["PATH"] = join(folder, "bin");
  for (const proto of ["dashes", "files"])
    await assert.rejects(contractHere({ proto }), /protoc would take the file "[-@].*\.proto" for an option/);
});
