/** What the decoder refuses, what it limits, and when it may answer from memory. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ByteWriter } from "../byte-writer.ts";
import { HpackDecoder, type HpackDecoderOptions } from "./decoder.ts";
import { HpackEncoder } from "./encoder.ts";

const compression = { name: "HpackError", reason: "compression" };
const tooLarge = { name: "HpackError", reason: "list-too-large" };

describe("a block is refused when", () => {
  const cases: readonly [what: string, hex: string, options?: HpackDecoderOptions][] = [
    ["index 0 is used", "80"],
    ["an index is beyond the empty table", "be"],
    ["an index is beyond the table", "4001610162bf"],
    ["a name index is beyond the table", "7e0161"],
    ["an integer is cut off", "ff"],
    ["an integer is cut off after a continuation", "ff80"],
    ["an integer exceeds 2^31 - 1", "ff81ffffff07"],
    ["an integer has six continuation octets", "ff808080808000"],
    ["a string length is missing", "00"],
    ["the value is missing", "000161"],
    ["a name is cut off", "00036161"],
    ["a value is cut off", "0001610361"],
    ["a string claims 2 GiB", "00ff80ffffff07"],
    ["Huffman padding is wrong", "0001618118"],
    ["a size update exceeds what was advertised", "3fe21f"],
    ["a raised size update exceeds what was advertised", "3fe23f", { maxTableBytes: 8192 }],
    ["a size update follows a field", "8220"],
    ["there are three size updates", "202020"],
  ];
  for (const [what, hex, options] of cases) {
    test(what, () => assert.throws(() => decode(new HpackDecoder(options), hex), compression));
  }
});

describe("a block is accepted when", () => {
  const cases: readonly [what: string, hex: string, fields: string[], options?: HpackDecoderOptions][] = [
    ["it is empty", "", []],
    ["it has two size updates", "203fe11f82", [":method", "GET"]],
    ["it raises the table to what was advertised", "3fe13f82", [":method", "GET"], { maxTableBytes: 8192 }],
    ["an integer is longer than it needs to be", "0f808080800000", ["accept-charset", ""]],
    ["a value has octets above 127", "00016103e9fe80", ["a", "\u00e9\u00fe\u0080"]],
    ["both strings are empty", "000000", ["", ""]],
  ];
  for (const [what, hex, fields, options] of cases) {
    test(what, () => assert.deepEqual(decode(new HpackDecoder(options), hex).fields, fields));
  }
});

describe("the table", () => {
  test("is emptied by an entry larger than itself", () => {
    const decoder = new HpackDecoder();
    decode(decoder, `3f11${literal("a", "b")}`);
    assert.deepEqual(decode(decoder, "be").fields, ["a", "b"]);
    assert.deepEqual(decode(decoder, literal("a", "c".repeat(20))).fields, ["a", "c".repeat(20)]);
    assert.throws(() => decode(decoder, "be"), compression);
  });

  test("keeps the name that an insertion refers to and evicts", () => {
    const decoder = new HpackDecoder();
    decode(decoder, `3f11${literal("name", "1")}`);
    assert.deepEqual(decode(decoder, "7e0132").fields, ["name", "2"]);
    assert.deepEqual(decode(decoder, "be").fields, ["name", "2"]);
    assert.throws(() => decode(decoder, "bf"), compression);
  });

  test("is emptied by a size update to 0 and can grow again", () => {
    const decoder = new HpackDecoder();
    decode(decoder, literal("a", "b"));
    decode(decoder, "203fe11f");
    assert.throws(() => decode(decoder, "be"), compression);
  });

  test("outlives many times its capacity", () => {
    const decoder = new HpackDecoder();
    for (let i = 0; i < 1000; i++) decode(decoder, literal("k", String(i)));
    assert.deepEqual(decode(decoder, "bebfc0").fields, ["k", "999", "k", "998", "k", "997"]);
  });
});

describe("the list limit", () => {
  const limits = { maxHeaderListBytes: 200 };

  test("lets a list of exactly that size pass", () => {
    const block = decode(new HpackDecoder(limits), plain("n", "v".repeat(200 - 33)));
    assert.equal(block.listBytes, 200);
  });

  test("refuses one octet more, and the next block decodes", () => {
    const decoder = new HpackDecoder(limits);
    assert.throws(() => decode(decoder, plain("n", "v".repeat(200 - 32))), tooLarge);
    assert.deepEqual(decode(decoder, "82").fields, [":method", "GET"]);
  });

  test("takes the whole refused block into the table", () => {
    const decoder = new HpackDecoder(limits);
    const hex = plain("big", "x".repeat(300)) + literal("first", "1") + literal("second", "2");
    assert.throws(() => decode(decoder, hex), tooLarge);
    assert.deepEqual(decode(decoder, "bebf").fields, ["second", "2", "first", "1"]);
  });

  test("clears the table for a refused entry larger than the table", () => {
    const decoder = new HpackDecoder(limits);
    decode(decoder, `3f11${literal("a", "b")}`);
    assert.throws(() => decode(decoder, literal("c", "d".repeat(300))), tooLarge);
    assert.throws(() => decode(decoder, "be"), compression);
  });

  test("counts indexed fields: a bomb of one-octet fields", () => {
    const decoder = new HpackDecoder();
    decode(decoder, literal("a", "b".repeat(4000)));
    assert.throws(() => decode(decoder, "be".repeat(20)), tooLarge);
    assert.throws(() => decode(decoder, "be".repeat(60_000)), compression);
  });

  test("gives the connection up at four times the limit", () => {
    assert.throws(() => decode(new HpackDecoder(limits), plain("n", "v".repeat(800 - 33))), tooLarge);
    assert.throws(() => decode(new HpackDecoder(limits), plain("n", "v".repeat(800 - 32))), compression);
  });

  test("finds what is wrong behind the limit", () => {
    assert.throws(() => decode(new HpackDecoder(limits), `${plain("n", "v".repeat(300))}80`), compression);
  });

  test("counts Huffman coded strings by their decoded length", () => {
    const encoder = new HpackEncoder();
    const out = new ByteWriter();
    encoder.field(out, "n", "0".repeat(200), "plain");
    assert.ok(out.length < 140);
    assert.throws(() => new HpackDecoder(limits).decode(out.bytes, 0, out.length), tooLarge);
  });

  test("strings above the scratch space decode", () => {
    const name = "a".repeat(15_000);
    const value = "0".repeat(40_000);
    const out = new ByteWriter(8);
    new HpackEncoder().field(out, name, value, "index");
    assert.deepEqual(new HpackDecoder().decode(out.bytes, 0, out.length).fields, [name, value]);
  });
});

describe("a block seen before", () => {
  const insertion = literal("x-tenant", "blue");

  test("comes back as the same object, with its memo", () => {
    const decoder = new HpackDecoder();
    decode(decoder, insertion);
    const first = decode(decoder, "82be");
    first.parsed = "memo";
    assert.equal(decode(decoder, "82be"), first);
    assert.equal(decode(decoder, "82be").parsed, "memo");
  });

  test("is found wherever it stands in the input", () => {
    const decoder = new HpackDecoder();
    const first = decode(decoder, "8286");
    const bytes = Uint8Array.of(0, 0, 0x82, 0x86, 0x84);
    assert.equal(decoder.decode(bytes, 2, 4), first);
    assert.notEqual(decoder.decode(bytes, 2, 5), first);
  });

  test("survives the caller's reuse of the input", () => {
    const decoder = new HpackDecoder();
    const bytes = Uint8Array.of(0x82);
    const get = decoder.decode(bytes, 0, 1);
    bytes[0] = 0x83;
    assert.deepEqual(decoder.decode(bytes, 0, 1).fields, [":method", "POST"]);
    bytes[0] = 0x82;
    assert.equal(decoder.decode(bytes, 0, 1), get);
  });

  test("is decoded anew when the table has changed", () => {
    const decoder = new HpackDecoder();
    decode(decoder, insertion);
    const before = decode(decoder, "be");
    decode(decoder, literal("x-tenant", "green"));
    assert.deepEqual(before.fields, ["x-tenant", "blue"]);
    assert.deepEqual(decode(decoder, "be").fields, ["x-tenant", "green"]);
    assert.deepEqual(decode(decoder, "bf").fields, ["x-tenant", "blue"]);
  });

  test("inserts each time it says so", () => {
    const decoder = new HpackDecoder();
    decode(decoder, insertion);
    decode(decoder, insertion);
    assert.deepEqual(decode(decoder, "bebf").fields, ["x-tenant", "blue", "x-tenant", "blue"]);
  });

  test("inserts after the table, at first of no size, has grown", () => {
    const decoder = new HpackDecoder();
    decode(decoder, "20");
    decode(decoder, insertion);
    decode(decoder, insertion);
    decode(decoder, "3fe11f");
    decode(decoder, insertion);
    assert.deepEqual(decode(decoder, "be").fields, ["x-tenant", "blue"]);
  });

  test("is not kept when nothing may be kept", () => {
    const decoder = new HpackDecoder({ maxCachedBlocks: 0 });
    assert.notEqual(decode(decoder, "82"), decode(decoder, "82"));
  });

  test("is right among far more blocks than places", () => {
    const decoder = new HpackDecoder({ maxCachedBlocks: 4 });
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 200; i++) {
        assert.deepEqual(decode(decoder, plain("n", String(i))).fields, ["n", String(i)]);
      }
    }
  });

  test("hands out the very strings of the table", () => {
    const decoder = new HpackDecoder();
    decode(decoder, insertion);
    assert.equal(decode(decoder, "be82").fields[1], decode(decoder, "82be").fields[3]);
  });
});

function decode(decoder: HpackDecoder, hex: string) {
  const bytes = Uint8Array.from(Buffer.from(hex, "hex"));
  return decoder.decode(bytes, 0, bytes.length);
}

/** A literal with incremental indexing. */
function literal(name: string, value: string): string {
  return `40${string(name)}${string(value)}`;
}

/** A literal without indexing. */
function plain(name: string, value: string): string {
  return `00${string(name)}${string(value)}`;
}

function string(text: string): string {
  const length: number[] = [];
  if (text.length < 127) length.push(text.length);
  else {
    length.push(127);
    let rest = text.length - 127;
    for (; rest >= 128; rest >>= 7) length.push(0x80 | (rest & 127));
    length.push(rest);
  }
  return Buffer.from([...length, ...Buffer.from(text, "latin1")]).toString("hex");
}
