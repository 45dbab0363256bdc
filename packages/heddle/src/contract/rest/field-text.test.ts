import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DescField } from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { contractOf } from "./contract-of.test.ts";
import { fieldTextOf } from "./field-text.ts";

const types = [
  "double float int64 uint64 int32 fixed64 fixed32 bool string bytes uint32 sfixed32 sfixed64 sint32 sint64",
  ["Timestamp", "Duration", "FieldMask", "Any", "Struct", "Value", "ListValue", "Empty"],
  [
    "DoubleValue",
    "FloatValue",
    "Int64Value",
    "UInt64Value",
    "Int32Value",
    "UInt32Value",
    "BoolValue",
    "StringValue",
    "BytesValue",
  ],
].flatMap((each) =>
  typeof each === "string" ? each.split(" ") : each.map((name) => `google.protobuf.${name}`),
);

const contract = contractOf({
  enums: { State: { STATE_UNSPECIFIED: 0, OPEN: 1, CLOSED: -1 } },
  messages: {
    All: {
      ...Object.fromEntries(types.map((type) => [nameOf(type), type])),
      ...Object.fromEntries(types.map((type) => [`many_${nameOf(type)}`, `repeated ${type}`])),
      in_oneof: "oneof one google.protobuf.StringValue",
      state: "State",
      states: "repeated State",
      all: "All",
      labels: "map string string",
    },
  },
});

function nameOf(type: string): string {
  return `a_${type.split(".").at(-1)?.toLowerCase()}`;
}

function field(name: string): DescField {
  return contract.getMessage("test.All")?.fields.find((each) => each.name === name) as DescField;
}

const read = (name: string, text: string) => fieldTextOf(field(name))?.read(text);

const i32 = "a whole number from -2147483648 to 2147483647";
const u32 = "a whole number from 0 to 4294967295";
const i64 = "a whole number from -9223372036854775808 to 9223372036854775807";
const u64 = "a whole number from 0 to 18446744073709551615";
const time = "a time such as";

/** Type, then texts that are read with what they are, then texts that are refused and what is expected instead. */
const scalars: readonly (readonly [
  type: string,
  good: readonly (readonly [string, unknown])[],
  expected: string,
  bad: readonly string[],
])[] = [
  [
    "string",
    [
      ["", ""],
      ["x", "x"],
      ["true", "true"],
      ["\u0000", "\u0000"],
      ["😀", "😀"],
    ],
    "",
    [],
  ],
  [
    "bool",
    [
      ["true", true],
      ["false", false],
    ],
    "true or false",
    ["", "1", "0", "TRUE", "yes", " true"],
  ],
  ...["int32", "sint32", "sfixed32"].map(
    (type) =>
      [
        type,
        [
          ["0", 0],
          ["-0", 0],
          ["2147483647", 2147483647],
          ["-2147483648", -2147483648],
        ],
        i32,
        [
          "2147483648",
          "-2147483649",
          "",
          " 1",
          "1 ",
          "1.0",
          "1e3",
          "0x1",
          "01",
          "+1",
          "--1",
          "NaN",
          "9".repeat(1000),
          "١",
        ],
      ] as const,
  ),
  ...["uint32", "fixed32"].map(
    (type) =>
      [
        type,
        [
          ["0", 0],
          ["4294967295", 4294967295],
        ],
        u32,
        ["-1", "4294967296"],
      ] as const,
  ),
  ...["int64", "sint64", "sfixed64"].map(
    (type) =>
      [
        type,
        [
          ["0", 0n],
          ["9223372036854775807", 2n ** 63n - 1n],
          ["-9223372036854775808", -(2n ** 63n)],
        ],
        i64,
        ["9223372036854775808", "-9223372036854775809", "1n", "1e3"],
      ] as const,
  ),
  ...["uint64", "fixed64"].map(
    (type) =>
      [type, [["18446744073709551615", 2n ** 64n - 1n]], u64, ["-1", "18446744073709551616"]] as const,
  ),
  [
    "double",
    [
      ["1.5", 1.5],
      ["-1e300", -1e300],
      ["-0", -0],
      ["NaN", Number.NaN],
      ["-Infinity", -Infinity],
    ],
    "a number",
    ["", "1e999", "-1e999", ".5", "5.", "1,5", "0x1", "nan", "inf", "1_0", "01"],
  ],
  [
    "float",
    [
      ["1.5", 1.5],
      ["3.4028234663852886e38", 3.4028234663852886e38],
      ["Infinity", Infinity],
    ],
    "a number",
    ["3.5e38", "-1e39", "", "x"],
  ],
  [
    "bytes",
    [
      ["", []],
      ["AP8H", [0, 255, 7]],
      ["-_8=", [251, 255]],
      ["+/8", [251, 255]],
      ["AA==", [0]],
      ["AA", [0]],
    ],
    "base64",
    ["A", "AAAAA", "A A", "ÄÄ", "AA===", "A=A=", "-_+/", "\n"],
  ],
  [
    "google.protobuf.Timestamp",
    [
      ["2026-01-02T03:04:05Z", { seconds: 1767323045n, nanos: 0 }],
      ["2026-01-02T04:04:05.5+01:00", { seconds: 1767323045n, nanos: 500_000_000 }],
    ],
    time,
    ["", "2026-01-02", "2026-13-02T03:04:05Z", "0", "1767323045"],
  ],
  [
    "google.protobuf.Duration",
    [
      ["1.5s", { seconds: 1n, nanos: 500_000_000 }],
      ["-2s", { seconds: -2n, nanos: 0 }],
    ],
    "a duration such as 1.5s",
    ["", "1", "1m", "s", "999999999999999s"],
  ],
  [
    "google.protobuf.FieldMask",
    [
      ["name,owner.firstName", { paths: ["name", "owner.first_name"] }],
      ["", { paths: [] }],
    ],
    "paths of fields",
    ["first_name"],
  ],
  ["google.protobuf.DoubleValue", [["1.5", 1.5]], "a number", ["x"]],
  ["google.protobuf.FloatValue", [["1.5", 1.5]], "a number", ["1e39"]],
  ["google.protobuf.Int64Value", [["-1", -1n]], i64, ["x"]],
  ["google.protobuf.UInt64Value", [["1", 1n]], u64, ["-1"]],
  ["google.protobuf.Int32Value", [["-1", -1]], i32, ["2147483648"]],
  ["google.protobuf.UInt32Value", [["1", 1]], u32, ["-1"]],
  ["google.protobuf.BoolValue", [["true", true]], "true or false", ["1"]],
  [
    "google.protobuf.StringValue",
    [
      ["", ""],
      ["x", "x"],
    ],
    "",
    [],
  ],
  ["google.protobuf.BytesValue", [["AA==", [0]]], "base64", ["A"]],
];

