// Every code of the error catalogue has a page under docs/errors that begins with code, name and gRPC status, shows
// the error's text, and stands in the table; and there is no page without a code.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CATALOGUE } from "../packages/heddle/src/call/error-catalogue.ts";
import { statusName } from "../packages/heddle/src/call/status.ts";
import { root } from "./workspace.mjs";

/** What is wrong, one sentence each. */
export function findErrorPageProblems(folder = join(root, "docs/errors")) {
  if (!existsSync(folder)) return ["docs/errors: the folder is missing"];
  const problems = [];
  const pages = new Set(readdirSync(folder));
  const table = pages.delete("README.md") ? readFileSync(join(folder, "README.md"), "utf8") : "";
  for (const [name, { id, code, template }] of Object.entries(CATALOGUE)) {
    const page = `${id}.md`;
    const status = statusName(code);
    if (!table.includes(`| [${id}](${page}) | \`${name}\` | ${status} |`)) {
      problems.push(`docs/errors/README.md: no row for ${id} \`${name}\` with ${status}`);
    }
    if (!pages.delete(page)) {
      problems.push(`docs/errors/${page}: the page of ${name} is missing`);
      continue;
    }
    const text = readFileSync(join(folder, page), "utf8");
    const title = `# ${id} ${name} (${status})`;
    if (!text.startsWith(`${title}\n`))
      problems.push(`docs/errors/${page}: the first line must be "${title}"`);
    if (!matcherOf(template, id).test(text))
      problems.push(`docs/errors/${page}: no example of the text "${template} (${id})"`);
  }
  for (const page of pages) problems.push(`docs/errors/${page}: the catalogue has no such code`);
  return problems;
}

function matcherOf(template, id) {
  const escaped = template.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace(/\{\w+\}/g, ".+");
  return new RegExp(`^${escaped} \\(${id}\\)$`, "m");
}
