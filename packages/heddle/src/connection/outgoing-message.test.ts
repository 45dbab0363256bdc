import assert from "node:assert/strict";
import { test } from "node:test";
import { StringValueSchema } from "@bufbuild/protobuf/wkt";
import { codecOf } from "../contract/codec/codec.ts";
import { encodingNamed } from "../wire/compression.ts";
import { toOutgoing } from "./outgoing-message.ts";

const limits = { maxSendBytes: 10_000, compressMinBytes: 100 };
const encode = (length: number) => codecOf(StringValueSchema).encode({ value: "x".repeat(length) });

test("what may wait for long holds on to its own bytes and no more", () => {
  const small = toOutgoing(encode(20), undefined, limits);
  assert.deepEqual([small.flag, small.payload.length, small.payload.buffer.byteLength], [0, 22, 22]);
  const other = toOutgoing(encode(30), encodingNamed("gzip"), limits);
  assert.deepEqual([other.flag, other.payload.buffer.byteLength], [0, 32]);
});

test("a message over the limit is refused before it is compressed; one that is worth it is compressed", () => {
  assert.throws(() => toOutgoing(encode(10_000), encodingNamed("gzip"), limits), {
    reason: "messageTooLarge",
  });
  const { flag, payload } = toOutgoing(encode(5_000), encodingNamed("gzip"), limits);
  assert.equal(flag, 1);
  assert.ok(payload.length < 100);
});
