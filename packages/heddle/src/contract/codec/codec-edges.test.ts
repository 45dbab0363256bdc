/** What the random tests of the codecs reach seldom or never. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  create,
  createFileRegistry,
  type DescField,
  type DescMessage,
  fromBinary,
  getExtension,
  setExtension,
  toBinary,
} from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_struct,
  ListValueSchema,
  StructSchema,
  TimestampSchema,
  ValueSchema,
} from "@bufbuild/protobuf/wkt";
import { file_heddle_registry_v1_registry as registryFile } from "../../gen/heddle/registry/v1/registry_pb.ts";
import { codecOf } from "./codec.ts";
import { compiledMessageOf } from "./compile.ts";

function outcome(run: () => unknown): unknown {
  try {
    return { value: run() };
  } catch (error) {
    return { error: String(error) };
  }
}

/** A message type of one file, with these fields. */
function typeOf(name: string, field: object[]): DescMessage {
  const file = { name: "edge.proto", package: "edge", syntax: "proto3", messageType: [{ name, field }] };
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }));
  return registry.getMessage(`edge.${name}`) as DescMessage;
}

test("well-known types and the registry's own messages travel without protobuf-es", () => {
  const struct = { fields: { a: { kind: { case: "listValue" as const, value: { values: [{}] } } } } };
  const samples: [DescMessage, Record<string, unknown>][] = [
    [TimestampSchema, { seconds: 1_700_000_000n, nanos: -1 }],
    [StructSchema, struct],
    [ValueSchema, { kind: { case: "structValue", value: struct } }],
    [ListValueSchema, { values: [{ kind: { case: "numberValue", value: -0 } }] }],
    [FileDescriptorProtoSchema, { ...registryFile.proto, $typeName: undefined }],
    ...registryFile.messages.map((desc): [DescMessage, Record<string, unknown>] => [desc, {}]),
  ];
  for (const [desc, init] of samples) {
    const codec = codecOf(desc);
    assert.equal(codec.kind, "compiled");
    const bytes = codec.encode(init);
    assert.deepStrictEqual(bytes, toBinary(desc, create(desc, init)));
    const compiled = compiledMessageOf(desc);
    const message = compiled.make();
    compiled.read(message, bytes, 0, bytes.length, 1, 0);
    assert.deepStrictEqual(message, fromBinary(desc, bytes));
    assert.equal(Object.getPrototypeOf(message), Object.getPrototypeOf(create(desc)));
  }
});

test("a hundred levels are read, one more is refused with protobuf-es's words", () => {
  const nest = typeOf("Nest", [
    { name: "in", number: 1, label: Label.OPTIONAL, type: Type.MESSAGE, typeName: ".edge.Nest" },
  ]);
  for (const levels of [98, 99, 100, 101, 5000]) {
    let bytes: Uint8Array = new Uint8Array(0);
    for (let i = 0; i < levels; i++)
      bytes = codecOf(nest).encode({ $unknown: undefined, in: fromShallow(nest, bytes) });
    assert.deepStrictEqual(
      outcome(() => codecOf(nest).decode(bytes)),
      outcome(() => fromBinary(nest, bytes)),
    );
  }
});

/** A message whose content is these bytes, kept as they are. */
function fromShallow(desc: DescMessage, bytes: Uint8Array): object {
  const message = create(desc);
  if (bytes.length > 0) message.$unknown = [{ no: 1, wireType: 2, data: bytes.subarray(1) }];
  return message;
}

test("varints of every length are read alike, in fields and in tags", () => {
  const desc = typeOf("Numbers", [
    { name: "u", number: 1, label: Label.OPTIONAL, type: Type.UINT32 },
    { name: "i", number: 2, label: Label.OPTIONAL, type: Type.INT32 },
    { name: "s", number: 3, label: Label.OPTIONAL, type: Type.SINT64 },
    { name: "b", number: 4, label: Label.OPTIONAL, type: Type.BOOL },
    { name: "l", number: 5, label: Label.OPTIONAL, type: Type.UINT64 },
  ]);
  for (let no = 1; no <= 6; no++) {
    for (let length = 1; length <= 12; length++) {
      for (const last of [0, 1, 2, 0x0f, 0x10, 0x7f]) {
        for (const fill of [0x80, 0xff]) {
          const varint = [...Array.from({ length: length - 1 }, () => fill), last];
          for (const bytes of [Uint8Array.of(no << 3, ...varint), Uint8Array.of(...varint, 1, 2, 3)]) {
            assert.deepStrictEqual(
              outcome(() => codecOf(desc).decode(bytes)),
              outcome(() => fromBinary(desc, bytes)),
            );
          }
        }
      }
    }
  }
});

test("a float that is too large by less than half a step is refused, alone and in a list", () => {
  const desc = typeOf("Floats", [
    { name: "one", number: 1, label: Label.OPTIONAL, type: Type.FLOAT },
    { name: "many", number: 2, label: Label.REPEATED, type: Type.FLOAT },
  ]);
  for (const value of [3.4028234663852886e38, 3.402823466385289e38, -3.4028235e38, 1e39, -Infinity]) {
    for (const init of [{ one: value }, { many: [1, value] }]) {
      assert.deepStrictEqual(
        outcome(() => codecOf(desc).encode(init)),
        outcome(() => toBinary(desc, create(desc, init))),
      );
    }
  }
});

