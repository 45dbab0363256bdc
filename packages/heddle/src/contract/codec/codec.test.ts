/** The compiled codecs against protobuf-es, over random types, random messages and broken bytes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { codecOf } from "./codec.ts";
import { compiledMessageOf } from "./compile.ts";
import { Dice, randomInit, randomTypes } from "./random-messages.test.ts";

const seeds = fc.integer({ min: 0, max: 0x7fffffff });

/** Either what `run` returns or that it threw: two codecs agree when these are equal. */
function outcome(run: () => unknown): unknown {
  try {
    return { value: run() };
  } catch (error) {
    return { error: String(error) };
  }
}

class Sink {
  bytes = new Uint8Array(0);
  length = 0;
  ensure(extra: number): void {
    if (this.length + extra <= this.bytes.length) return;
    const grown = new Uint8Array(this.length + extra);
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }
}

/** The compiled path alone: no second opinion of protobuf-es hides that it gave up. */
/** A long message whose fields have other types may hold a JSON object: see `struct-guard.ts`. */
function isRefusedByGuard(result: unknown): boolean {
  return /it is not encoded as a /.test(String((result as { error?: string }).error));
}

function encodeCompiled(desc: DescMessage, value: unknown, isInit: boolean): Uint8Array {
  const sink = new Sink();
  const end = compiledMessageOf(desc).write(value, sink, 0, isInit);
  return sink.bytes.slice(0, end);
}

function decodeCompiled(desc: DescMessage, bytes: Uint8Array): Message {
  const compiled = compiledMessageOf(desc);
  const message = compiled.make();
  assert.equal(compiled.read(message, bytes, 0, bytes.length, 1, 0), bytes.length);
  return message;
}

test("encodes what protobuf-es encodes, from messages and from plain objects", () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const dice = new Dice(seed);
      for (const desc of randomTypes(dice)) {
        const init = randomInit(dice, desc);
        const message = create(desc, init);
        const expected = toBinary(desc, message);
        assert.deepStrictEqual(encodeCompiled(desc, message, false), expected);
        assert.deepStrictEqual(encodeCompiled(desc, init, true), expected);
        assert.deepStrictEqual(codecOf(desc).encode(init), expected);
      }
    }),
    { numRuns: 120 },
  );
});

test("makes of plain objects what protobuf-es makes of them", () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const dice = new Dice(seed);
      for (const desc of randomTypes(dice)) {
        const init = randomInit(dice, desc);
        const message = codecOf(desc).create(init);
        assert.deepStrictEqual(message, create(desc, init));
        assert.equal(codecOf(desc).create(message), message);
        // What is no value of the field is not looked at, there as here.
        const member = dice.pick(desc.members);
        const values = [
          null,
          1,
          "x",
          [1, 2],
          {},
          [{}],
          { $typeName: "other" },
          { case: "x" },
          { case: null },
        ];
        for (const value of values) {
          const odd = { ...init, [member.localName]: value };
          assert.deepStrictEqual(
            outcome(() => codecOf(desc).create(odd)),
            outcome(() => create(desc, odd)),
          );
        }
      }
    }),
    { numRuns: 120 },
  );
  assert.deepStrictEqual(codecOf(TimestampSchema).create(), create(TimestampSchema));
});

test("decodes what protobuf-es decodes, without its help unless an enum is closed", () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const dice = new Dice(seed);
      for (const desc of randomTypes(dice)) {
        const bytes = toBinary(desc, create(desc, randomInit(dice, desc)));
        const expected = fromBinary(desc, bytes);
        assert.deepStrictEqual(codecOf(desc).decode(bytes, 0, bytes.length), expected);
        const hasClosed = desc.file.proto.syntax !== "proto3";
        if (!hasClosed) assert.deepStrictEqual(decodeCompiled(desc, bytes), expected);
      }
    }),
    { numRuns: 120 },
  );
});

