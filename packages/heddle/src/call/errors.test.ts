import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { Code, ConnectError } from "@connectrpc/connect";
import { CATALOGUE, type ErrorName } from "./error-catalogue.ts";
import { HeddleError, isHeddleError, reasonText } from "./errors.ts";

const names = Object.keys(CATALOGUE) as ErrorName[];
const source = new URL("../", import.meta.url);

test("ids are unique and of one form; hints are there", () => {
  const ids = names.map((name) => CATALOGUE[name].id);
  assert.equal(new Set(ids).size, ids.length);
  for (const name of names) {
    const { id, hint, code } = CATALOGUE[name];
    assert.match(id, /^HDL-\d{4}$/);
    assert.ok(hint.length > 0 && !hint.endsWith("."), `${name}: a hint is a clause`);
    assert.ok(Code[code] !== undefined);
  }
});

test("a HeddleError is a ConnectError with everything the catalogue says of it", () => {
  const cause = new Error("refused");
  const error = new HeddleError(
    "connectFailed",
    { address: "127.0.0.1:1", reason: "ECONNREFUSED" },
    { cause },
  );
  assert.ok(error instanceof ConnectError && error instanceof HeddleError);
  assert.equal(ConnectError.from(error), error, "Connect passes it on as it is");
  assert.equal(error.code, Code.Unavailable);
  assert.equal(error.rawMessage, "cannot connect to 127.0.0.1:1: ECONNREFUSED (HDL-2103)");
  assert.deepEqual(
    [error.heddleCode, error.reason, error.retry, error.origin],
    ["HDL-2103", "connectFailed", "unsent", "network"],
  );
  assert.equal(error.cause, cause);
  assert.equal(new HeddleError("streamReset", {}, { code: Code.Unavailable }).code, Code.Unavailable);
});

test("the brand is known across copies of the package", async () => {
  const copy = (await import(
    `${pathToFileURL(new URL("errors.ts", import.meta.url).pathname).href}?copy`
  )) as typeof import("./errors.ts");
  const foreign = new copy.HeddleError("closed", { what: "it" });
  assert.notEqual(Object.getPrototypeOf(foreign), HeddleError.prototype);
  assert.ok(isHeddleError(foreign) && foreign instanceof HeddleError && foreign instanceof ConnectError);
  for (const other of [
    undefined,
    null,
    "x",
    {},
    new Error("closed (HDL-1006)"),
    new ConnectError("x"),
  ] as unknown[]) {
    assert.ok(!isHeddleError(other) && !(other instanceof HeddleError));
  }
});

test("as JSON it tells code, text and next step, and neither cause nor metadata", () => {
  const error = new HeddleError(
    "handlerFailed",
    { method: "a.B/C" },
    { cause: new Error("password=hunter2") },
  );
  error.metadata.set("authorization", "Bearer hunter2");
  const text = JSON.stringify(error);
  assert.ok(!text.includes("hunter2"));
  assert.deepEqual(JSON.parse(text), {
    heddleCode: "HDL-3001",
    reason: "handlerFailed",
    code: Code.Unknown,
    message: "handler of a.B/C failed (HDL-3001)",
    retry: "never",
    origin: "peer",
    hint: CATALOGUE.handlerFailed.hint,
    docs: "docs/errors/HDL-3001.md",
  });
});

test("a parameter is put in as it is, also when it looks like a template", () => {
  assert.equal(
    new HeddleError("closed", { what: "{what} $& $1" }).rawMessage,
    "{what} $& $1 is closed (HDL-1006)",
  );
});

test("the text of anything thrown", () => {
  assert.equal(reasonText(new Error("plain")), "plain");
  assert.equal(
    reasonText(Object.assign(new Error("connect failed"), { code: "ECONNREFUSED" })),
    "ECONNREFUSED: connect failed",
  );
  assert.equal(
    reasonText(Object.assign(new Error("connect ECONNREFUSED 1"), { code: "ECONNREFUSED" })),
    "connect ECONNREFUSED 1",
  );
  assert.equal(reasonText(new ConnectError("gone", Code.Unavailable)), "gone", "without Connect's prefix");
  assert.equal(reasonText("text"), "text");
  assert.equal(reasonText(undefined), "undefined");
});

test("every place that raises a catalogue error fills its template", () => {
  let checked = 0;
  for (const file of globSync("**/*.ts", { cwd: source.pathname, exclude: ["**/*.test.ts", "gen/**"] })) {
    const text = readFileSync(new URL(file, source), "utf8");
    for (const { 1: name, index } of text.matchAll(/(?:new HeddleError\(|\.fail\([A-Z_]+, )"(\w+)"/g)) {
      assert.ok(names.includes(name as ErrorName), `${file}: ${name} is not in the catalogue`);
      const keys = objectKeys(text.slice(index));
      if (keys === undefined) continue;
      for (const [, parameter] of CATALOGUE[name as ErrorName].template.matchAll(/\{(\w+)\}/g)) {
        assert.ok(keys.includes(parameter as string), `${file}: ${name} is raised without {${parameter}}`);
      }
      checked++;
    }
  }
  assert.ok(checked > 40, `only ${checked} places were found`);
});

/** Keys of the first object literal in a piece of source; undefined when it is made of other objects, or none. */
function objectKeys(text: string): string[] | undefined {
  const open = /^(?:new HeddleError\(|\.fail\([A-Z_]+, )"\w+",\s*\{/.exec(text)?.[0].length;
  if (open === undefined) return undefined;
  let plain = "";
  let depth = 0;
  for (const character of text.slice(open).replace(/`(?:[^`\\]|\\.)*`|"(?:[^"\\]|\\.)*"/g, "0")) {
    if (character === "}" && depth === 0) break;
    if ("([{".includes(character)) depth++;
    else if (")]}".includes(character)) depth--;
    else if (depth === 0) plain += character;
  }
  if (plain.includes("...")) return undefined;
  return plain.split(",").map((part) => (part.split(":")[0] ?? "").trim());
}

test("an error has one code, also when its reason came with another", () => {
  const inner = new HeddleError("connectFailed", { address: "a:1", reason: "ECONNREFUSED" });
  const outer = new HeddleError("noneReady", { target: "t", count: 1, reason: reasonText(inner) });
  assert.equal(
    outer.rawMessage,
    "none of the 1 known instances of t can be reached: cannot connect to a:1: ECONNREFUSED (HDL-2102)",
  );
});

test("a message holds so much of what a peer sent, and no more", () => {
  const { rawMessage } = new HeddleError("contentType", {
    contentType: "a".repeat(60_000),
    path: "/a",
    reason: "it is long",
  });
  assert.ok(rawMessage.length < 4_200, String(rawMessage.length));
  assert.match(rawMessage, /aaa…" does not fit \/a: it is long/);
});
