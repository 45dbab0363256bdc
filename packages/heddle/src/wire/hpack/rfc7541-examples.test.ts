/** Every example of RFC 7541, appendix C, in both directions. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ByteWriter } from "../byte-writer.ts";
import { HpackDecoder } from "./decoder.ts";
import { HpackEncoder, type FieldMode } from "./encoder.ts";

const customHeader = ["custom-key", "custom-header"];

describe("C.1 integers, as table size updates", () => {
  for (const [size, hex] of [
    [10, "2a"],
    [1337, "3f9a0a"],
    [30, "3e"],
    [31, "3f00"],
  ] as const) {
    test(String(size), () => {
      const encoder = new HpackEncoder();
      encoder.setPeerTableBytes(size);
      const out = new ByteWriter();
      encoder.begin(out);
      assert.equal(Buffer.from(out.view()).toString("hex"), hex);
      assert.deepEqual(decode(new HpackDecoder(), hex), []);
    });
  }
});

describe("C.2 representations", () => {
  const cases: readonly [string, string[], string, FieldMode][] = [
    ["C.2.1 with indexing", customHeader, "400a637573746f6d2d6b65790d637573746f6d2d686561646572", "index"],
    ["C.2.2 without indexing", [":path", "/sample/path"], "040c2f73616d706c652f70617468", "plain"],
    ["C.2.3 never indexed", ["password", "secret"], "100870617373776f726406736563726574", "never"],
    ["C.2.4 indexed", [":method", "GET"], "82", "index"],
  ];
  for (const [name, fields, hex, mode] of cases) {
    test(name, () => {
      assert.deepEqual(decode(new HpackDecoder(), hex), fields);
      // The examples are not Huffman coded; the encoder's own form must say the same, with the same first octet.
      const out = encode(new HpackEncoder(), fields, mode);
      assert.equal(out.slice(0, 2), hex.slice(0, 2));
      assert.deepEqual(decode(new HpackDecoder(), out), fields);
    });
  }
});

const requests = [
  [":method", "GET", ":scheme", "http", ":path", "/", ":authority", "www.example.com"],
  [
    ":method",
    "GET",
    ":scheme",
    "http",
    ":path",
    "/",
    ":authority",
    "www.example.com",
    "cache-control",
    "no-cache",
  ],
  [":method", "GET", ":scheme", "https", ":path", "/index.html", ":authority", "www.example.com"].concat([
    "custom-key",
    "custom-value",
  ]),
];

const cookie = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
const responses = [
  response("302", "Mon, 21 Oct 2013 20:13:21 GMT"),
  response("307", "Mon, 21 Oct 2013 20:13:21 GMT"),
  [...response("200", "Mon, 21 Oct 2013 20:13:22 GMT"), "content-encoding", "gzip", "set-cookie", cookie],
];

test("C.3 requests without Huffman coding", () => {
  assertDecodes(new HpackDecoder(), requests, [
    "828684410f7777772e6578616d706c652e636f6d",
    "828684be58086e6f2d6361636865",
    "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
  ]);
});

test("C.4 requests with Huffman coding", () => {
  const blocks = [
    "828684418cf1e3c2e5f23a6ba0ab90f4ff",
    "828684be5886a8eb10649cbf",
    "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
  ];
  assertDecodes(new HpackDecoder(), requests, blocks);
  const encoder = new HpackEncoder();
  assert.deepEqual(
    requests.map((fields) => encode(encoder, fields, "index")),
    blocks,
  );
});

test("C.5 responses without Huffman coding, table of 256 octets", () => {
  const decoder = new HpackDecoder({ maxTableBytes: 256 });
  assert.deepEqual(decode(decoder, "3fe101"), []);
  assertDecodes(decoder, responses, [
    "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d54" +
      "6e1768747470733a2f2f7777772e6578616d706c652e636f6d",
    "4803333037c1c0bf",
    "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d" +
      "4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31",
  ]);
});

test("C.6 responses with Huffman coding, table of 256 octets", () => {
  const blocks = [
    "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
    "4883640effc1c0bf",
    "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960" +
      "d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
  ];
  const sizeUpdate = "3fe101";
  const decoder = new HpackDecoder({ maxTableBytes: 256 });
  assert.deepEqual(decode(decoder, sizeUpdate), []);
  assertDecodes(decoder, responses, blocks);
  const encoder = new HpackEncoder({ maxTableBytes: 256 });
  assert.deepEqual(
    responses.map((fields) => encode(encoder, fields, "index")),
    // "307" takes three octets either way: the RFC codes it, we do not.
    [sizeUpdate + blocks[0], "4803333037c1c0bf", blocks[2]],
  );
});

function response(status: string, date: string): string[] {
  const location = ["location", "https://www.example.com"];
  return [":status", status, "cache-control", "private", "date", date, ...location];
}

function assertDecodes(decoder: HpackDecoder, lists: string[][], blocks: string[]): void {
  lists.forEach((fields, i) => {
    assert.deepEqual(decode(decoder, blocks[i] as string), fields);
  });
}

function decode(decoder: HpackDecoder, hex: string): readonly string[] {
  const bytes = Uint8Array.from(Buffer.from(hex, "hex"));
  return decoder.decode(bytes, 0, bytes.length).fields;
}

function encode(encoder: HpackEncoder, fields: string[], mode: FieldMode): string {
  const out = new ByteWriter(1);
  encoder.begin(out);
  for (let i = 0; i < fields.length; i += 2)
    encoder.field(out, fields[i] as string, fields[i + 1] as string, mode);
  return Buffer.from(out.view()).toString("hex");
}
