/**
 * The one place where text becomes code. Its callers put nothing of a descriptor into the text but numbers
 * and quoted property keys; everything else reaches the code through `scope`.
 */

import { giveUp } from "./give-up.ts";

/** Runs `source` as the body of a function in which the entries of `scope` are names; returns its result. */
export function buildFunction(source: string, scope: Readonly<Record<string, unknown>>): unknown {
  const names = Object.keys(scope);
  // oxlint-disable-next-line typescript/no-implied-eval -- this is the compiler; see the head of the file
  const run = new Function("scope", `"use strict"; const { ${names.join(", ")} } = scope;\n${source}`);
  return run(scope);
}

/** False where the process forbids it, as `--disallow-code-generation-from-strings` does. */
export function mayBuildFunctions(): boolean {
  try {
    return buildFunction("return true;", {}) === true;
  } catch {
    return false;
  }
}

/** The names that all generated code may use. */
export const plainNames = {
  giveUp,
  isArray: Array.isArray,
  keysOf: Object.keys,
  getPrototypeOf: Object.getPrototypeOf,
  objectPrototype: Object.prototype,
  hasOwn: Object.prototype.hasOwnProperty,
  noBytes: new Uint8Array(0),
};
