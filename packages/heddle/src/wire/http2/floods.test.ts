/**
 * Floods, on the pure machine: what a burst may hold, what comes after, and what a steady honest rate may do.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ENHANCE_YOUR_CALM, REFUSED_STREAM } from "./constants.ts";
import { DEFAULT_LIMITS, type Rate } from "./limits.ts";
import {
  block,
  frame,
  goawayCodes,
  join,
  requestBlock,
  resets,
  responseBlock,
  settings,
  uint32,
} from "./raw-frames.test.ts";
import { openClient, openServer, type Recorder } from "./recorder.test.ts";

const DEFAULTS = DEFAULT_LIMITS;
const ping = frame(6, 0, 0, new Uint8Array(8));
const rapidReset = (i: number) =>
  join(frame(1, 0x4, 2 * i + 1, requestBlock), frame(3, 0, 2 * i + 1, uint32(8)));

/** `[what, limit, frames of it, one more than once before]`. `bytes(i)` is the i-th unit of the flood. */
const floods: readonly (readonly [string, Rate, (i: number) => Uint8Array])[] = [
  ["resets by the peer", DEFAULTS.resets, rapidReset],
  [
    "resets that the peer makes us send",
    DEFAULTS.resets,
    (i) => join(frame(1, 0x4, 2 * i + 1, requestBlock), frame(8, 0, 2 * i + 1, uint32(0))),
  ],
  ["malformed requests", DEFAULTS.resets, (i) => frame(1, 0x5, 2 * i + 1, block(["x", "y"]))],
  ["pings", DEFAULTS.pings, () => ping],
  [
    "SETTINGS",
    { burst: DEFAULTS.settings.burst - 1, perSecond: DEFAULTS.settings.perSecond },
    () => settings(),
  ],
  [
    "empty DATA",
    DEFAULTS.emptyFrames,
    (i) => (i === 0 ? join(frame(1, 0x4, 1, requestBlock), frame(0, 0, 1)) : frame(0, 0, 1)),
  ],
  [
    "padding alone",
    DEFAULTS.emptyFrames,
    (i) => (i === 0 ? join(frame(1, 0x4, 1, requestBlock), frame(0, 8, 1, [0])) : frame(0, 8, 1, [0])),
  ],
  ["empty header blocks", DEFAULTS.emptyFrames, (i) => frame(1, 0x5, 2 * i + 1)],
  ["PRIORITY", DEFAULTS.noise, (i) => frame(2, 0, 2 * i + 1, new Uint8Array(5))],
  ["unknown frames", DEFAULTS.noise, () => frame(0xee, 0, 0, [1, 2, 3])],
  ["window updates of 1", DEFAULTS.noise, () => frame(8, 0, 0, uint32(1))],
  [
    "window updates of streams that are over",
    DEFAULTS.noise,
    (i) => (i === 0 ? join(rapidReset(0), frame(8, 0, 1, uint32(1))) : frame(8, 0, 1, uint32(1))),
  ],
  ["GOAWAY", DEFAULTS.noise, () => frame(7, 0, 0, new Uint8Array(8))],
  ["answers to pings that nobody sent", DEFAULTS.noise, () => frame(6, 1, 0, new Uint8Array(8))],
  ["acknowledgements of settings that nobody sent", DEFAULTS.noise, () => frame(4, 1, 0)],
];

describe("a flood of", () => {
  for (const [what, { burst }, bytes] of floods) {
    it(`${what} ends the connection after a burst of ${burst}`, () => {
      const server = openServer();
      for (let i = 0; i < burst; i++) server.feed(bytes(i));
      assert.equal(server.error, undefined, "the burst is allowed");
      for (let i = burst; i < burst + 2; i++) server.feed(bytes(i));
      assertCalm(server);
    });
  }
});

