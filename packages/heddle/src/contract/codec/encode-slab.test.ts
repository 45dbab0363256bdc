/** Messages that share a block with others: none may see what becomes of another. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { BytesValueSchema, StringValueSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { codecOf } from "./codec.ts";

const texts = codecOf(StringValueSchema);

test("no message changes when later ones are encoded, whatever their sizes", () => {
  const sizes = fc.array(
    fc.oneof(fc.nat(200), fc.nat(5_000), fc.integer({ min: 20_000, max: 200_000 }), fc.constant(1_500_000)),
    { minLength: 1, maxLength: 40 },
  );
  fc.assert(
    fc.property(sizes, (lengths) => {
      const values = lengths.map((length, i) => String.fromCharCode(97 + (i % 26)).repeat(length));
      const encoded = values.map((value) => texts.encode({ value }));
      values.forEach((value, i) => {
        assert.equal(
          Buffer.compare(
            encoded[i] as Uint8Array,
            toBinary(StringValueSchema, create(StringValueSchema, { value })),
          ),
          0,
        );
      });
    }),
    { numRuns: 60 },
  );
});

test("a message that fails, or encodes another one in the middle, leaves the others as they are", () => {
  const before = texts.encode({ value: "before" });
  const failing = {
    get value(): string {
      throw new Error("no value today");
    },
  };
  assert.throws(() => texts.encode(failing as never), /no value today/);
  let inner: Uint8Array | undefined;
  const outer = texts.encode({
    get value() {
      inner = texts.encode({ value: "inner" });
      return "outer";
    },
  } as never);
  const after = texts.encode({ value: "after" });
  assert.deepEqual(
    [before, inner, outer, after].map((bytes) => texts.decode(bytes as Uint8Array).value),
    ["before", "inner", "outer", "after"],
  );
});

test("a large message has storage of its own, a small one shares a block of 64 KiB at the most", () => {
  const large = codecOf(BytesValueSchema).encode({ value: new Uint8Array(300_000) });
  assert.equal(large.buffer.byteLength, large.length);
  const small = texts.encode({ value: "small" });
  assert.ok(small.buffer.byteLength <= 64 * 1024);
  assert.equal(Object.getPrototypeOf(small), Uint8Array.prototype);
});
