import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type EnvelopeFault, EnvelopeReader } from "./envelope-reader.ts";

function envelope(flag: number, payload: Uint8Array): Uint8Array {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(payload.length, 1);
  return new Uint8Array(Buffer.concat([prefix, payload]));
}

/** Pushes `bytes` in pieces of the given sizes. */
function read(bytes: Uint8Array, sizes: readonly number[], maxMessageBytes = 1 << 20) {
  const messages: { flag: number; payload: Uint8Array }[] = [];
  const reader = new EnvelopeReader(maxMessageBytes, (flag, bytes, start, end) =>
    messages.push({ flag, payload: bytes.subarray(start, end) }),
  );
  let fault: EnvelopeFault | undefined;
  for (let at = 0, n = 0; at < bytes.length && fault === undefined; n++) {
    const to = Math.min(bytes.length, at + (sizes[n % sizes.length] as number));
    fault = reader.push(bytes, at, to);
    at = to;
  }
  return { messages, fault, reader };
}

describe("EnvelopeReader", () => {
  it("puts messages together wherever their bytes are cut", () => {
    const message = fc.record(
      {
        flag: fc.nat(1),
        payload: fc.oneof(
          fc.uint8Array({ maxLength: 30 }),
          fc.nat(20_000).map((n) => new Uint8Array(n).fill(n % 256)),
        ),
      },
      { noNullPrototype: true },
    );
    const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 9000 })), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 12 }), sizes, (sent, cuts) => {
        const { messages, fault, reader } = read(
          new Uint8Array(Buffer.concat(sent.map(({ flag, payload }) => envelope(flag, payload)))),
          cuts,
        );
        assert.equal(fault, undefined);
        assert.equal(reader.isAtBoundary, true);
        assert.deepEqual(messages, sent);
      }),
    );
  });

  it("hands on a whole message in place, and one that comes in pieces without spare room", () => {
    const bytes = envelope(0, new Uint8Array(5000).fill(3));
    assert.equal(read(bytes, [bytes.length]).messages[0]?.payload.buffer, bytes.buffer);
    assert.equal(read(bytes, [700]).messages[0]?.payload.buffer.byteLength, 5000);
  });

  it("knows whether a message has begun", () => {
    const bytes = envelope(0, new Uint8Array(3));
    for (let length = 1; length < bytes.length; length++)
      assert.equal(read(bytes.subarray(0, length), [1]).reader.isAtBoundary, false);
  });

  it("refuses flags it does not know and messages over the limit, before they have come", () => {
    assert.deepEqual(read(envelope(2, new Uint8Array(0)), [5]).fault, { kind: "bad-flag", flag: 2 });
    assert.deepEqual(read(envelope(0, new Uint8Array(101)).subarray(0, 5), [1], 100).fault, {
      kind: "too-large",
      bytes: 101,
    });
    assert.equal(read(envelope(0, new Uint8Array(100)), [7], 100).fault, undefined);
    assert.deepEqual(read(Uint8Array.from([0, 0xff, 0xff, 0xff, 0xff]), [5]).fault, {
      kind: "too-large",
      bytes: 0xffffffff,
    });
  });
});
