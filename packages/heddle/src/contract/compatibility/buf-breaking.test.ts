/**
 * Differential: random changes of a contract, in which we must find what `buf breaking` finds, by rule and line, and nothing that
 * it does not. What we add to it (who else is broken, plain HTTP) has tests of its own.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom, type Random } from "../../runtime/random.ts";
import { compareContracts } from "./compare-contracts.ts";
import { bufBreaking, compile, type Sources } from "./compile.test.ts";
import { RULES, type RuleName } from "./contract-break.ts";

const CATEGORY = { FILE: "source", WIRE_JSON: "json", WIRE: "wire" } as const;

/**
 * Findings as both tell them. Buf names the line of the option that is not there, which is the first of the file, and tells of keys
 * and values of maps apart.
 */
function told(findings: readonly (readonly [string, string | undefined, number | undefined])[]) {
  const texts = findings.map(([rule, file = "", line = 0]) =>
    rule === "RPC_SAME_IDEMPOTENCY_LEVEL" ? rule : `${rule} ${file}:${line}`,
  );
  return [...new Set(texts)].toSorted();
}

function ours(before: Sources, after: Sources, category: keyof typeof CATEGORY): readonly string[] {
  const breaks = compareContracts(compile(before), compile(after));
  return told(
    breaks.flatMap(({ rules, place }) =>
      rules
        .filter((rule) => (RULES[rule] as readonly string[]).includes(CATEGORY[category]))
        .map((rule) => [rule, place?.file, place?.line] as const),
    ),
  );
}

/** The entry of a map is a message to buf, and a part of its field to us. */
function theirs(before: Sources, after: Sources, category: keyof typeof CATEGORY): readonly string[] {
  return told(
    bufBreaking(before, after, category)
      .filter(({ type, message }) => type !== "MESSAGE_NO_DELETE" || !message.includes('Entry"'))
      .map(({ type, path, start_line }) => [type, path, start_line] as const),
  );
}

const KINDS = [
  ..."int32 int64 uint32 uint64 sint32 sint64 bool string bytes fixed32 fixed64 sfixed32 sfixed64 float double".split(
    " ",
  ),
  "Shade",
  "Tone",
  "Left",
  "Right",
  "other.v1.Shade",
];

for (const seed of [1, 2, 3]) {
  test(`random changes of messages, enums and services, seed ${seed}`, () => {
    const random = createSeededRandom(seed);
    const [before, after] = randomContracts(random);
    for (const category of ["FILE", "WIRE_JSON", "WIRE"] as const) {
      const expected = theirs(before, after, category);
      assert.ok(expected.length > 50, `${expected.length} findings`);
      assert.deepEqual(ours(before, after, category), expected, category);
    }
  });
}

test("what random changes do not meet: files, options of files, presence in proto2, extensions", () => {
  const before = {
    "a/v1/a.proto": `syntax = "proto3";
package a.v1;
option go_package = "x/a";
message Kept { string a = 1; int64 b = 2 [jstype = JS_STRING]; }
message Moved { string a = 1; }
message Gone { message Inner { string a = 1; } enum Kind { KIND_UNSPECIFIED = 0; } }
enum GoneToo { GONE_TOO_UNSPECIFIED = 0; }
service GoneService {}
service Kept2 { rpc A(Kept) returns (Kept); }`,
    "a/v1/gone.proto": `syntax = "proto3";\npackage a.v1;\nmessage InGone {}`,
    "a/v1/old.proto": `syntax = "proto2";
package a.v1;
message Old {
  required string a = 1;
  optional int32 b = 2 [default = 4];
  optional string c = 3;
  extensions 100 to 200;
}
extend Old { optional string note = 100; }
enum Closed { CLOSED_A = 1; }`,
  };
  const after = {
    "a/v1/a.proto": `syntax = "proto3";
package a.v1;
option go_package = "x/b";
option java_package = "com.a";
message Kept { string a = 1; int64 b = 2; }
service Kept2 { rpc A(Kept) returns (Kept) { option idempotency_level = IDEMPOTENT; } }`,
    "a/v1/moved.proto": `syntax = "proto3";\npackage a.v1;\nmessage Moved { string a = 1; }`,
    "a/v1/old.proto": `syntax = "proto2";
package a.v1;
message Old {
  optional string a = 1;
  optional int32 b = 2 [default = 5];
  required string c = 3;
  required string d = 4;
  extensions 100 to 200;
}
enum Closed { CLOSED_A = 1; }`,
  };
  for (const category of ["FILE", "WIRE_JSON", "WIRE"] as const) {
    // Both name other lines here: we that of the part around what is gone, or where it is now.
    assert.deepEqual(
      rulesIn(ours(before, after, category)),
      rulesIn(theirs(before, after, category)),
      category,
    );
  }
});

function rulesIn(findings: readonly string[]): readonly string[] {
  return [...new Set(findings.map((finding) => finding.split(" ", 1)[0] ?? ""))].toSorted();
}

test("the same contract breaks nobody", () => {
  const [before] = randomContracts(createSeededRandom(4));
  assert.deepEqual(compareContracts(compile(before), compile(before)), []);
});

