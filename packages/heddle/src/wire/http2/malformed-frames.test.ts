/**
 * One row for each rule of RFC 9113 that a peer can break on the connection: the error code that goes out, and
 * the entry of the catalogue that the owner is told.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ErrorName } from "../../call/error-catalogue.ts";
import {
  COMPRESSION_ERROR,
  ENHANCE_YOUR_CALM,
  FLOW_CONTROL_ERROR,
  FRAME_SIZE_ERROR,
  http2ErrorName,
  PROTOCOL_ERROR,
  STREAM_CLOSED,
} from "./constants.ts";
import {
  block,
  clientOpening,
  frame,
  goawayCodes,
  join,
  requestBlock,
  responseBlock,
  settings,
  uint32,
} from "./raw-frames.test.ts";
import { openClient, openServer, Recorder } from "./recorder.test.ts";

type Row = readonly [rule: string, code: number, name: ErrorName, bytes: Uint8Array];

const P: [number, ErrorName] = [PROTOCOL_ERROR, "protocolError"];
const SIZE: [number, ErrorName] = [FRAME_SIZE_ERROR, "frameSize"];
const FLOW: [number, ErrorName] = [FLOW_CONTROL_ERROR, "flowControl"];
const HPACK: [number, ErrorName] = [COMPRESSION_ERROR, "headerCompression"];
const CALM: [number, ErrorName] = [ENHANCE_YOUR_CALM, "flood"];

const open = frame(1, 0x4, 1, requestBlock);
const openAndEnd = frame(1, 0x5, 1, requestBlock);
const bigIncrement = uint32(0x7fffffff);

const toServer: readonly Row[] = [
  ["§4.2 a frame longer than SETTINGS_MAX_FRAME_SIZE", ...SIZE, frame(0xee, 0, 0, new Uint8Array(16_385))],
  [
    "§4.3 a header block cut short",
    ...HPACK,
    frame(1, 0x5, 1, requestBlock.subarray(0, requestBlock.length - 3)),
  ],
  ["§4.3 an index in no table", ...HPACK, frame(1, 0x5, 1, [0xff, 0x7f])],
  ["§4.3 a table size above the advertised one", ...HPACK, frame(1, 0x5, 1, [0x3f, 0xff, 0x7f, 0x82])],
  [
    "§4.3 the header block of a refused stream is broken as well",
    ...HPACK,
    join(open, frame(1, 0x5, 3, [0xbf])),
  ],
  ["§5.1 DATA on an idle stream", ...P, frame(0, 0, 1, [1])],
  ["§5.1 RST_STREAM on an idle stream", ...P, frame(3, 0, 1, uint32(8))],
  ["§5.1 WINDOW_UPDATE on an idle stream", ...P, frame(8, 0, 1, uint32(1))],
  ["§5.1 CONTINUATION on an idle stream", ...P, frame(9, 0x4, 1, requestBlock)],
  ["§5.1.1 an even stream opened by a client", ...P, frame(1, 0x5, 2, requestBlock)],
  ["§5.1.1 DATA on an even stream", ...P, frame(0, 0, 2, [1])],
  [
    "§5.1.1 a stream opened below an earlier one",
    STREAM_CLOSED,
    "protocolError",
    join(frame(1, 0x4, 5, requestBlock), frame(1, 0x4, 3, requestBlock)),
  ],
  ["§6.1 DATA on stream 0", ...P, frame(0, 0, 0, [1])],
  ["§6.1 padding as long as its frame", ...P, join(open, frame(0, 0x8, 1, [3, 0, 0]))],
  ["§6.1 padded DATA without a pad length", ...SIZE, join(open, frame(0, 0x8, 1))],
  ["§6.2 HEADERS on stream 0", ...P, frame(1, 0x5, 0, requestBlock)],
  ["§6.2 padding longer than the block", ...P, frame(1, 0x4 | 0x8, 1, [200, ...requestBlock])],
  ["§6.2 HEADERS too short for its priority", ...SIZE, frame(1, 0x4 | 0x20, 1, [0, 0, 0])],
  [
    "§6.2 HEADERS inside another header block",
    ...P,
    join(frame(1, 0, 1, requestBlock), frame(1, 0x4, 3, requestBlock)),
  ],
  [
    "§6.2 an unknown frame inside a header block",
    ...P,
    join(frame(1, 0, 1, requestBlock), frame(0xee, 0, 0)),
  ],
  ["§6.3 PRIORITY on stream 0", ...P, frame(2, 0, 0, new Uint8Array(5))],
  ["§6.3 PRIORITY of 4 bytes on an idle stream", ...SIZE, frame(2, 0, 9, new Uint8Array(4))],
  ["§6.4 RST_STREAM on stream 0", ...P, frame(3, 0, 0, uint32(8))],
  ["§6.4 RST_STREAM of 3 bytes", ...SIZE, join(open, frame(3, 0, 1, [0, 0, 8]))],
  ["§6.5 SETTINGS on a stream", ...P, frame(4, 0, 1)],
  ["§6.5 SETTINGS of 5 bytes", ...SIZE, frame(4, 0, 0, new Uint8Array(5))],
  ["§6.5 an acknowledgement with content", ...SIZE, frame(4, 1, 0, new Uint8Array(6))],
  ["§6.5.2 ENABLE_PUSH of 2", ...P, settings([2, 2])],
  ["§6.5.2 INITIAL_WINDOW_SIZE of 2^31", ...FLOW, settings([4, 0x80000000])],
  ["§6.5.2 MAX_FRAME_SIZE of 16383", ...P, settings([5, 16_383])],
  ["§6.5.2 MAX_FRAME_SIZE of 2^24", ...P, settings([5, 0x1000000])],
  [
    "limit: more entries than there are settings",
    ...CALM,
    settings(...Array.from({ length: 33 }, (_, i) => [100 + i, 0] as const)),
  ],
  ["§6.6 PUSH_PROMISE from a client", ...P, join(open, frame(5, 0x4, 1, [...uint32(2), ...requestBlock]))],
  ["§6.7 PING on a stream", ...P, frame(6, 0, 1, new Uint8Array(8))],
  ["§6.7 PING of 7 bytes", ...SIZE, frame(6, 0, 0, new Uint8Array(7))],
  ["§6.8 GOAWAY on a stream", ...P, frame(7, 0, 1, new Uint8Array(8))],
  ["§6.8 GOAWAY of 7 bytes", ...SIZE, frame(7, 0, 0, new Uint8Array(7))],
  ["§6.9 WINDOW_UPDATE of 0 on the connection", ...P, frame(8, 0, 0, uint32(0))],
  ["§6.9 WINDOW_UPDATE of 5 bytes", ...SIZE, frame(8, 0, 0, new Uint8Array(5))],
  ["§6.9.1 a connection window over 2^31-1", ...FLOW, frame(8, 0, 0, bigIncrement)],
  [
    "§6.9.2 a stream window over 2^31-1 by SETTINGS",
    ...FLOW,
    join(open, frame(8, 0, 1, uint32(0x7fffffff - 65_535)), settings([4, 65_536])),
  ],
  ["§6.10 CONTINUATION without HEADERS", ...P, join(open, frame(9, 0x4, 1, requestBlock))],
  [
    "§6.10 CONTINUATION of another stream",
    ...P,
    join(frame(1, 0, 1, requestBlock), frame(9, 0x4, 3, requestBlock)),
  ],
  [
    "§8.1 HEADERS after the stream was closed by both sides",
    STREAM_CLOSED,
    "protocolError",
    join(
      openAndEnd,
      frame(1, 0x5, 3, requestBlock),
      frame(3, 0, 1, uint32(8)),
      frame(1, 0x5, 1, requestBlock),
    ),
  ],
];

const toClient: readonly Row[] = [
  ["§5.1 HEADERS on a stream that was not opened", ...P, frame(1, 0x4, 3, responseBlock)],
  ["§5.1 DATA on a stream that was not opened", ...P, frame(0, 0, 3, [1])],
  ["§5.1 RST_STREAM on a stream that was not opened", ...P, frame(3, 0, 3, uint32(8))],
  ["§5.1.1 HEADERS on an even stream", ...P, frame(1, 0x4, 2, responseBlock)],
  ["§6.5.2 ENABLE_PUSH of 1 from a server", ...P, settings([2, 1])],
  ["§8.4 PUSH_PROMISE although it is switched off", ...P, frame(5, 0x4, 1, [...uint32(2), ...requestBlock])],
];

function check(recorder: Recorder, [, code, name, bytes]: Row): void {
  recorder.feed(bytes);
  assert.deepEqual(goawayCodes(recorder.sent()).map(http2ErrorName), [http2ErrorName(code)]);
  assert.equal(recorder.error?.reason, name);
  assert.equal(recorder.machine.closed, true);
  const { log } = recorder;
  const events = log.length;
  recorder.feed(frame(6, 0, 0, new Uint8Array(8)));
  assert.deepEqual([recorder.sent().length, log.length], [0, events], "nothing more is answered or told");
}

describe("a server ends the connection for", () => {
  for (const row of toServer) it(row[0], () => check(openServer(), row));
});

describe("a client ends the connection for", () => {
  for (const row of toClient) {
    it(row[0], () => {
      const client = openClient();
      client.request();
      client.sent();
      check(client, row);
    });
  }
});

describe("the opening (§3.4)", () => {
  const opening: readonly (readonly [string, ErrorName, Uint8Array])[] = [
    ["an HTTP/1 request", "prefaceInvalid", new Uint8Array(Buffer.from("GET / HTTP/1.1\r\n\r\n"))],
    [
      "a preface that goes wrong late",
      "prefaceInvalid",
      new Uint8Array(Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r")),
    ],
    [
      "HEADERS before SETTINGS",
      "protocolError",
      join(clientOpening.subarray(0, 24), frame(1, 0x5, 1, requestBlock)),
    ],
    [
      "PING before SETTINGS",
      "protocolError",
      join(clientOpening.subarray(0, 24), frame(6, 0, 0, new Uint8Array(8))),
    ],
    [
      "an acknowledgement before SETTINGS",
      "protocolError",
      join(clientOpening.subarray(0, 24), frame(4, 1, 0)),
    ],
  ];
  for (const [what, name, bytes] of opening) {
    it(`ends for ${what}`, () => check(new Recorder("server"), [what, PROTOCOL_ERROR, name, bytes]));
  }

  it("of a server that answers in HTTP/1 ends with a word about it", () => {
    const client = new Recorder("client");
    const answer = new Uint8Array(Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"));
    check(client, ["", PROTOCOL_ERROR, "prefaceInvalid", answer]);
    assert.match(client.error?.rawMessage ?? "", /HTTP\/1/);
  });
});

it("header lists: one over the limit costs the stream, one far over it the connection", () => {
  const limits = { maxHeaderListBytes: 2000 };
  const tooMuch = ["x", "y".repeat(1000), "x", "z".repeat(1000)];
  const server = openServer(limits);
  server.feed(frame(1, 0x5, 1, join(requestBlock, block(tooMuch))));
  server.feed(frame(1, 0x5, 3, requestBlock));
  assert.deepEqual(server.log, ["settings", "reset 1 11", "headers 3 end"]);
  const client = openClient(limits);
  client.request(true);
  client.feed(frame(1, 0x4, 1, join(responseBlock, block(tooMuch))));
  assert.deepEqual(client.log, ["settings", "reset 1 11"]);
  check(openServer(limits), [
    "",
    COMPRESSION_ERROR,
    "headerCompression",
    frame(1, 0x5, 1, join(requestBlock, block(["x", "y".repeat(9000)]))),
  ]);
});