describe("at the allowed rate, for a minute,", () => {
  for (const [what, { perSecond }, bytes] of floods) {
    it(`${what} are let pass`, () => {
      const server = openServer();
      for (let i = 0; i < 60 * perSecond; i++) {
        server.feed(bytes(i), 1000 / perSecond);
        server.machine.out.reset();
      }
      assert.equal(server.error, undefined);
    });
  }
});

function assertCalm(server: Recorder): void {
  assert.deepEqual(goawayCodes(server.sent()), [ENHANCE_YOUR_CALM]);
  assert.equal(server.error?.reason, "flood");
}

it("CONTINUATION: as many frames as the limit says, and not one more; nor more bytes than a header list may have", () => {
  const start = frame(1, 0x1, 1, requestBlock);
  const more = frame(9, 0, 1, block(["x", "y"]));
  const last = frame(9, 0x4, 1);
  const whole = openServer();
  whole.feed(join(start, ...Array.from({ length: 15 }, () => more), last));
  assert.deepEqual(whole.log, ["settings", "headers 1 end"]);
  const many = openServer();
  many.feed(join(start, ...Array.from({ length: 17 }, () => more)));
  assertCalm(many);
  const long = openServer();
  for (let i = 0; i < 6; i++) long.feed(i === 0 ? start : frame(9, 0, 1, new Uint8Array(16_000)));
  assertCalm(long);
});

it("streams over the limit are refused, and the others go on", () => {
  const server = openServer({ maxConcurrentStreams: 2 });
  for (const id of [1, 3, 5]) server.feed(frame(1, 0x4, id, requestBlock));
  assert.deepEqual(resets(server.sent()), [[5, REFUSED_STREAM]]);
  server.feed(join(frame(0, 1, 5, [1]), frame(0, 1, 1, [1])));
  assert.deepEqual(server.log, ["settings", "headers 1", "headers 3", "data 1 1 end"]);
});

it("a peer that does not read: answers to its control frames are bounded, and its requests are refused", () => {
  const server = openServer({ maxQueuedControlBytes: 1000 });
  server.machine.sender.corked = true;
  server.feed(frame(1, 0x4, 1, requestBlock));
  while (server.error === undefined && server.machine.out.length < 2000) {
    if (server.machine.out.length >= 1000)
      server.feed(frame(1, 0x4, server.machine.lastPeerStreamId + 2, requestBlock));
    server.feed(ping);
  }
  assert.ok(server.machine.out.length < 1200);
  const sent = server.sent();
  assert.deepEqual(
    resets(sent).map(([, code]) => code),
    [REFUSED_STREAM],
  );
  assert.deepEqual(goawayCodes(sent), [ENHANCE_YOUR_CALM]);
  assert.equal(server.error?.reason, "flood");
});

it("pings and window updates that our own data explains are free: many measure the delay so", () => {
  const server = openServer();
  server.feed(
    join(frame(1, 0x4, 1, requestBlock), frame(8, 0, 0, uint32(1 << 29)), frame(8, 0, 1, uint32(1 << 29))),
  );
  const stream = server.streams.get(1);
  assert.ok(stream !== undefined);
  for (let i = 0; i < 5000; i++) {
    server.machine.sendMessage(stream, 0, new Uint8Array(100), 0, 100, false);
    server.feed(join(ping, frame(8, 0, 0, uint32(105))));
    server.sent();
  }
  assert.equal(server.error, undefined);
});

it("a client hangs up on a server that floods it, too", () => {
  for (const bytes of [
    ping,
    settings(),
    frame(3, 0, 1, uint32(8)),
    frame(1, 0x4, 3, block([":status", "103"])),
  ]) {
    const client = openClient();
    client.request();
    client.feed(frame(1, 0x5, 1, responseBlock));
    client.machine.reset(client.request(), 8);
    client.request();
    const open = bytes[3] === 1 ? frame(1, 0x4, 5, block([":status", "103"])) : bytes;
    for (let i = 0; i < 1002 && client.error === undefined; i++) client.feed(open);
    assert.equal(client.error?.reason, "flood");
  }
});
