/** The Huffman code by itself: the table against the RFC, round trips, and strictness about padding. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { CODE_BITS, CODES, EOS } from "./huffman-code.ts";
import { huffmanDecode, maxDecodedBytes } from "./huffman-decode.ts";
import { huffmanBytes, huffmanEncode } from "./huffman-encode.ts";
import { HpackError } from "./hpack-error.ts";
import { latin1String } from "./latin1.ts";

/** Any octets, and a kind that leans on the long codes. */
const text = fc.oneof(
  fc.uint8Array({ maxLength: 400 }),
  fc
    .array(fc.constantFrom(0, 10, 22, 97, 199, 249, 255), { maxLength: 60 })
    .map((octets) => Uint8Array.from(octets)),
  fc.string({ maxLength: 100 }).map((ascii) => Uint8Array.from(Buffer.from(ascii, "latin1"))),
);

describe("Huffman code", () => {
  test("has the codes of RFC 7541, appendix B", () => {
    const expected: readonly [symbol: number, code: number, bits: number][] = [
      [0, 0x1ff8, 13],
      [22, 0x3ffffffe, 30],
      [48, 0x0, 5],
      [92, 0x7fff0, 19],
      [97, 0x3, 5],
      [125, 0x3ffd, 14],
      [199, 0x1ffffec, 25],
      [249, 0xffffffe, 28],
      [255, 0x3ffffee, 26],
      [EOS, 0x3fffffff, 30],
    ];
    for (const [symbol, code, bits] of expected) {
      assert.deepEqual([symbol, CODES[symbol], CODE_BITS[symbol]], [symbol, code, bits]);
    }
    assert.equal(CODE_BITS.length, 257);
    const used = CODE_BITS.reduce((sum, bits) => sum + 2 ** -bits, 0);
    assert.equal(used, 1, "the code uses every bit pattern exactly once");
  });

  test("brings every pair of octets back", () => {
    for (let a = 0; a < 256; a++) for (let b = 0; b < 256; b++) assertRoundTrip(Uint8Array.of(a, b));
  });

  test("brings any octets back", () => {
    fc.assert(fc.property(text, assertRoundTrip), { numRuns: 2000 });
  });

  test("decodes random octets to what encodes to the same octets, or refuses them", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (octets) => {
        let decoded: string;
        try {
          decoded = decode(octets);
        } catch (error) {
          assert.ok(error instanceof HpackError);
          return;
        }
        // The code has one form for each string: accepted input must be exactly that form.
        assert.deepEqual(encode(decoded), octets);
      }),
      { numRuns: 5000 },
    );
  });
});

describe("Huffman decoding refuses", () => {
  const cases: readonly [string, number[]][] = [
    ["a whole octet of padding", [0x1f, 0xff]],
    ["an octet of padding alone", [0xff]],
    ["padding of zeros", [0x18]],
    ["padding with a zero in it", [0b00011_101]],
    ["EOS", [0xff, 0xff, 0xff, 0xfc]],
    ["EOS between symbols", [0x1f, 0xff, 0xff, 0xff, 0xff, 0x1f]],
    ["a long code cut off", [0xff, 0xff, 0xeb, 0xff, 0xfe]],
    ["a code cut off after twelve bits", [0x1f, 0xfe]],
  ];
  for (const [name, octets] of cases) {
    test(name, () => {
      assert.throws(() => decode(Uint8Array.from(octets)), { name: "HpackError", reason: "compression" });
    });
  }
});

function assertRoundTrip(octets: Uint8Array): void {
  const original = Buffer.from(octets).toString("latin1");
  assert.equal(decode(encode(original)), original);
}

function encode(original: string): Uint8Array {
  const coded = new Uint8Array(huffmanBytes(original));
  assert.equal(huffmanEncode(original, coded, 0), coded.length);
  return coded;
}

function decode(coded: Uint8Array): string {
  const room = new Uint8Array(maxDecodedBytes(coded.length) + 1);
  const end = huffmanDecode(coded, 0, coded.length, room, 0);
  assert.ok(end <= maxDecodedBytes(coded.length));
  return latin1String(room, 0, end);
}