test("takes mutated, cut and random bytes as protobuf-es takes them", () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const dice = new Dice(seed);
      for (const desc of randomTypes(dice)) {
        const bytes = broken(dice, toBinary(desc, create(desc, randomInit(dice, desc))));
        const mine = outcome(() => codecOf(desc).decode(bytes, 0, bytes.length));
        if (isRefusedByGuard(mine)) continue;
        assert.deepStrictEqual(
          mine,
          outcome(() => fromBinary(desc, bytes)),
        );
      }
    }),
    { numRuns: 120, examples: [[1630406059]] },
  );
});

test("keeps what another version of the type wrote, and writes it again in its place", () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const dice = new Dice(seed);
      const [a, b] = randomTypes(dice) as [DescMessage, DescMessage];
      const bytes = toBinary(a, create(a, randomInit(dice, a)));
      const expected = outcome(() => fromBinary(b, bytes));
      const mine = outcome(() => codecOf(b).decode(bytes, 0, bytes.length));
      if (isRefusedByGuard(mine)) return;
      assert.deepStrictEqual(mine, expected);
      if ("value" in (expected as object)) {
        const message = (expected as { value: Message }).value;
        assert.deepStrictEqual(
          outcome(() => codecOf(b).encode(message)),
          outcome(() => toBinary(b, message)),
        );
      }
    }),
    { numRuns: 120 },
  );
});

test("reads a range and nothing outside of it", () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const dice = new Dice(seed);
      for (const desc of randomTypes(dice)) {
        const whole = toBinary(desc, create(desc, randomInit(dice, desc)));
        const bytes = whole.subarray(0, dice.below(whole.length + 1));
        const framed = new Uint8Array(bytes.length + 20).fill(dice.pick([0, 1, 0x7f, 0x80, 0xff]));
        framed.set(bytes, 10);
        const mine = outcome(() => codecOf(desc).decode(framed, 10, 10 + bytes.length));
        assert.deepStrictEqual(
          mine,
          outcome(() => fromBinary(desc, bytes)),
        );
      }
    }),
    { numRuns: 120 },
  );
});

test("refuses wrong values as protobuf-es refuses them, and leaves the sink as it was", () => {
  const junk = [
    undefined,
    null,
    true,
    -1,
    1.5,
    2 ** 40,
    "x",
    "5",
    5n,
    2n ** 70n,
    Symbol.iterator,
    [],
    [1],
    {},
    [null],
  ];
  fc.assert(
    fc.property(seeds, (seed) => {
      const dice = new Dice(seed);
      for (const desc of randomTypes(dice)) {
        const init = randomInit(dice, desc);
        const message = create(desc, randomInit(dice, desc)) as unknown as Record<string, unknown>;
        const member = dice.pick(desc.members).localName;
        for (const target of [init, message]) {
          const value = dice.pick(junk);
          const asCase = typeof target[member] === "object" && Object.hasOwn(target[member] ?? {}, "case");
          target[member] = asCase ? { ...(target[member] as object), value } : value;
          const expected = outcome(() =>
            toBinary(desc, target === init ? create(desc, init) : (target as never)),
          );
          const sink = new Sink();
          sink.length = 0;
          sink.ensure(3);
          sink.length = 3;
          const mine = outcome(() => {
            codecOf(desc).encodeInto(target as never, sink);
            return sink.bytes.slice(3, sink.length);
          });
          assert.deepStrictEqual(mine, expected);
          if ("error" in (mine as object)) assert.equal(sink.length, 3);
        }
      }
    }),
    { numRuns: 120 },
  );
});

function broken(dice: Dice, bytes: Uint8Array): Uint8Array {
  const copy = dice.chance(20)
    ? Uint8Array.from({ length: dice.below(60) }, () => dice.below(256))
    : bytes.slice();
  for (let i = dice.below(4); i > 0 && copy.length > 0; i--) {
    copy[dice.below(copy.length)] = dice.pick([0, 1, 0x7f, 0x80, 0xff, dice.below(256)]);
  }
  const cut = dice.chance(30) ? copy.subarray(0, dice.below(copy.length + 1)) : copy;
  if (dice.chance(70)) return cut;
  const twice = new Uint8Array(cut.length * 2);
  twice.set(cut);
  twice.set(cut, cut.length);
  return twice;
}