test("extensions are kept, read by protobuf-es, and written again", () => {
  const base = { name: "Base", extensionRange: [{ start: 100, end: 1000 }] };
  const extension = [Type.STRING, Type.BYTES, Type.SINT64, Type.DOUBLE, Type.BOOL, Type.FIXED32].map(
    (type, i) => ({
      name: `ext_${i}`,
      number: 100 + i,
      label: i % 2 === 0 ? Label.OPTIONAL : Label.REPEATED,
      type,
      extendee: ".edge.Base",
    }),
  );
  const self = {
    name: "ext_self",
    number: 200,
    label: Label.OPTIONAL,
    type: Type.GROUP,
    typeName: ".edge.Base",
  };
  const file = create(FileDescriptorProtoSchema, {
    name: "edge.proto",
    package: "edge",
    syntax: "proto2",
    messageType: [base],
    extension: [...extension, { ...self, extendee: ".edge.Base" }],
  });
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }));
  const desc = registry.getMessage("edge.Base") as DescMessage;
  const values = ["é", [Uint8Array.of(1)], -5n, [1.5, -0], true, [7, 8], create(desc)];
  const extensions = [...registry].filter((type) => type.kind === "extension");
  assert.equal(extensions.length, values.length);
  const message = create(desc);
  extensions.forEach((type, i) => setExtension(message, type, values[i] as never));
  const bytes = codecOf(desc).encode(message);
  assert.deepStrictEqual(bytes, toBinary(desc, message));
  const decoded = codecOf(desc).decode(bytes);
  assert.deepStrictEqual(decoded, fromBinary(desc, bytes));
  extensions.forEach((type, i) => assert.deepStrictEqual(getExtension(decoded, type), values[i]));
  assert.deepStrictEqual(codecOf(desc).encode(decoded), bytes);
});

test("names in a descriptor are property keys and never code", () => {
  const hostile = '"];globalThis.__codecEscaped=1;//`${globalThis.__codecEscaped=1}\\\n\u2028';
  // protobuf-es refuses such names, so the descriptor is forged.
  const real = typeOf("Hostile", [{ name: "text", number: 1, label: Label.OPTIONAL, type: Type.STRING }]);
  const field = Object.create(real.fields[0] as DescField, { localName: { value: hostile } }) as DescField;
  const desc: DescMessage = { ...real, typeName: hostile, fields: [field], members: [field] };
  const init = { [hostile]: "x" };
  const bytes = codecOf(desc).encode(init);
  assert.deepStrictEqual(bytes, toBinary(desc, create(desc, init)));
  assert.deepStrictEqual(codecOf(desc).decode(bytes), fromBinary(desc, bytes));
  assert.equal("__codecEscaped" in globalThis, false);
});

test("a field named as a property of every object makes the type reflective, alone and inside others", () => {
  const odd = {
    name: "Odd",
    field: [{ name: "has_own_property", number: 1, label: Label.OPTIONAL, type: Type.STRING }],
  };
  const outer = {
    name: "Outer",
    field: [
      { name: "odd", number: 1, label: Label.OPTIONAL, type: Type.MESSAGE, typeName: ".edge.Odd" },
      { name: "odds", number: 2, label: Label.REPEATED, type: Type.MESSAGE, typeName: ".edge.Odd" },
    ],
  };
  const file = { name: "edge.proto", package: "edge", syntax: "proto3", messageType: [odd, outer] };
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }));
  const oddDesc = registry.getMessage("edge.Odd") as DescMessage;
  const desc = registry.getMessage("edge.Outer") as DescMessage;
  assert.deepEqual([codecOf(oddDesc).kind, codecOf(desc).kind], ["reflective", "compiled"]);
  const init: Record<string, unknown> = {
    odd: { hasOwnProperty: "yes" },
    odds: [{}, { hasOwnProperty: "x".repeat(200) }],
  };
  const bytes = codecOf(desc).encode(init);
  assert.deepStrictEqual(bytes, toBinary(desc, create(desc, init)));
  assert.deepStrictEqual(codecOf(desc).decode(bytes), fromBinary(desc, bytes));
});

test("a range outside of the bytes is an error", () => {
  const codec = codecOf(TimestampSchema);
  for (const [start, end] of [
    [-1, 1],
    [0, 5],
    [3, 2],
    [Number.NaN, 1],
  ]) {
    assert.throws(() => codec.decode(new Uint8Array(4), start, end), RangeError);
  }
});

test("where code generation is forbidden protobuf-es does it all", () => {
  const module = fileURLToPath(new URL("./codec.ts", import.meta.url));
  const script = `
    import { codecOf } from ${JSON.stringify(module)};
    import { TimestampSchema } from "@bufbuild/protobuf/wkt";
    const codec = codecOf(TimestampSchema);
    const bytes = codec.encode({ seconds: 5n });
    console.log(codec.kind, [...bytes].join(), codec.decode(bytes).seconds);`;
  const flags = ["--disallow-code-generation-from-strings", "--input-type=module", "-e", script];
  const cwd = fileURLToPath(new URL(".", import.meta.url));
  assert.equal(execFileSync(process.execPath, flags, { cwd, encoding: "utf8" }), "reflective 8,5 5n\n");
});

