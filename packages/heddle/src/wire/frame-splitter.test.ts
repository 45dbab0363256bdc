import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FrameSplitter } from "./frame-splitter.ts";

const END = 2;

function frame(flag: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(5 + payload.length);
  bytes[0] = flag;
  new DataView(bytes.buffer).setUint32(1, payload.length);
  bytes.set(payload, 5);
  return bytes;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** Pushes the body in pieces that end at the cuts; what came out as messages. */
function split(splitter: FrameSplitter, body: Uint8Array, cuts: readonly number[]): Uint8Array {
  const messages: Uint8Array[] = [];
  const ends = [...new Set([...cuts.map((cut) => cut % (body.length + 1)), body.length])].sort(
    (a, b) => a - b,
  );
  let from = 0;
  for (const to of ends) {
    const upTo = splitter.push(body, from, to);
    messages.push(body.subarray(from, upTo));
    from = to;
  }
  return join(messages);
}

test("however a body is cut, messages pass through and the last frame is put together", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ flag: fc.constantFrom(0, 1), payload: fc.uint8Array({ maxLength: 40 }) })),
      fc.record({ compressed: fc.boolean(), payload: fc.uint8Array({ maxLength: 40 }) }),
      fc.array(fc.nat(), { maxLength: 12 }),
      (frames, last, cuts) => {
        const messages = join(frames.map(({ flag, payload }) => frame(flag, payload)));
        const body = join([messages, frame(END | Number(last.compressed), last.payload)]);
        const splitter = new FrameSplitter(END, 100);
        assert.deepEqual(split(splitter, body, cuts), messages);
        assert.equal(splitter.fault, undefined);
        assert.deepEqual(splitter.final?.payload, last.payload);
        assert.equal(splitter.final?.compressed, last.compressed);
      },
    ),
  );
});

test("a byte after the last frame is a fault, in the same piece or a later one", () => {
  const body = join([frame(END, new Uint8Array(2)), new Uint8Array(1)]);
  for (const cuts of [[], [7]]) {
    const splitter = new FrameSplitter(END, 100);
    split(splitter, body, cuts);
    assert.deepEqual(splitter.fault, { kind: "after-end" });
  }
  const twice = new FrameSplitter(END, 100);
  split(twice, join([frame(END, new Uint8Array(2)), frame(END, new Uint8Array(2))]), []);
  assert.deepEqual(twice.fault, { kind: "after-end" });
});

test("a last frame over its limit, or with unknown flags, is a fault before its payload comes", () => {
  const large = new FrameSplitter(END, 100);
  large.push(frame(END, new Uint8Array(101)), 0, 5);
  assert.deepEqual(large.fault, { kind: "too-large", bytes: 101 });
  const odd = new FrameSplitter(END, 100);
  odd.push(frame(END | 0x40, new Uint8Array(0)), 0, 5);
  assert.deepEqual(odd.fault, { kind: "bad-flag", flag: 0x42 });
});

test("a body without a last frame has none", () => {
  const splitter = new FrameSplitter(0x80, 100);
  const body = frame(0, new Uint8Array(3));
  assert.equal(splitter.push(body, 0, body.length), body.length);
  assert.equal(splitter.final, undefined);
});
