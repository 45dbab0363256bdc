/**
 * Messages whose getters do something to the connection while it encodes them: a plain object may have any.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ByteWriter } from "../byte-writer.ts";
import { CANCEL } from "./constants.ts";
import { MachinePair } from "./machine-pair.test.ts";
import type { MessageEncoder } from "./sender.ts";
import type { Http2Stream } from "./stream.ts";

interface Halves {
  readonly first: number;
  readonly second: number;
  /** What a getter between the two does. */
  readonly between: () => void;
}

const encoder: MessageEncoder<Halves> = {
  encodeInto({ first, second, between }, sink) {
    append(sink, first, 1);
    between();
    append(sink, second, 2);
  },
};

function append(sink: ByteWriter, bytes: number, value: number): void {
  sink.ensure(bytes);
  sink.bytes.fill(value, sink.length, sink.length + bytes);
  sink.length += bytes;
}

function halves(first: number, second: number): Uint8Array {
  return new Uint8Array(first + second).fill(1, 0, first).fill(2, first);
}

const LIMIT = 1 << 24;

describe("a getter of a message that is being encoded", () => {
  const intrusions: readonly (readonly [string, (pair: MachinePair, other: Http2Stream) => void])[] = [
    ["pings", ({ client }) => client.ping(new Uint8Array(8))],
    ["cancels another call", ({ client }, other) => client.reset(other, CANCEL)],
    ["opens a call", (pair) => pair.client.sendEnd(pair.open())],
    ["sends on another call", (pair, other) => pair.send(pair.client, other, new Uint8Array(50).fill(3))],
    [
      "sends more on another call than a socket takes at once",
      (pair, other) => pair.send(pair.client, other, new Uint8Array(900_000).fill(3)),
    ],
    [
      "sends on another call a message with such a getter",
      (pair, other) =>
        pair.client.sendEncoded(
          other,
          encoder,
          { first: 10, second: 10, between: () => pair.client.ping(new Uint8Array(8)) },
          LIMIT,
        ),
    ],
  ];
  for (const [what, intrude] of intrusions) {
    for (const [first, second] of [
      [40, 60],
      [10, 100_000],
      [300_000, 10],
    ] as const) {
      it(`${what}: the message of ${first + second} bytes arrives whole, and so does everything else`, () => {
        const pair = new MachinePair();
        const [other, stream] = [pair.open(), pair.open()];
        pair.client.sendEncoded(
          stream,
          encoder,
          { first, second, between: () => intrude(pair, other) },
          LIMIT,
        );
        pair.client.sendEnd(stream);
        pair.client.sendEnd(other);
        assert.ok(pair.run());
        assert.deepEqual(pair.errors, []);
        const seen = pair.atServer.get(stream.id);
        assert.equal(seen?.ended, true);
        assert.equal(seen.messages.length, 1);
        assert.equal(Buffer.compare(seen.messages[0] as Uint8Array, halves(first, second)), 0);
        for (const message of pair.atServer.get(other.id)?.messages ?? [])
          assert.ok(message.every((byte) => byte === 3) || message.length === 20);
      });
    }
  }

  it("cancels its own call: nothing of the message is sent, and trailers neither", () => {
    const pair = new MachinePair();
    const stream = pair.open();
    const between = () => pair.client.reset(stream, CANCEL);
    pair.client.sendEncoded(stream, encoder, { first: 5, second: 5, between }, LIMIT);
    pair.client.afterData(stream, () => assert.fail("it is over"), undefined);
    assert.ok(pair.run());
    assert.deepEqual(pair.errors, []);
    assert.deepEqual(pair.atServer.get(stream.id)?.messages, []);
  });

  it("throws: what it wrote before is sent, and of the message nothing", () => {
    const pair = new MachinePair();
    const [other, stream] = [pair.open(), pair.open()];
    const between = () => {
      pair.send(pair.client, other, new Uint8Array(5).fill(3), true);
      throw new Error("from the getter");
    };
    assert.throws(
      () => pair.client.sendEncoded(stream, encoder, { first: 5, second: 5, between }, LIMIT),
      /from the getter/,
    );
    pair.send(pair.client, stream, new Uint8Array(7), true);
    assert.ok(pair.run());
    assert.deepEqual(pair.errors, []);
    assert.equal(pair.atServer.get(other.id)?.messages.length, 1);
    assert.deepEqual(
      pair.atServer.get(stream.id)?.messages.map((message) => message.length),
      [7],
    );
  });
});
