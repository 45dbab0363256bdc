/** What protobuf-es takes from JSON and strict readers do not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRegistry, type DescField, type DescMessage, fromJsonString } from "@bufbuild/protobuf";
import {
  DurationSchema,
  file_google_protobuf_any,
  file_google_protobuf_duration,
} from "@bufbuild/protobuf/wkt";
import { contractOf } from "../rest/contract-of.test.ts";
import { readStrictJsonText } from "./json-text.ts";

const contract = contractOf({
  messages: {
    Thing: {
      small: "int32",
      large: "int64",
      huge: "uint64",
      real: "double",
      narrow: "float",
      wrapped: "google.protobuf.Int64Value",
      all_wrapped: "repeated google.protobuf.Int64Value",
      larges: "repeated int64",
      by_name: "map string uint64",
      time: "google.protobuf.Duration",
      moment: "google.protobuf.Timestamp",
      any: "google.protobuf.Any",
      value: "google.protobuf.Value",
      struct: "google.protobuf.Struct",
      thing: "Thing",
    },
  },
});
const desc = contract.getMessage("test.Thing") as DescMessage;
const registry = createRegistry(file_google_protobuf_any, file_google_protobuf_duration, desc);
type Thing = Record<string, unknown>;
const read = (text: string, field?: DescField) =>
  readStrictJsonText(desc, text, registry, field) as unknown as Thing;

test("64 bits are read from the digits that were written, not from a number that was rounded", () => {
  for (const [text, large] of [
    ["9223372036854775807", 9223372036854775807n],
    ["-9223372036854775808", -9223372036854775808n],
    ["9007199254740993", 9007199254740993n],
    ['"9223372036854775807"', 9223372036854775807n],
    ["1e3", 1000n],
  ] as const) {
    assert.equal(read(`{"large":${text}}`)["large"], large, text);
    assert.deepEqual(read(`{"larges":[${text},1]}`)["larges"], [large, 1n]);
    assert.equal(read(`{"wrapped":${text}}`)["wrapped"], large);
    assert.equal((read(`{"thing":{"large":${text}}}`)["thing"] as Thing)["large"], large);
    assert.equal((read(`{"allWrapped":[${text}]}`)["allWrapped"] as Thing[])[0]?.["value"], large);
  }
  assert.equal(read('{"huge":18446744073709551615}')["huge"], 18446744073709551615n);
  assert.deepEqual(read('{"byName":{"x":18446744073709551615}}')["byName"], { x: 18446744073709551615n });
  for (const text of [
    '{"large":9223372036854775808}',
    '{"large":-9223372036854775809}',
    '{"large":"9223372036854775808"}',
    '{"huge":18446744073709551616}',
    '{"huge":-1}',
    '{"wrapped":-9223372036854775809}',
    '{"thing":{"large":-9223372036854775809}}',
    '{"any":{"@type":"x/test.Thing","large":-9223372036854775809}}',
  ])
    assert.throws(() => read(text), /out of range/, text);
});

test("a large number elsewhere is the number that it was", () => {
  assert.equal(read('{"real":9007199254740993}')["real"], 9007199254740992);
  assert.equal(read('{"narrow":100000000000000000000}')["narrow"], 1e20);
  assert.deepEqual(read('{"struct":{"a":[9007199254740993]},"large":1}')["struct"], {
    a: [9007199254740992],
  });
  assert.deepEqual((read('{"value":90071992547409931,"large":"01"}')["value"] as Thing)["kind"], {
    case: "numberValue",
    value: Number("90071992547409931"),
  });
  assert.throws(() => read('{"small":9007199254740993}'), /out of range/);
});

test("numbers in texts are decimal", () => {
  assert.equal(read('{"small":"007"}')["small"], 7);
  assert.equal(read('{"large":"-7"}')["large"], -7n);
  assert.equal(read('{"real":"1.5e3"}')["real"], 1500);
  assert.equal(read('{"real":"-Infinity"}')["real"], Number.NEGATIVE_INFINITY);
  for (const text of ['"0x10"', '" 7"', '"7 "', '""', '"1_0"', '"+7"', '"٧"', '"0b1"']) {
    for (const name of ["small", "large", "huge", "real", "narrow", "wrapped"])
      assert.throws(
        () => read(`{"${name}":${text}}`),
        new RegExp(`test\\.Thing\\.${name}`),
        `${name}: ${text}`,
      );
  }
});

test("a duration ends behind its s", () => {
  assert.deepEqual(read('{"time":"1.5s"}')["time"], fromJsonString(DurationSchema, '"1.5s"'));
  for (const text of ["89302649018.6s*", "1.5s ", "1s1s", "1.0000000001s", "s", "1.s", "315576000001s", "1"])
    assert.throws(() => read(`{"time":"${text}"}`), /test\.Thing\.time|google\.protobuf\.Duration/, text);
});

test("a time is one that there is", () => {
  for (const text of ["2024-02-29T23:59:59Z", "2000-02-29T00:00:00.5+01:00", "2026-12-31T00:00:00Z"])
    assert.ok(read(`{"moment":"${text}"}`)["moment"], text);
  const none = [
    "2026-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z",
    "2026-04-31T00:00:00Z",
    "2026-01-01T24:00:00Z",
  ];
  for (const text of [...none, "2026-02-30T00:00:00Z"])
    assert.throws(
      () => read(`{"moment":"${text}"}`),
      /test\.Thing\.moment.*should be a time that there is/,
      text,
    );
  assert.throws(() => read('{"moment":"2026-01-01"}'), /Timestamp/);
});

test("an Any says what it holds, and somebody knows that", () => {
  const holds = (json: string) => (read(`{"any":${json}}`)["any"] as Thing)["typeUrl"];
  assert.equal(holds("{}"), "");
  assert.equal(holds('{"@type":"x/test.Thing","small":1}'), "type.googleapis.com/test.Thing");
  assert.equal(
    holds('{"@type":"x/google.protobuf.Duration","value":"1s"}'),
    "type.googleapis.com/google.protobuf.Duration",
  );
  assert.throws(() => holds('{"@type":"x/test.Nobody"}'), /nobody here knows the type "x\/test\.Nobody"/);
  assert.throws(() => holds('{"small":1}'), /says in "@type" what it holds/);
  assert.throws(() => holds('{"@type":7}'), /says in "@type" what it holds/);
  assert.throws(() => holds('{"@type":"x/google.protobuf.Duration","value":"1s*"}'), /should be a duration/);
  assert.throws(() => holds('{"@type":"x/test.Thing","other":1}'), /key "other" is unknown/);
});

test("with a field the text is its value", () => {
  const field = desc.field["thing"] as DescField;
  assert.equal((read('{"small":1}', field)["thing"] as Thing)["small"], 1);
  assert.throws(() => read('{"small":1,"small":1}', field), /is there twice/);
  assert.throws(() => read('{"smal":1}', field), /"smal" is unknown/);
});
