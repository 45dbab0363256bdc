// The public surface of every entry point, as text under packages/heddle/api: one page an entry, each export
// with its declaration, then the types that can be reached from them without a name of their own. A pull
// request that changes the surface shows it here; `npm run api:update` rewrites the pages after a deliberate change.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { root } from "./workspace.mjs";
import ts from "typescript"; // 6, from this workspace: it has the JavaScript API

const packageFolder = join(root, "packages/heddle");
const reportFolder = join(packageFolder, "api");
const update = process.argv.includes("--update");

const { exports } = JSON.parse(readFileSync(join(packageFolder, "package.json"), "utf8"));
const entries = Object.entries(exports).filter(([, target]) => target.types);
const program = ts.createProgram(
  entries.map(([, target]) => join(packageFolder, target.types)),
  { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext, types: ["node"] },
);
const checker = program.getTypeChecker();
const printer = ts.createPrinter({ removeComments: true });

const expected = new Map(entries.map(([name, target]) => [pageOf(name), report(name, target.types)]));
if (update) mkdirSync(reportFolder, { recursive: true });
const present = existsSync(reportFolder) ? readdirSync(reportFolder) : [];
let differences = 0;
for (const page of new Set([...expected.keys(), ...present])) {
  const path = join(reportFolder, page);
  const before = existsSync(path) ? readFileSync(path, "utf8") : undefined;
  const after = expected.get(page);
  if (before === after) continue;
  differences += 1;
  if (!update) console.log(describe(page, before, after));
  else if (after === undefined) rmSync(path);
  else writeFileSync(path, after);
  if (update) console.log(`api: ${after === undefined ? "removed" : "wrote"} ${basename(path)}`);
}
if (differences > 0 && !update) {
  console.log(
    "The public surface changed. If that is meant: npm run api:update, and commit packages/heddle/api.",
  );
  process.exitCode = 1;
}

function pageOf(entry) {
  return `${entry === "." ? "heddle" : `heddle-${entry.slice(2).replaceAll("/", "-")}`}.d.ts.md`;
}

function report(entry, typesPath) {
  const file = program.getSourceFile(join(packageFolder, typesPath));
  const module = file && checker.getSymbolAtLocation(file);
  if (!module) throw new Error(`${entry}: ${typesPath} is not built, or exports nothing`);
  const exported = checker.getExportsOfModule(module).map(resolveAlias);
  const names = new Map(
    checker.getExportsOfModule(module).map((symbol) => [resolveAlias(symbol), symbol.name]),
  );
  const reached = new Set(exported);
  for (const symbol of reached) for (const other of mentioned(symbol)) reached.add(other);
  const hidden = [...reached].filter((symbol) => !names.has(symbol));
  const title = entry === "." ? "heddle" : `heddle${entry.slice(1)}`;
  const sections = [section(`# ${title}`, exported, names)];
  if (hidden.length > 0) sections.push(section("## Reached, not exported", hidden, names));
  return `${sections.join("\n\n")}\n`;
}

function section(heading, symbols, names) {
  const named = symbols.map((symbol) => ({ name: names.get(symbol) ?? symbol.name, symbol }));
  named.sort((a, b) => (a.name < b.name ? -1 : 1));
  const texts = named.map(({ name, symbol }) => declarationText(name, symbol)).join("\n\n");
  return `${heading}\n\n\`\`\`ts\n${texts}\n\`\`\``;
}

function declarationText(name, symbol) {
  const texts = ownDeclarations(symbol).map((node) => {
    const statement = ts.isVariableDeclaration(node) ? node.parent.parent : node;
    return printer
      .printNode(ts.EmitHint.Unspecified, statement, statement.getSourceFile())
      .replace(/^export (declare )?/, "");
  });
  if (texts.length > 0) return texts.join("\n");
  const origin = symbol.declarations?.[0]?.getSourceFile().fileName ?? "";
  return `${name} // from ${/node_modules\/((@[^/]+\/)?[^/]+)/.exec(origin)?.[1] ?? "elsewhere"}`;
}

/** Top-level declarations of ours that the declarations of this symbol mention. */
function mentioned(symbol) {
  const found = [];
  const visit = (node) => {
    if (ts.isIdentifier(node)) {
      const other = checker.getSymbolAtLocation(node);
      const target = other && resolveAlias(other);
      if (target && ownDeclarations(target).length > 0) found.push(target);
    }
    ts.forEachChild(node, visit);
  };
  for (const node of ownDeclarations(symbol)) visit(node);
  return found;
}

/** Top-level declarations in our own output; generated code speaks for itself in its .proto. */
function ownDeclarations(symbol) {
  return (symbol.declarations ?? []).filter((node) => {
    const { fileName } = node.getSourceFile();
    const parent = ts.isVariableDeclaration(node) ? node.parent.parent.parent : node.parent;
    return (
      parent &&
      ts.isSourceFile(parent) &&
      fileName.startsWith(`${packageFolder}/dist/`) &&
      !fileName.includes("/gen/")
    );
  });
}

function resolveAlias(symbol) {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

function describe(page, before, after) {
  if (before === undefined) return `${page}: new`;
  if (after === undefined) return `${page}: its entry point is gone`;
  const [old, now] = [before, after].map((text) => text.split("\n"));
  const removed = old.filter((line) => !now.includes(line)).map((line) => `  - ${line}`);
  const added = now.filter((line) => !old.includes(line)).map((line) => `  + ${line}`);
  return [`${page}:`, ...removed, ...added].join("\n");
}
