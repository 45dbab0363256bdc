/** The three modes, the table behind them, and when an encoded block may be sent again. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ByteWriter } from "../byte-writer.ts";
import { HpackDecoder } from "./decoder.ts";
import { HpackEncoder, type FieldMode } from "./encoder.ts";

describe("modes", () => {
  test("index: the second time takes one octet", () => {
    const encoder = new HpackEncoder();
    assert.ok(encode(encoder, "x-tenant", "blue", "index").length > 2);
    assert.equal(encode(encoder, "x-tenant", "blue", "index"), "be");
  });

  test("plain: never enters the table, uses what is there", () => {
    const encoder = new HpackEncoder();
    const generation = encoder.generation;
    assert.match(encode(encoder, "grpc-timeout", "15S", "plain"), /^00/);
    assert.equal(encoder.generation, generation);
    encode(encoder, "grpc-timeout", "15S", "index");
    assert.equal(encode(encoder, "grpc-timeout", "15S", "plain"), "be");
    // The name is known now: index 62 behind a four-bit prefix.
    assert.match(encode(encoder, "grpc-timeout", "14S", "plain"), /^0f2f/);
  });

  test("never: in full even when the table knows it, and marked", () => {
    const encoder = new HpackEncoder();
    encode(encoder, "authorization", "Bearer x", "index");
    const generation = encoder.generation;
    assert.match(encode(encoder, "authorization", "Bearer x", "never"), /^1f08/);
    assert.equal(encoder.generation, generation);
  });

  test("a field larger than the table leaves it alone", () => {
    const encoder = new HpackEncoder();
    encode(encoder, "a", "b", "index");
    const generation = encoder.generation;
    assert.match(encode(encoder, "c", "x".repeat(4096), "index"), /^00/);
    assert.equal(encoder.generation, generation);
    assert.equal(encode(encoder, "a", "b", "index"), "be");
  });

  test("strings are Huffman coded only when that is shorter", () => {
    const encoder = new HpackEncoder();
    assert.equal(encode(encoder, "~", "~~", "plain"), "00017e027e7e");
    assert.equal(encode(encoder, "aaa", "", "plain"), "008218c700");
  });

  test("a character above 255 is refused before anything is written", () => {
    const encoder = new HpackEncoder();
    const out = new ByteWriter();
    const generation = encoder.generation;
    assert.throws(() => encoder.field(out, "name", "\u20ac", "index"), TypeError);
    assert.throws(() => encoder.field(out, "\u20ac", "value", "never"), TypeError);
    assert.equal(out.length, 0);
    assert.equal(encoder.generation, generation);
  });
});

describe("the table", () => {
  test("evicts in order of insertion and forgets what it evicted", () => {
    const encoder = new HpackEncoder({ maxTableBytes: 34 * 2 });
    const out = new ByteWriter();
    encoder.begin(out);
    encode(encoder, "a", "1", "index");
    encode(encoder, "a", "2", "index");
    assert.equal(encode(encoder, "a", "1", "index"), "bf");
    encode(encoder, "b", "3", "index");
    assert.match(
      encode(encoder, "a", "1", "plain"),
      /^0f30/,
      "the name is still there, behind the newest entry",
    );
    encode(encoder, "b", "4", "index");
    assert.match(encode(encoder, "a", "1", "plain"), /^00/, "the name is gone with its last entry");
  });

  test("refers correctly to names while an insertion evicts them", () => {
    const encoder = new HpackEncoder({ maxTableBytes: 40 });
    const decoder = new HpackDecoder();
    for (let i = 0; i < 5; i++) {
      const out = new ByteWriter();
      encoder.begin(out);
      encoder.field(out, "name", String(i), "index");
      assert.deepEqual(decoder.decode(out.bytes, 0, out.length).fields, ["name", String(i)]);
    }
  });
});

describe("size updates", () => {
  test("nothing is written when the peer allows more than we use", () => {
    const encoder = new HpackEncoder();
    const generation = encoder.generation;
    encoder.setPeerTableBytes(65_536);
    assert.equal(begin(encoder), "");
    assert.equal(encoder.generation, generation);
  });

  test("the lowest size passed through comes before the final one", () => {
    const encoder = new HpackEncoder();
    encoder.setPeerTableBytes(1000);
    encoder.setPeerTableBytes(0);
    encoder.setPeerTableBytes(10);
    assert.equal(begin(encoder), "202a");
    assert.equal(begin(encoder), "");
  });

  test("a table that shrinks and grows again is empty on both sides", () => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder();
    const out = new ByteWriter();
    encoder.field(out, "a", "b", "index");
    decoder.decode(out.bytes, 0, out.length);
    encoder.setPeerTableBytes(0);
    encoder.setPeerTableBytes(4096);
    out.reset();
    encoder.begin(out);
    encoder.field(out, "a", "b", "index");
    encoder.field(out, "a", "b", "index");
    assert.deepEqual(decoder.decode(out.bytes, 0, out.length).fields, ["a", "b", "a", "b"]);
  });

  test("our own lower bound is announced in the first block", () => {
    assert.equal(begin(new HpackEncoder({ maxTableBytes: 0 })), "20");
    assert.equal(begin(new HpackEncoder({ maxTableBytes: 65_536 })), "");
  });

  test("a larger bound of ours takes effect when the peer allows it", () => {
    const encoder = new HpackEncoder({ maxTableBytes: 8192 });
    encoder.setPeerTableBytes(1_000_000);
    assert.equal(begin(encoder), "3fe13f");
  });
});

describe("generation", () => {
  test("stands still for blocks without insertions", () => {
    const encoder = new HpackEncoder();
    encode(encoder, "a", "b", "index");
    const generation = encoder.generation;
    encode(encoder, "a", "b", "index");
    encode(encoder, "c", "d", "plain");
    encode(encoder, "e", "f", "never");
    assert.equal(encoder.generation, generation);
  });

  test("changes with an insertion, with a pending size update, and when that is written", () => {
    const encoder = new HpackEncoder();
    const seen = [encoder.generation];
    encode(encoder, "a", "b", "index");
    seen.push(encoder.generation);
    encoder.setPeerTableBytes(2048);
    seen.push(encoder.generation);
    begin(encoder);
    seen.push(encoder.generation);
    encoder.setPeerTableBytes(4096);
    seen.push(encoder.generation);
    assert.equal(new Set(seen).size, seen.length);
  });
});

function begin(encoder: HpackEncoder): string {
  const out = new ByteWriter(1);
  encoder.begin(out);
  return Buffer.from(out.view()).toString("hex");
}

function encode(encoder: HpackEncoder, name: string, value: string, mode: FieldMode): string {
  const out = new ByteWriter(1);
  encoder.field(out, name, value, mode);
  return Buffer.from(out.view()).toString("hex");
}
