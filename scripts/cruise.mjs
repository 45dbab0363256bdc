// Starts dependency-cruiser's command line with a TypeScript that it can use. It looks for `typescript`, finds
// version 7, which has no JavaScript API, and would silently skip every .ts file; so that one name resolves
// to the TypeScript 6 of this folder. Goes away when TypeScript 7 has an API and dependency-cruiser uses it.

import { createRequire, registerHooks } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "./workspace.mjs";

const { resolve } = createRequire(import.meta.url);
const ours = {
  typescript: { url: pathToFileURL(resolve("typescript")).href, format: "commonjs", shortCircuit: true },
  "typescript/package.json": {
    url: pathToFileURL(resolve("typescript/package.json")).href,
    format: "json",
    shortCircuit: true,
  },
};

registerHooks({
  resolve: (specifier, context, nextResolve) => ours[specifier] ?? nextResolve(specifier, context),
});

const cli = join(root, "node_modules/dependency-cruiser/bin/dependency-cruiser.mjs");
process.argv[1] = cli;
await import(pathToFileURL(cli).href);
