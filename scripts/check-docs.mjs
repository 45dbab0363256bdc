// Keeps the documents true where a program can: relative links lead somewhere, every `npm run x` exists,
// ARCHITECTURE.md has a line for each folder of the source and for no folder that is not there, the settings
// that README.md names exist, every error has its page, and the sections made from code and measurements are
// what they would be if they were made now. `--update` writes those sections instead.

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { findSection, replaceSection, sections } from "./docs-sections.mjs";
import { findErrorPageProblems } from "./error-pages.mjs";
import { root } from "./workspace.mjs";

const read = (path) => readFileSync(join(root, path), "utf8");
const problems = findErrorPageProblems();

if (process.argv.includes("--update")) updateSections();
else {
  checkSections();
  checkLinksAndCommands();
  checkFolders();
  checkSettings();
}

if (problems.length > 0) {
  console.log(problems.join("\n"));
  process.exitCode = 1;
}

function updateSections() {
  for (const [document, parts] of Object.entries(sections)) {
    const before = read(document);
    const after = Object.entries(parts).reduce(
      (text, [name, make]) => replaceSection(text, name, make()),
      before,
    );
    if (after !== before) writeFileSync(join(root, document), after);
    if (after !== before) console.log(`updated ${document}`);
  }
}

function checkSections() {
  for (const [document, parts] of Object.entries(sections)) {
    const text = read(document);
    for (const [name, make] of Object.entries(parts)) {
      const found = findSection(text, name);
      if (found === undefined) problems.push(`${document}: the markers of "${name}" are missing`);
      else if (found !== make())
        problems.push(`${document}: "${name}" is out of date; run npm run docs:update`);
    }
  }
}

function checkLinksAndCommands() {
  const { scripts } = JSON.parse(read("package.json"));
  const listed = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "*.md"], {
    cwd: root,
    encoding: "utf8",
  });
  const documents = listed.split("\n").filter((path) => path !== "" && existsSync(join(root, path)));
  for (const document of documents) {
    const text = read(document);
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
    for (const [command, name] of text.matchAll(/\bnpm (start|test)\b/g)) {
      if (!(name in scripts)) problems.push(`${document}: there is no script for \`${command}\``);
    }
    for (const [, path] of text.matchAll(/\bnode ((?:scripts|examples|bench)\/[\w./-]+)/g)) {
      if (!existsSync(join(root, path))) problems.push(`${document}: there is no ${path} to run`);
    }
  }
}

/** A line for a folder starts, after list or table marks, with its name in backquotes: `wire/`. */
function checkFolders() {
  const text = read("ARCHITECTURE.md");
  const folders = readdirSync(join(root, "packages/heddle/src"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== "gen")
    .map((entry) => entry.name);
  const described = [...text.matchAll(/^[|\-*\s]*`([a-z]+)\/`/gm)].map(([, name]) => name);
  for (const name of folders) {
    if (!described.includes(name)) problems.push(`ARCHITECTURE.md: no line that starts with \`${name}/\``);
  }
  for (const name of described) {
    if (!folders.includes(name) && !existsSync(join(root, name))) {
      problems.push(`ARCHITECTURE.md: \`${name}/\` is not a folder of packages/heddle/src`);
    }
  }
  const lines = text.split("\n").length;
  if (lines > 200) problems.push(`ARCHITECTURE.md: ${lines} lines; it is to be read in one sitting (200)`);
}

/** The rows of README.md's settings, such as "| `client.maxAttempts` | 3 | … |". */
function checkSettings() {
  const sources = ["mesh-options.ts", "client/options.ts", "server/options.ts"];
  const code = sources.map((path) => read(`packages/heddle/src/${path}`)).join("\n");
  const rows = findSection(read("README.md"), "settings") ?? "";
  const names = [...rows.matchAll(/^\| `([\w.]+)`/gm)].map(([, name]) => name);
  if (names.length === 0) problems.push("README.md: the table of settings is missing");
  for (const name of names) {
    const option = name.split(".").at(-1);
    if (!code.includes(`readonly ${option}?:`)) problems.push(`README.md: there is no setting ${name}`);
  }
  for (const [, variable] of rows.matchAll(/`(HEDDLE_\w+)`/g)) {
    if (!code.includes(variable) && !read("packages/heddle/src/mesh.ts").includes(variable)) {
      problems.push(`README.md: nothing reads ${variable}`);
    }
  }
}
