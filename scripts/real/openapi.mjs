// Programs that go by an OpenAPI document: from PyPI those that check it and call what it describes, from npm one that
// generates a client. All their versions stand in test/kit/openapi.

import { cpSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cacheDirectory, fingerprint, listFiles, readStamp, root, writeStamp } from "../workspace.mjs";
import { installPackages } from "./debian.mjs";
import { run, runIn, say } from "./run.mjs";

const SOURCE = "test/kit/openapi";

/** Fills the cache's folder `openapi`: an environment of Python in `python`, and `node_modules`. */
export function installOpenApiTools() {
  const into = join(cacheDirectory, "openapi");
  const stamp = fingerprint(listFiles(SOURCE));
  if (existsSync(into) && readStamp("openapi") === stamp) return;
  installPackages({ "python3-venv": ["/usr/bin/python3", "-c", "import ensurepip"] });
  say("schemathesis and openapi-spec-validator from PyPI");
  rmSync(into, { recursive: true, force: true });
  mkdirSync(into, { recursive: true });
  const python = join(into, "python");
  run("/usr/bin/python3", "-m", "venv", python);
  const requirements = join(root, SOURCE, "requirements.txt");
  run(join(python, "bin/pip"), "install", "--quiet", "--disable-pip-version-check", "-r", requirements);
  say("openapi-ts from npm");
  for (const file of ["package.json", "package-lock.json"])
    cpSync(join(root, SOURCE, file), join(into, file));
  runIn(into, "npm", "ci", "--no-audit", "--no-fund");
  writeStamp("openapi", stamp);
}
