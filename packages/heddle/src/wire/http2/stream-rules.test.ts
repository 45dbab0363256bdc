/**
 * Rules of RFC 9113 whose breach costs one stream and not the connection, and frames that are let pass.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CANCEL } from "./constants.ts";
import {
  block,
  frame,
  join,
  type RawFrame,
  requestBlock,
  requestFields,
  resets,
  responseBlock,
  settings,
  uint32,
} from "./raw-frames.test.ts";
import { openClient, openServer, type Recorder } from "./recorder.test.ts";

const open = frame(1, 0x4, 1, requestBlock);
const endData = frame(0, 1, 1);
const half = join(open, endData);
const request = (...more: string[]) => frame(1, 0x5, 1, block([...requestFields, ...more]));

/** `[what, error code of the reset, bytes]`. */
const streamErrors: readonly (readonly [string, number, Uint8Array])[] = [
  ["§5.1 DATA after END_STREAM", 5, join(half, frame(0, 0, 1, [1]))],
  ["§5.1 HEADERS after END_STREAM", 5, join(half, frame(1, 0x5, 1, requestBlock))],
  ["§6.3 PRIORITY of 4 bytes", 6, join(open, frame(2, 0, 1, new Uint8Array(4)))],
  ["§5.3.1 of RFC 7540: a stream that depends on itself", 1, join(open, frame(2, 0, 1, [0, 0, 0, 1, 7]))],
  ["HEADERS that depend on their own stream", 1, frame(1, 0x24, 1, [0, 0, 0, 1, 7, ...requestBlock])],
  ["§6.9 WINDOW_UPDATE of 0", 1, join(open, frame(8, 0, 1, uint32(0)))],
  ["§6.9.1 a stream window over 2^31-1", 3, join(open, frame(8, 0, 1, uint32(0x7fffffff)))],
  ["§8.1 a second header block that does not end the stream", 1, join(open, frame(1, 0x4, 1, requestBlock))],
  [
    "§8.1.1 more content than announced",
    1,
    join(frame(1, 0x4, 1, block([...requestFields, "content-length", "3"])), frame(0, 0, 1, [1, 2, 3, 4])),
  ],
  [
    "§8.1.1 less content than announced",
    1,
    join(frame(1, 0x4, 1, block([...requestFields, "content-length", "3"])), frame(0, 1, 1, [1])),
  ],
  [
    "§8.1.1 trailers before the announced content",
    1,
    join(
      frame(1, 0x4, 1, block([...requestFields, "content-length", "3"])),
      frame(1, 0x5, 1, block(["t", "1"])),
    ),
  ],
  ["§8.1.1 a content-length that is no number", 1, request("content-length", "3a")],
  ["§8.1.1 two content-lengths that differ", 1, request("content-length", "3", "content-length", "4")],
  ["§8.2 an upper-case name", 1, request("X-Case", "1")],
  ["§8.2.1 a line break in a value", 1, request("x", "a\r\nb")],
  ["§8.2.1 a space before a value", 1, request("x", " a")],
  ["§8.2.1 a name that is no token", 1, request("x y", "a")],
  [
    "§8.2.1 a line break in :path",
    1,
    frame(1, 0x5, 1, block([":method", "POST", ":scheme", "http", ":path", "/a\nb"])),
  ],
  ["§8.2.2 a field of the connection", 1, request("connection", "close")],
  ["§8.2.2 te other than trailers", 1, request("te", "gzip")],
  ["§8.3 a pseudo-header after a field", 1, request(":authority", "b")],
  ["§8.3 an unknown pseudo-header", 1, frame(1, 0x5, 1, block([":x", "1", ...requestFields]))],
  ["§8.3.1 a response's pseudo-header", 1, frame(1, 0x5, 1, block([":status", "200", ...requestFields]))],
  ["§8.3.1 no :method", 1, frame(1, 0x5, 1, block([":scheme", "http", ":path", "/"]))],
  ["§8.3.1 an empty :path", 1, frame(1, 0x5, 1, block([":method", "POST", ":scheme", "http", ":path", ""]))],
  ["§8.3.1 :path twice", 1, frame(1, 0x5, 1, block([":path", "/a", ...requestFields]))],
];

describe("a server resets the stream for", () => {
  for (const [what, code, bytes] of streamErrors) {
    it(what, () => {
      const server = openServer();
      server.feed(bytes);
      assert.deepEqual(resets(server.sent()), [[1, code]]);
      assert.ok(server.log.includes(`reset 1 ${code}`), "its owner is told");
      assertUsable(server);
    });
  }
});

