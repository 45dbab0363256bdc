import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { JuteError, JuteReader, JuteWriter } from "./jute.ts";
import { createPacketSplitter } from "./packet-splitter.ts";
import {
  create,
  getChildren,
  getData,
  readConnectReply,
  readReplyHead,
  readWatchEvent,
  replace,
} from "./protocol.ts";
import { ZookeeperError } from "./zookeeper-error.ts";

const field = fc.oneof(
  fc.record({ kind: fc.constant("int" as const), value: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }) }),
  fc.record({
    kind: fc.constant("long" as const),
    value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  }),
  fc.record({ kind: fc.constant("bool" as const), value: fc.boolean() }),
  fc.record({ kind: fc.constant("buffer" as const), value: fc.uint8Array({ maxLength: 600 }) }),
  fc.record({ kind: fc.constant("text" as const), value: fc.string({ unit: "grapheme" }) }),
  fc.record({ kind: fc.constant("texts" as const), value: fc.array(fc.string()) }),
);

suite("jute", () => {
  test("what is written is read", () => {
    fc.assert(
      fc.property(fc.array(field), (fields) => {
        const writer = new JuteWriter();
        for (const { kind, value } of fields) (writer[kind] as (value: unknown) => JuteWriter)(value);
        const packet = writer.packet();
        assert.equal(packet.readInt32BE(0), packet.length - 4);
        const reader = new JuteReader(packet.subarray(4));
        for (const { kind, value } of fields) {
          const read = reader[kind]();
          assert.deepEqual(read instanceof Uint8Array ? new Uint8Array(read) : read, value);
        }
        assert.equal(reader.left, 0);
      }),
    );
  });

  test("a packet that was cut short is a JuteError wherever it was cut", () => {
    const packet = new JuteWriter().int(1).long(2n).texts(["a", "bc"]).bool(true).packet().subarray(4);
    for (let length = 0; length < packet.length; length++) {
      const reader = new JuteReader(packet.subarray(0, length));
      assert.throws(() => [reader.int(), reader.long(), reader.texts(), reader.bool()], JuteError);
    }
  });

  test("lengths that lie cost nothing", () => {
    for (const length of [-2, -(2 ** 31), 2 ** 31 - 1, 5]) {
      assert.throws(
        () => new JuteReader(new JuteWriter().int(length).packet().subarray(4)).buffer(),
        JuteError,
      );
      assert.throws(
        () => new JuteReader(new JuteWriter().int(length).packet().subarray(4)).texts(),
        JuteError,
      );
    }
    assert.deepEqual(new JuteReader(Buffer.from("ffffffff", "hex")).buffer(), Buffer.alloc(0));
    assert.deepEqual(new JuteReader(Buffer.from("ffffffff", "hex")).texts(), []);
  });

  test("no bytes make a decoder throw anything but its own errors", () => {
    const decoders: ((reader: JuteReader) => unknown)[] = [
      (reader) => readReplyHead(reader),
      (reader) => readWatchEvent(reader),
      (reader) => getData("/a", false).decode(reader),
      (reader) => getChildren("/a", false).decode(reader),
      (reader) => create("/a", new Uint8Array(), [], "ephemeral").decode(reader),
      (reader) =>
        replace(
          { path: "/a", version: 1 },
          { path: "/a", data: new Uint8Array(), mode: "ephemeral" },
          [],
        ).decode(reader),
    ];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        for (const decode of [...decoders, () => readConnectReply(bytes)]) {
          try {
            decode(new JuteReader(bytes));
          } catch (error) {
            assert.ok(error instanceof JuteError || error instanceof ZookeeperError, String(error));
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

suite("packets", () => {
  test("are the same however the stream is cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 50 })),
        (packets, sizes) => {
          const stream = Buffer.concat(
            packets.map((packet) => new JuteWriter().buffer(packet).packet().subarray(4)),
          );
          const got: Uint8Array[] = [];
          const splitter = createPacketSplitter(40);
          for (let at = 0; at < stream.length; ) {
            const size = sizes.next().value;
            splitter.push(stream.subarray(at, at + size), (packet) => got.push(new Uint8Array(packet)));
            at += size;
          }
          assert.deepEqual(got, packets);
        },
      ),
    );
  });

  test("of a length that can't be are refused before they arrive", () => {
    for (const length of [-1, -(2 ** 31), 41]) {
      const splitter = createPacketSplitter(40);
      const head = new JuteWriter().int(length).packet().subarray(4);
      assert.throws(() => splitter.push(head, () => assert.fail("no packet")), JuteError);
    }
  });
});