test("a JSON object that is merged over and over is refused, wherever it stands and whatever comes before", () => {
  const field = (name: string, number: number, typeName: string, label = Label.OPTIONAL) => ({
    name,
    number,
    typeName,
    label,
    type: Type.MESSAGE,
  });
  const edge = create(FileDescriptorProtoSchema, {
    name: "edge.proto",
    package: "edge",
    syntax: "proto3",
    dependency: ["google/protobuf/struct.proto"],
    messageType: [
      { name: "Leaf", field: [field("json", 1, ".google.protobuf.Struct")] },
      {
        name: "Root",
        field: [
          field("leaf", 1, ".edge.Leaf"),
          field("leaves", 2, ".edge.Leaf", Label.REPEATED),
          field("root", 3, ".edge.Root"),
          { name: "count", number: 4, label: Label.OPTIONAL, type: Type.INT32 },
        ],
      },
    ],
  });
  const registry = createFileRegistry(edge, () => file_google_protobuf_struct.proto);
  const [leaf, root] = ["edge.Leaf", "edge.Root"].map((name) => registry.getMessage(name) as DescMessage);
  assert.ok(leaf && root);
  const json = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`key${i}`, true]));
  const repeat = (bytes: number[], count: number) => Array.from({ length: count }, () => bytes).flat();
  const large = [...codecOf(leaf).encode({ json })];
  const inRoot = [...codecOf(root).encode({ leaf: { json } })];
  const group = [0x7b, 0x7c];
  const lengthOf = ({ length }: readonly number[]) => [
    (length & 127) | 128,
    ((length >>> 7) & 127) | 128,
    length >>> 14,
  ];
  const hidden = [...large, ...repeat([0x0a, 0], 5000)];
  const hiddenInRoot = [...inRoot, ...repeat([0x0a, 2, 0x0a, 0], 5000)];
  for (const [desc, bytes] of [
    [leaf, [...large, ...repeat([0x0a, 0], 5000)]],
    [leaf, [...group, ...large, ...repeat([0x0a, 0], 5000)]],
    [leaf, [...repeat([0x7b], 200), ...repeat([0x7c], 200), ...large, ...repeat([0x0a, 0], 5000)]],
    [root, [...inRoot, ...repeat([0x0a, 2, 0x0a, 0], 5000)]],
    // protobuf-es goes by the type of a field that it knows: behind a wrong wire type something else begins for it.
    [root, [0x08, ...lengthOf(hidden), ...hidden]],
    [root, [0x22, ...lengthOf(hiddenInRoot), ...hiddenInRoot]],
    [root, [0x23, 0x00, ...hiddenInRoot, 0x24]],
  ] as const) {
    const began = performance.now();
    assert.throws(() => codecOf(desc).decode(Uint8Array.from(bytes)));
    assert.ok(performance.now() - began < 1000);
  }
  const rows = { leaves: Array.from({ length: 500 }, () => ({ json: { a: 1 } })), root: { leaf: { json } } };
  const bytes = codecOf(root).encode(rows);
  assert.deepStrictEqual(codecOf(root).decode(bytes), fromBinary(root, bytes));
  const merged = Uint8Array.from([...large, ...repeat([0x0a, 0], 3)]);
  assert.deepStrictEqual(codecOf(leaf).decode(merged), fromBinary(leaf, merged));
});

test("without Node's own functions for UTF-8 the standard ones do", () => {
  const module = fileURLToPath(new URL("./codec.ts", import.meta.url));
  const script = `
    Buffer.prototype.utf8Write = undefined;
    Buffer.prototype.utf8Slice = undefined;
    const { codecOf } = await import(${JSON.stringify(module)});
    const { toBinary, create } = await import("@bufbuild/protobuf");
    const { StringValueSchema } = await import("@bufbuild/protobuf/wkt");
    const { decode, encode } = codecOf(StringValueSchema);
    const texts = ["", "a", "é", "x".repeat(50), "é".repeat(50), "😀".repeat(500), "\\ud800", "\\ufffd".repeat(40)];
    const same = texts.filter((value) => {
      const bytes = encode({ value });
      const expected = toBinary(StringValueSchema, create(StringValueSchema, { value }));
      return Buffer.compare(bytes, expected) === 0 && decode(bytes).value === value.toWellFormed();
    });
    let refused = 0;
    try { decode(Uint8Array.of(10, 2, 0xc3, 0x28)); } catch { refused++; }
    console.log(same.length, texts.length, refused);`;
  const cwd = fileURLToPath(new URL(".", import.meta.url));
  const flags = ["--input-type=module", "-e", script];
  assert.equal(execFileSync(process.execPath, flags, { cwd, encoding: "utf8" }), "8 8 1\n");
});