/** Two versions of one contract. Each part is one line, so that a line names it. */
function randomContracts(random: Random): readonly [Sources, Sources] {
  const fixed = [
    'syntax = "proto3";',
    "package a.v1;",
    'import "other/v1/other.proto";',
    "message Left { string a = 1; }",
    "message Right { string a = 1; }",
    "enum Shade { SHADE_UNSPECIFIED = 0; SHADE_LIGHT = 1; }",
    "enum Tone { TONE_UNSPECIFIED = 0; TONE_LOUD = 1; }",
  ];
  const before = [...fixed];
  const after = [...fixed];
  for (let i = 0; i < 60; i++) {
    const [was, is] = randomMessage(random, i);
    before.push(...was);
    after.push(...is);
  }
  for (let i = 0; i < 15; i++) {
    const [was, is] = randomEnum(random, i);
    before.push(...was);
    after.push(...is);
  }
  before.push("service Calls {");
  after.push("service Calls {");
  for (let i = 0; i < 20; i++) {
    before.push(randomMethod(random, i));
    if (random.below(5) > 0) after.push(randomMethod(random, i));
  }
  before.push("}");
  after.push("}");
  const other = `syntax = "proto3";\npackage other.v1;\nenum Shade { SHADE_UNSPECIFIED = 0; SHADE_LIGHT = 1; SHADE_DARK = 2; }`;
  return [
    { "a/v1/a.proto": before.join("\n"), "other/v1/other.proto": other },
    { "a/v1/a.proto": after.join("\n"), "other/v1/other.proto": other },
  ];
}

function randomMessage(random: Random, i: number): readonly [string[], string[]] {
  const before = [`message M${i} {`];
  const after = [`message M${i} {`];
  const wasReserved = random.below(3) === 0;
  if (wasReserved) before.push('  reserved 100 to 110, 120; reserved "x", "y";');
  const reserved = ["100 to 110", "120"];
  const names = ['"x"', '"y"'];
  if (wasReserved && random.below(2) === 0) reserved.pop();
  if (wasReserved && random.below(2) === 0) names.pop();
  for (let n = 1; n <= 6; n++) {
    const field = randomField(random, `f${n}`, n);
    before.push(field);
    switch (random.below(6)) {
      case 0:
        if (random.below(2) === 0) reserved.push(String(n));
        if (random.below(2) === 0) names.push(`"f${n}"`);
        break;
      case 1:
        after.push(field);
        break;
      case 2:
        after.push(randomField(random, `g${n}`, n));
        break;
      default:
        after.push(randomField(random, `f${n}`, n));
    }
  }
  after.push(`  reserved ${reserved.join(", ")}; reserved ${names.join(", ")};`);
  return [
    [...before, "}"],
    [...after, "}"],
  ];
}

function randomField(random: Random, name: string, number: number): string {
  const kind = KINDS[random.below(KINDS.length)] ?? "string";
  const json = random.below(8) === 0 ? ` [json_name = "j${random.below(2)}${number}"]` : "";
  const end = `${name} = ${number}${json};`;
  switch (random.below(8)) {
    case 0:
      return `  repeated ${kind} ${end}`;
    case 1:
      return `  optional ${kind} ${end}`;
    case 2:
      return `  oneof o${number}${random.below(2)} { ${kind} ${end} }`;
    case 3:
      return `  map<${random.below(2) === 0 ? "string" : "int32"}, ${kind}> ${end}`;
    default:
      return `  ${kind} ${end}`;
  }
}

function randomEnum(random: Random, i: number): readonly [string[], string[]] {
  const before = [`enum E${i} { reserved 50 to 60; reserved "E${i}_OLD";`, `  E${i}_UNSPECIFIED = 0;`];
  const after = [
    `enum E${i} { ${random.below(2) === 0 ? "reserved 40 to 70;" : "reserved 50 to 59;"}`,
    `  E${i}_UNSPECIFIED = 0;`,
  ];
  for (let n = 1; n < 5; n++) {
    before.push(`  E${i}_${n} = ${n};`);
    switch (random.below(5)) {
      case 0:
        after.push(`  E${i}_${n}_NEW = ${n};`);
        break;
      case 1:
        if (random.below(2) === 0) after.push(`  reserved ${n};`);
        if (random.below(2) === 0) after.push(`  reserved "E${i}_${n}";`);
        break;
      default:
        after.push(`  E${i}_${n} = ${n};`);
    }
  }
  return [
    [...before, "}"],
    [...after, "}"],
  ];
}

function randomMethod(random: Random, i: number): string {
  const side = () => `${random.below(3) === 0 ? "stream " : ""}${random.below(3) === 0 ? "Right" : "Left"}`;
  const level = ["", "option idempotency_level = IDEMPOTENT;", "option idempotency_level = NO_SIDE_EFFECTS;"];
  return `  rpc Do${i}(${side()}) returns (${side()}) { ${level[random.below(3)] ?? ""} }`;
}

/** The names are buf's: one that it does not know would be ours alone. */
test("rules without REST_ are rules of buf", () => {
  const own = (Object.keys(RULES) as RuleName[]).filter((rule) => rule.startsWith("REST_"));
  assert.equal(own.length, 6);
});
