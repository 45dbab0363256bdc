import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { parseStrictJson } from "./strict-json.ts";

test("JSON is read as JSON.parse reads it", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 4 }), fc.constantFrom(0, 2), (text, indent) => {
      const json: unknown = JSON.parse(text);
      assert.deepEqual(parseStrictJson(JSON.stringify(json, null, indent)), json);
    }),
  );
});

test("a key that is there twice is refused, however it is written and wherever it stands", () => {
  for (const text of [
    '{"a":1,"a":1}',
    '{"a":{"b":1},"c":[{"x":1 , "y":{}, "x" :2}]}',
    '{"a":1,"\\u0061":2}',
    '{"\\"":1,"\\"":2}',
    '[{"a":"}","a":1}]',
    '{"\\\\":1,"\\\\":2}',
    '{ "a\\\\\\"" : 1 , "b" : "\\\\" , "b" : 2 }',
    '{"":1,"":2}',
    '{"__proto__":1,"__proto__":2}',
  ])
    assert.throws(() => parseStrictJson(text), /is there twice \(at \d+\)$/, text);
});

test("the same key in two objects is not", () => {
  for (const text of [
    '{"a":{"a":1},"b":{"a":1}}',
    '[{"a":1},{"a":1}]',
    '{"a":["a","a"],"b":"a"}',
    '{"a":"\\",\\"a\\":1"}',
  ])
    assert.deepEqual(parseStrictJson(text), JSON.parse(text));
});

test("depth costs no stack, and has an end", () => {
  const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
  assert.ok(Array.isArray(parseStrictJson(nested(250))));
  for (const depth of [252, 20_000])
    assert.throws(() => parseStrictJson(nested(depth)), /nested more than 250 deep/);
});

test("what is no JSON is an error of JSON.parse, which says where", () => {
  for (const text of ["", "{", '{"a":1,}', "[1,]", "'a'", "NaN", "[".repeat(100_000)])
    assert.throws(() => parseStrictJson(text), SyntaxError);
  assert.equal(parseStrictJson(" 5 "), 5);
});

test("a long text takes time in proportion", () => {
  const text = `{${Array.from({ length: 50_000 }, (_, i) => `"k${i}":[{"a":"${"\\\\".repeat(10)}"}]`).join(",")}}`;
  const started = performance.now();
  parseStrictJson(text);
  assert.ok(performance.now() - started < 2000);
});
