/** The compiled JSON against protobuf-es, over random types and messages, respelt JSON and broken JSON. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  create,
  createRegistry,
  type DescMessage,
  fromJsonString,
  type Message,
  toJson,
  toJsonString,
} from "@bufbuild/protobuf";
import fc from "fast-check";
import { compiledJsonOf } from "./compile-json.ts";
import { readJsonText, readStrictJsonText, writeJsonText } from "./json-text.ts";
import { Dice, randomInit, randomTypes } from "./random-messages.test.ts";

const seeds = fc.integer({ min: 0, max: 0x7fffffff });
const registry = createRegistry();

/** Either what `run` returns or that it threw: two ways agree when these are equal. */
function outcome(run: () => unknown): unknown {
  try {
    return { value: run() };
  } catch (error) {
    return { error: String(error) };
  }
}

/** Messages that JSON can hold: a lone surrogate has no UTF-8, and a text may be one. */
function jsonOf(desc: DescMessage, message: Message): string | undefined {
  try {
    return toJsonString(desc, message);
  } catch {
    return undefined;
  }
}

/** The compiled code alone: no second opinion of protobuf-es hides that it gave up. */
function writeCompiled(desc: DescMessage, value: unknown, all: boolean, isInit: boolean): string {
  const compiled = compiledJsonOf(desc);
  assert.ok(compiled);
  return compiled.write(value, { registry, alwaysEmitImplicit: all }, isInit);
}

test("writes what protobuf-es writes, from messages and from plain objects", () => {
  let written = 0;
  fc.assert(
    fc.property(seeds, fc.boolean(), (seed, all) => {
      const dice = new Dice(seed);
      const options = { registry, alwaysEmitImplicit: all };
      for (const desc of randomTypes(dice)) {
        const init = randomInit(dice, desc);
        const message = create(desc, init);
        const expected = outcome(() => toJsonString(desc, message, options));
        assert.deepStrictEqual(
          outcome(() => writeJsonText(desc, message, options)),
          expected,
        );
        assert.deepStrictEqual(
          outcome(() => writeJsonText(desc, init, options)),
          expected,
        );
        if ("error" in (expected as object)) continue;
        written++;
        assert.equal(writeCompiled(desc, message, all, false), (expected as { value: string }).value);
        assert.equal(writeCompiled(desc, init, all, true), (expected as { value: string }).value);
      }
    }),
    { numRuns: 150 },
  );
  assert.ok(written > 200);
});

test("reads what protobuf-es reads", () => {
  let compiledAlone = 0;
  fc.assert(
    fc.property(seeds, (seed) => {
      const dice = new Dice(seed);
      for (const desc of randomTypes(dice)) {
        const text = jsonOf(desc, create(desc, randomInit(dice, desc)));
        if (text === undefined) continue;
        assert.deepStrictEqual(
          outcome(() => readJsonText(desc, text, registry)),
          outcome(() => fromJsonString(desc, text, { registry, ignoreUnknownFields: true })),
        );
        const expected = outcome(() => fromJsonString(desc, text, { registry }));
        const strict = outcome(() => readStrictJsonText(desc, text, registry));
        // Of an error the words may differ.
        if ("error" in (expected as object)) assert.ok("error" in (strict as object));
        else assert.deepStrictEqual(strict, expected);
        try {
          compiledJsonOf(desc)?.read(JSON.parse(text), { registry, ignoreUnknownFields: false, keys: 0 }, 1);
          compiledAlone++;
        } catch {
          // Infinity, NaN, a lone surrogate: protobuf-es has the last word.
        }
      }
    }),
    { numRuns: 150 },
  );
  assert.ok(compiledAlone > 100, String(compiledAlone));
});

/** One place of parsed JSON has something else in it, which may be right all the same. */
function respelt(dice: Dice, json: unknown): unknown {
  if (typeof json !== "object" || json === null || dice.chance(8)) return dice.pick(ODD);
  if (Array.isArray(json)) {
    if (json.length === 0) return [dice.pick(ODD)];
    const at = dice.below(json.length);
    return json.map((item, i) => (i === at ? respelt(dice, item) : item));
  }
  const entries = Object.entries(json);
  if (entries.length === 0 || dice.chance(10)) return { ...json, [dice.pick(KEYS)]: dice.pick(ODD) };
  const at = dice.below(entries.length);
  return Object.fromEntries(entries.map(([key, value], i) => [key, i === at ? respelt(dice, value) : value]));
}

const KEYS = [
  "f_1",
  "f1",
  "x",
  "__proto__",
  "[random.x]",
  "0",
  "-0",
  "007",
  "true",
  "constructor",
  "toString",
];
const ODD: readonly unknown[] = [
  null,
  0,
  -0,
  1,
  -1,
  1.5,
  2 ** 31,
  -(2 ** 31),
  2 ** 32 - 1,
  2 ** 32,
  1e300,
  2 ** 53,
  "",
  "0",
  "7",
  "-7",
  "007",
  "0x10",
  " 7 ",
  "7.0",
  "1e2",
  "NaN",
  "Infinity",
  "-Infinity",
  "true",
  "AQI=",
  "A",
  "9223372036854775807",
  "9223372036854775808",
  "18446744073709551615",
  "-9223372036854775808",
  "MOOD_1",
  "STRICT_1",
  "LATE_0",
  "é",
  "\ud800",
  "2020-01-01T00:00:00Z",
  "2020-13-01T00:00:00Z",
  "1.5s",
  "1.5s*",
  true,
  false,
  [],
  [null],
  [1, 2],
  ["x"],
  [[]],
  {},
  { value: 1 },
  { a: null },
  {
    __proto__: null,
    x: 1,
  },
];

test("of JSON that is spelt in another way, or broken, thinks what protobuf-es thinks", () => {
  const counts = { taken: 0, refused: 0 };
  fc.assert(
    fc.property(seeds, (seed) => {
      const dice = new Dice(seed);
      for (const desc of randomTypes(dice)) {
        const message = create(desc, randomInit(dice, desc));
        const written = outcome(() => toJson(desc, message)) as { value?: unknown };
        for (let i = 0; i < 6; i++) {
          const text = JSON.stringify(respelt(dice, written.value ?? {}));
          const lenient = outcome(() => fromJsonString(desc, text, { registry, ignoreUnknownFields: true }));
          assert.deepStrictEqual(
            outcome(() => readJsonText(desc, text, registry)),
            lenient,
          );
          const strict = outcome(() => readStrictJsonText(desc, text, registry)) as { value?: unknown };
          const expected = outcome(() => fromJsonString(desc, text, { registry })) as { value?: unknown };
          if (strict.value === undefined) counts.refused++;
          else {
            counts.taken++;
            assert.deepStrictEqual(strict, expected);
          }
        }
      }
    }),
    { numRuns: 300 },
  );
  assert.ok(counts.taken > 300 && counts.refused > 300, JSON.stringify(counts));
});

test("a key that is there twice is refused, wherever it is and however it is written", () => {
  const dice = new Dice(7);
  const [desc] = randomTypes(dice);
  assert.ok(desc);
  for (const text of ['{"x":1,"x":1}', '{"x":{"a":1,"\\u0061":2}}', '{"x":[{"a":1,"a":1}]}']) {
    assert.throws(() => readJsonText(desc, text, registry), /duplicate object key/, text);
    assert.throws(() => readStrictJsonText(desc, text, registry), /is there twice/, text);
  }
});