for (const [type, good, expected, bad] of scalars)
  describe(type, () => {
    for (const [text, value] of good)
      test(JSON.stringify(text), () => {
        const got = read(nameOf(type), text);
        if (got instanceof Uint8Array) assert.deepEqual([...got], value);
        else if (typeof got === "object") assert.partialDeepStrictEqual(got, value as object);
        else assert.deepEqual(got, value);
      });
    for (const text of bad)
      test(`not ${JSON.stringify(text.slice(0, 30))}`, () =>
        assert.throws(
          () => read(nameOf(type), text),
          (error: Error) => error.message.includes(expected),
        ));
  });

test("a repeated field is read an item at a time", () => {
  assert.equal(read("many_a_int32", "7"), 7);
  assert.partialDeepStrictEqual(read("many_a_stringvalue", "x"), {
    $typeName: "google.protobuf.StringValue",
    value: "x",
  });
  assert.partialDeepStrictEqual(read("in_oneof", "x"), {
    $typeName: "google.protobuf.StringValue",
    value: "x",
  });
});

test("an enum has names and numbers", () => {
  assert.deepEqual(
    ["OPEN", "1", "CLOSED", "-1", "0", "77"].map((text) => read("state", text)),
    [1, 1, -1, -1, 0, 77],
  );
  assert.throws(() => read("state", "OPENED"), /"OPENED" should be OPEN, perhaps/);
  assert.throws(() => read("state", "constructor"), /a name or a number of test\.State/);
  assert.throws(() => read("state", "2147483648"), /whole number/);
  assert.equal(fieldTextOf(field("states"))?.write(1), "OPEN");
  assert.equal(fieldTextOf(field("states"))?.write(77), "77");
});

test("what has no text", () => {
  for (const name of ["a_any", "a_struct", "a_value", "a_listvalue", "a_empty", "all", "labels"])
    assert.equal(fieldTextOf(field(name)), undefined, name);
});

test("half a surrogate pair is no text, and a long one is shown in part", () => {
  assert.throws(() => read("a_string", "\ud800"), /not UTF-8/);
  assert.throws(
    () => read("a_bool", `a\n${"x".repeat(5000)}`),
    /^Error: "a x{98}…" should be true or false$/,
  );
});

test("what is written is read as the same", () => {
  const values: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
    double: fc.double(),
    float: fc.float(),
    int64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    uint64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    int32: fc.integer(),
    uint32: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    bool: fc.boolean(),
    string: fc.string({ unit: "binary" }),
    bytes: fc.uint8Array(),
  };
  for (const [type, arbitrary] of Object.entries(values)) {
    const text = fieldTextOf(field(nameOf(type)));
    assert.ok(text !== undefined);
    fc.assert(fc.property(arbitrary, (value) => assert.deepEqual(text.read(text.write(value)), value)));
  }
});
