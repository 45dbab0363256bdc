// The dashboards that `heddle monitoring grafana` writes: made here by Grafana's Foundation SDK, and kept with the package,
// so that nobody who uses it needs the SDK. Without an argument it says whether they are what the table of instruments
// makes of them; `--update` writes them.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { boards } from "./dashboards/boards.ts";
import { toGrafana } from "./dashboards/to-grafana.ts";
import { root } from "./workspace.mjs";

const folder = join(root, "packages/heddle/dashboards");
const isUpdate = process.argv.includes("--update");
mkdirSync(folder, { recursive: true });
for (const [name, board] of Object.entries(boards)) {
  const path = join(folder, `${name}.json`);
  const text = `${JSON.stringify(toGrafana(board), undefined, 2)}\n`;
  if (isUpdate) writeFileSync(path, text);
  else if (read(path) !== text) {
    console.error(`${path} is not what scripts/dashboards makes: npm run docs:update`);
    process.exitCode = 1;
  }
}

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
