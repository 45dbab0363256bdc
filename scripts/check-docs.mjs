// Keeps the documents true where a program can: relative links lead somewhere, every `npm run x` exists, and
// ARCHITECTURE.md has a line for each folder of the source, and for no folder that is not there.

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { findErrorPageProblems } from "./error-pages.mjs";
import { root } from "./workspace.mjs";

const problems = findErrorPageProblems();
const scripts = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).scripts;
const listed = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "*.md"], {
  cwd: root,
  encoding: "utf8",
});
const documents = listed.split("\n").filter((path) => path !== "" && existsSync(join(root, path)));

for (const document of documents) {
  const text = readFileSync(join(root, document), "utf8");
  const prose = text.replace(/^```[\s\S]*?^```/gm, "");
  for (const [, link] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
    const path = link.replace(/#.*$/, "");
    if (path === "" || /^[a-z]+:/i.test(path)) continue;
    if (!existsSync(join(root, dirname(document), decodeURIComponent(path)))) {
      problems.push(`${document}: the link ${link} leads nowhere`);
    }
  }
  for (const [command, name] of text.matchAll(/\bnpm run ([a-z][\w:-]*)/g)) {
    if (!(name in scripts)) problems.push(`${document}: there is no script for \`${command}\``);
  }
}

if (existsSync(join(root, "ARCHITECTURE.md"))) {
  const text = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");
  const folders = readdirSync(join(root, "packages/heddle/src"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== "gen")
    .map((entry) => entry.name);
  // A line for a folder starts, after list or table marks, with its name in backquotes: `wire/`.
  const described = [...text.matchAll(/^[|\-*\s]*`([a-z]+)\/`/gm)].map(([, name]) => name);
  for (const name of folders) {
    if (!described.includes(name)) problems.push(`ARCHITECTURE.md: no line that starts with \`${name}/\``);
  }
  for (const name of described) {
    if (!folders.includes(name) && !existsSync(join(root, name))) {
      problems.push(`ARCHITECTURE.md: \`${name}/\` is not a folder of packages/heddle/src`);
    }
  }
}

if (problems.length > 0) {
  console.log(problems.join("\n"));
  process.exitCode = 1;
}