/** The connection still serves, and pretends nothing about the stream. */
function assertUsable(server: Recorder): void {
  assert.equal(server.error, undefined);
  server.feed(frame(1, 0x5, 3, requestBlock));
  assert.equal(server.log.at(-1), "headers 3 end");
  server.feed(
    join(
      frame(8, 0, 1, uint32(1)),
      frame(3, 0, 1, uint32(8)),
      frame(0, 0, 1, [1]),
      frame(2, 0, 1, new Uint8Array(5)),
    ),
  );
  assert.equal(server.log.at(-1), "headers 3 end", "frames that were on their way are let pass");
  assert.equal(server.error, undefined);
}

it("data over a stream's window resets it, whatever the connection window allows", () => {
  const server = openServer({ streamWindowBytes: 100 });
  server.feed(join(open, frame(0, 0, 1, new Uint8Array(60)), frame(0, 0, 1, new Uint8Array(41))));
  assert.deepEqual(resets(server.sent()), [[1, 3]]);
  assertUsable(server);
});

it("padding, priority and unknown frames are accepted, and padding counts against the windows", () => {
  const server = openServer({ streamWindowBytes: 40 });
  server.feed(frame(1, 0x2c, 1, [2, 0x80, 0, 0, 0, 200, ...requestBlock, 0, 0]));
  server.feed(
    join(frame(0, 0x8, 1, [3, 7, 7, 0, 0, 0]), frame(0xee, 0xff, 1, [1]), frame(2, 0, 77, new Uint8Array(5))),
  );
  server.feed(frame(0, 0x9, 1, [0]));
  assert.deepEqual(server.log, ["settings", "headers 1", "data 1 2", "data 1 0 end"]);
  assert.equal(server.streams.get(1)?.receiveWindow, 40 - 6 - 1);
});

it("interim responses are passed over; one that ends the stream, or comes after the head, resets it", () => {
  const early = frame(1, 0x4, 1, block([":status", "103", "link", "x"]));
  const client = openClient();
  client.request(true);
  client.feed(
    join(early, early, frame(1, 0x4, 1, responseBlock), frame(1, 0x5, 1, block(["grpc-status", "0"]))),
  );
  assert.deepEqual(client.log, ["settings", "headers 1", "trailers 1 end"]);
  assert.equal(client.machine.streams.size, 0);
  for (const bytes of [
    frame(1, 0x5, 1, block([":status", "100"])),
    join(frame(1, 0x4, 1, responseBlock), early),
    frame(0, 0, 1, [1]),
  ]) {
    const other = openClient();
    other.request();
    other.sent();
    other.feed(bytes);
    assert.deepEqual(resets(other.sent()), [[1, 1]]);
  }
});

it("after our GOAWAY, later streams are ignored with all their frames, and those open go on", () => {
  const server = openServer();
  server.feed(open);
  server.machine.goaway();
  const late = join(
    frame(1, 0x4, 3, requestBlock),
    frame(0, 0, 3, [1, 2]),
    frame(8, 0, 3, uint32(5)),
    frame(1, 0x5, 3, block(["t", "1"])),
    frame(3, 0, 3, uint32(8)),
  );
  server.feed(join(late, endData));
  assert.deepEqual(server.log, ["settings", "headers 1", "data 1 0 end"]);
  server.machine.goaway();
  server.machine.protocolError("test");
  assert.deepEqual(
    server
      .sent()
      .filter(isGoaway)
      .map(({ payload }) => payload[3]),
    [1, 1, 1],
    "the last stream never rises",
  );
});

it("a GOAWAY gives back the streams above its last one, and opens no more", () => {
  const client = openClient();
  for (let i = 0; i < 3; i++) client.request();
  client.feed(frame(7, 0, 0, [...uint32(3), ...uint32(0), ...Buffer.from("bye\n")]));
  assert.deepEqual(client.log, ["settings", "reset 5 7 unprocessed", "goaway 3 0 bye."]);
  assert.equal(client.machine.canOpen, false);
  client.feed(join(frame(1, 0x4, 1, responseBlock), frame(3, 0, 3, uint32(7))));
  assert.deepEqual(client.log.slice(3), ["headers 1", "reset 3 7 unprocessed"]);
});

it("a thousand streams that we reset at once may still get what was on its way", () => {
  const client = openClient();
  client.feed(settings([3, 2000]));
  const streams = Array.from({ length: 1500 }, () => client.request(true));
  for (const stream of streams) client.machine.reset(stream, CANCEL);
  client.sent();
  for (const { id } of streams)
    client.feed(
      join(
        frame(1, 0x4, id, responseBlock),
        frame(0, 0, id, [1]),
        frame(1, 0x5, id, block(["grpc-status", "0"])),
      ),
    );
  assert.equal(client.error, undefined);
  assert.deepEqual(client.sent(), []);
});

function isGoaway({ type }: RawFrame): boolean {
  return type === 7;
}
