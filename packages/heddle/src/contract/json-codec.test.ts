import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  anyPack,
  AnySchema,
  BytesValueSchema,
  DurationSchema,
  StringValueSchema,
} from "@bufbuild/protobuf/wkt";
import assert from "node:assert/strict";
import { test } from "node:test";
import { Echo } from "./echo-service.test.ts";
import { jsonMethod } from "./json-method.ts";
import { methodOf } from "./method.ts";
import { registryOfServices } from "./registry-of-services.ts";

const registry = registryOfServices([Echo]);
const say = jsonMethod(methodOf(Echo.method.say), registry);
const anything = jsonMethod(
  {
    ...methodOf(Echo.method.say),
    desc: { ...Echo.method.say, input: AnySchema, output: AnySchema } as never,
  },
  registry,
);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (json: string) => new TextEncoder().encode(json);

test("a method has the same name and path, and messages as JSON", () => {
  assert.equal(say.path, "/heddle.unit.Echo/Say");
  assert.equal(text(say.output.encode({ value: Uint8Array.of(1, 2) } as never)), '"AQI="');
  const decoded = say.input.decode(bytes('"AQI="'));
  assert.deepEqual(toBinary(BytesValueSchema, decoded as never), Uint8Array.of(0x0a, 2, 1, 2));
});

test("JSON goes behind what a sink has, and is read from where it lies", () => {
  const sink = { bytes: new Uint8Array(64), length: 3, ensure() {} };
  say.output.encodeInto(create(BytesValueSchema, { value: Uint8Array.of(7) }), sink);
  assert.equal(text(sink.bytes.subarray(3, sink.length)), '"Bw=="');
  assert.equal((say.input.decode(sink.bytes, 3, sink.length) as never as { value: Uint8Array }).value[0], 7);
  assert.throws(() => say.input.decode(sink.bytes, 3, 65), RangeError);
});

test("an Any holds the well-known types and those of the served files", () => {
  const any = anyPack(StringValueSchema, create(StringValueSchema, { value: "x" }));
  const json = anything.output.encode(any);
  assert.deepEqual(JSON.parse(text(json)), {
    "@type": "type.googleapis.com/google.protobuf.StringValue",
    value: "x",
  });
  const back = anything.input.decode(json) as never as { value: Uint8Array };
  assert.equal(fromBinary(StringValueSchema, back.value).value, "x");
  assert.ok(registry.getMessage(DurationSchema.typeName));
  assert.ok(registry.getService("heddle.unit.Echo"));
});

test("fields that nobody knows are ignored; what is no JSON, no UTF-8 or no such message is refused", () => {
  const json = '{"@type":"type.googleapis.com/google.protobuf.Empty","new":1}';
  assert.equal((anything.input.decode(bytes(json)) as never as { value: Uint8Array }).value.length, 0);
  for (const bad of ["", "{", "[]", '"*"', "5"]) assert.throws(() => say.input.decode(bytes(bad)), bad);
  assert.throws(() => say.input.decode(Uint8Array.of(0x22, 0xff, 0x22)));
  assert.throws(() => say.input.decode(bytes("[".repeat(1_000_000))));
});
