/**
 * Properties of two machines that talk to each other, whatever the windows, the sizes and the cuts between reads.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { CANCEL } from "./constants.ts";
import { MachinePair } from "./machine-pair.test.ts";
import { frame, parseFrames, uint32 } from "./raw-frames.test.ts";
import { openClient } from "./recorder.test.ts";
import type { Http2Stream } from "./stream.ts";

const size = fc.oneof(fc.constantFrom(0, 1, 5, 16_378, 16_379, 16_380), fc.nat(300), fc.nat(70_000));
const window = fc.oneof(
  fc.integer({ min: 20, max: 50 }),
  fc.integer({ min: 1000, max: 100_000 }),
  fc.constant(512 * 1024),
);
const pieces = fc.oneof(
  fc.constant(undefined),
  fc.array(fc.integer({ min: 5, max: 20_000 }), { minLength: 1, maxLength: 8 }),
);

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant("open" as const) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("send" as const), which: fc.nat(9), bytes: size }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("end" as const), which: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("cancel" as const), which: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("refuse" as const), which: fc.nat(9) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("run" as const), turns: fc.integer({ min: 1, max: 20 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("goaway" as const) }) },
);

function numbered(stream: number, n: number, length: number): Uint8Array {
  return new Uint8Array(length).fill((stream * 31 + n) % 256);
}

const settingsOf = fc.record({
  streamWindowBytes: window,
  connectionWindowBytes: fc.constantFrom(65_535, 70_000, 8 << 20),
});

describe("two machines", () => {
  it("deliver every message in order and once, echo it, and end; streams that were cut deliver a prefix", () => {
    fc.assert(
      fc.property(
        settingsOf,
        settingsOf,
        pieces,
        fc.array(step, { maxLength: 40 }),
        fc.boolean(),
        (client, server, cuts, steps, takes) => {
          const pair = new MachinePair({
            client,
            server,
            takes,
            ...(cuts === undefined ? {} : { pieceBytes: (n: number) => cuts[n % cuts.length] as number }),
          });
          const streams: { stream: Http2Stream; sent: Uint8Array[]; ended: boolean; cut: boolean }[] = [];
          for (const each of steps) {
            const at = "which" in each ? streams[each.which % Math.max(1, streams.length)] : undefined;
            if (each.do === "open" && pair.client.canOpen)
              streams.push({ stream: pair.open(), sent: [], ended: false, cut: false });
            else if (each.do === "run") pair.run(each.turns);
            else if (each.do === "goaway") pair.server.goaway();
            else if (at === undefined || at.ended || at.cut) continue;
            else if (each.do === "send") {
              const message = numbered(at.stream.id, at.sent.length, each.bytes);
              at.sent.push(message);
              pair.send(pair.client, at.stream, message);
            } else if (each.do === "end") {
              at.ended = true;
              pair.client.sendEnd(at.stream);
            } else if (each.do === "cancel") {
              at.cut = true;
              pair.client.reset(at.stream, CANCEL);
            } else if (each.do === "refuse") {
              const theirs = pair.atServer.get(at.stream.id)?.stream;
              if (theirs === undefined) continue;
              at.cut = true;
              pair.server.reset(theirs, CANCEL);
            }
          }
          for (const each of streams) if (!each.ended && !each.cut) pair.client.sendEnd(each.stream);
          // A reader that takes late: everything stalls, and goes on when it takes.
          for (let rounds = 0; rounds < 100_000; rounds++) {
            assert.ok(pair.run(), "the exchange comes to rest");
            if (
              takes ||
              ![...pair.atClient.values(), ...pair.atServer.values()].some(({ untaken }) => untaken > 0)
            )
              break;
            pair.takeAll();
          }
          assert.deepEqual(pair.errors, []);
          for (const { stream, sent, cut } of streams) {
            const there = pair.atServer.get(stream.id);
            const back = pair.atClient.get(stream.id);
            const isCut = cut || back?.unprocessed === true;
            for (const seen of [there, back]) {
              const got = seen?.messages ?? [];
              if (!isCut) assert.equal(got.length, sent.length);
              got.forEach((message, n) =>
                assert.ok(
                  Buffer.compare(message, sent[n] as Uint8Array) === 0,
                  `message ${n} of stream ${stream.id}`,
                ),
              );
            }
            if (!isCut)
              assert.ok(there?.ended === true && back?.ended === true && back.trailers, "both sides end");
          }
          assert.deepEqual([pair.client.streams.size, pair.server.streams.size], [0, 0]);
          assert.deepEqual([pair.client.sender.hasWaiting, pair.server.sender.hasWaiting], [false, false]);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("take turns: a stream with much to send does not take every small grant of the connection window", () => {
    const client = openClient();
    const [big, small] = [client.request(), client.request()];
    client.machine.sendMessage(big, 0, new Uint8Array(500_000), 0, 500_000, true);
    client.machine.sendMessage(small, 0, new Uint8Array(10_000), 0, 10_000, true);
    client.sent();
    const turns: number[] = [];
    for (let grants = 0; grants < 8; grants++) {
      client.feed(frame(8, 0, 0, uint32(4000)));
      turns.push(...client.sent().map(({ id }) => id));
    }
    assert.equal(turns.filter((id) => id === small.id).length, 3);
    assert.ok(turns.lastIndexOf(small.id) <= 6);
    assert.equal(small.localClosed, true);
  });

  it("a smaller initial window makes windows negative, and data waits until they are positive again", () => {
    const pair = new MachinePair({ takes: false, server: { streamWindowBytes: 512 * 1024 } });
    const stream = pair.open();
    for (let i = 0; i < 10; i++) pair.send(pair.client, stream, numbered(stream.id, i, 30_000));
    pair.run();
    // The peer shrinks its window to 1000 behind 300 000 bytes that are under way.
    pair.client.receive(Uint8Array.from([0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 3, 0xe8]), 0);
    assert.ok(stream.sendWindow < 0);
    pair.send(pair.client, stream, numbered(stream.id, 10, 30_000), true);
    pair.run();
    assert.equal(pair.atServer.get(stream.id)?.messages.length, 10);
    while (stream.sendWindow <= 0)
      pair.client.receive(Uint8Array.from([0, 0, 4, 8, 0, 0, 0, 0, stream.id, 0, 4, 0, 0]), 0);
    pair.run();
    assert.equal(pair.atServer.get(stream.id)?.messages.length, 11);
    assert.deepEqual(pair.errors, []);
  });

  it("do the same wherever the bytes are cut", () => {
    const outcomes = [undefined, 1, 7, 9, 10, 1000].map((cut) => {
      const pair = new MachinePair(cut === undefined ? {} : { pieceBytes: () => cut });
      for (let i = 0; i < 5; i++) {
        const stream = pair.open();
        for (let n = 0; n < 3; n++) pair.send(pair.client, stream, numbered(stream.id, n, n * 9000));
        pair.client.sendEnd(stream);
      }
      assert.ok(pair.run(10_000_000));
      return [...pair.atClient].map(([id, seen]) => [
        id,
        seen.ended,
        seen.trailers,
        seen.messages.map((m) => `${m.length}:${m[0]}`),
      ]);
    });
    for (const outcome of outcomes) assert.deepEqual(outcome, outcomes[0]);
    assert.equal(outcomes[0]?.length, 5);
  });

  it("a header block larger than a frame goes in CONTINUATION frames, and its END_STREAM stands on the first", () => {
    const pair = new MachinePair();
    const { client } = pair;
    const stream = client.openStream(undefined);
    const mark = client.beginHeaders();
    const fields = [":method", "POST", ":scheme", "http", ":path", "/", "x", "é~".repeat(24_000)];
    for (let i = 0; i < fields.length; i += 2)
      client.encoder.field(client.out, fields[i] as string, fields[i + 1] as string, "never");
    client.endHeaders(mark, stream, true);
    const frames = parseFrames(client.out.view());
    assert.ok(frames.length >= 3);
    assert.deepEqual(
      frames.map(({ type, flags }) => [type, flags]),
      frames.map((_, i) => [i === 0 ? 1 : 9, (i === 0 ? 1 : 0) | (i === frames.length - 1 ? 4 : 0)]),
    );
    assert.ok(pair.run());
    assert.deepEqual(pair.errors, []);
    assert.equal(pair.atServer.get(stream.id)?.ended, true);
  });
});
