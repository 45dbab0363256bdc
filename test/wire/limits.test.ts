/**
 * Every limit of `http2` on real sockets: an attacker passes it, and gets the right code; the owner of the server
 * is told; a well-behaved connection to the same server answers all the while; memory stays where it was.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createClient } from "@connectrpc/connect";
import {
  type ClosableTransport,
  createServer,
  createTransport,
  type HeddleError,
  implement,
  type Server,
} from "heddle";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { heldBytes } from "../kit/held-bytes.ts";
import { createEchoService } from "../kit/echo-service.ts";
import { until } from "../kit/within.ts";
import {
  block,
  connectRaw,
  frame,
  openStream,
  ping,
  PREFACE,
  type RawPeer,
  requestBlock,
  settings,
  settingsAck,
  uint32,
} from "./raw-peer.ts";

const UNARY = "/heddle.test.v1.EchoService/Unary";
const CLIENT_STREAM = "/heddle.test.v1.EchoService/ClientStream";
const UNKNOWN = "/heddle.test.v1.EchoService/Unknown";
const MiB = 1024 * 1024;

let server: Server;
let transport: ClosableTransport;
let errors: HeddleError[] = [];

const limits = { maxConcurrentStreams: 50, maxHeaderListBytes: 16_384, maxQueuedControlBytes: 64 * 1024 };

before(async () => {
  server = await createServer({
    services: [implement(EchoService, createEchoService())],
    http2: limits,
    handshakeTimeoutMs: 300,
    onPeerError: (error) => errors.push(error),
  });
  transport = createTransport({ target: server.address });
});

after(async () => {
  transport.close("now");
  await server.close({ drainMs: 0 });
});

async function assertServes(): Promise<void> {
  const payload = new Uint8Array(1000).fill(7);
  const answer = await createClient(EchoService, transport).unary({ payload });
  assert.deepEqual(answer.echo?.payload, payload);
}

/** Runs an attack while another connection calls, and checks what it grew. */
async function attack(
  run: (peer: RawPeer) => Promise<void>,
  options: { bare?: boolean; reads?: boolean } = {},
): Promise<void> {
  await assertServes();
  errors = [];
  const before = { held: await heldBytes(), resident: process.memoryUsage.rss() };
  using peer = await connectRaw(server.address, options);
  const attacking = run(peer);
  await assertServes();
  await attacking;
  await assertServes();
  // With what V8 has not thrown away yet.
  const grown = process.memoryUsage.rss() - before.resident;
  assert.ok(grown < 64 * MiB, `grew by ${(grown / MiB).toFixed(1)} MiB`);
  const kept = (await heldBytes()) - before.held;
  assert.ok(kept < 8 * MiB, `keeps ${(kept / MiB).toFixed(1)} MiB`);
}

async function assertClosed(peer: RawPeer, code: number | undefined, reason: string): Promise<void> {
  assert.equal(await peer.goaway(), code);
  assert.deepEqual(
    errors.map((error) => error.reason),
    [reason],
  );
}

const CALM = 11;

describe("over the limit, the connection ends with ENHANCE_YOUR_CALM:", () => {
  const floods: readonly (readonly [string, (i: number) => Uint8Array])[] = [
    ["rapid reset", (i) => Buffer.concat([openStream(2 * i + 1, UNARY), frame(3, 0, 2 * i + 1, uint32(8))])],
    [
      "resets that we are made to send",
      (i) => Buffer.concat([openStream(2 * i + 1, UNARY), frame(8, 0, 2 * i + 1, uint32(0))]),
    ],
    ["streams beyond the limit", (i) => openStream(2 * i + 1, CLIENT_STREAM)],
    ["pings", () => ping],
    ["SETTINGS", () => settings],
    ["acknowledgements", () => settingsAck],
    ["empty DATA", (i) => (i === 0 ? openStream(1, CLIENT_STREAM) : frame(0, 0, 1))],
    ["empty header blocks", (i) => frame(1, 0x5, 2 * i + 1)],
    ["PRIORITY", (i) => frame(2, 0, 2 * i + 1, new Uint8Array(5))],
    ["unknown frames", () => frame(0xee, 0, 0, [1])],
    ["window updates", () => frame(8, 0, 0, uint32(1))],
    [
      "CONTINUATION frames without end",
      (i) => (i === 0 ? openStream(1, UNARY, 0) : frame(9, 0, 1, block([["x", "y"]]))),
    ],
    [
      "CONTINUATION bytes without end",
      (i) => (i === 0 ? openStream(1, UNARY, 0) : frame(9, 0, 1, new Uint8Array(16_384))),
    ],
  ];
  for (const [what, bytes] of floods) {
    it(what, () =>
      attack(async (peer) => {
        await peer.flood(50_000, bytes);
        await assertClosed(peer, CALM, "flood");
      }),
    );
  }
});

describe("a rule broken ends the connection with its own code:", () => {
  const cases: readonly (readonly [string, number, string, Uint8Array])[] = [
    ["a frame over the size", 6, "frameSize", frame(0, 0, 1, new Uint8Array(16_385))],
    ["truncated HPACK", 9, "headerCompression", frame(1, 0x5, 1, requestBlock(UNARY).subarray(0, 30))],
    ["a header list far over its limit", 9, "headerCompression", headersOf(1, 5 * limits.maxHeaderListBytes)],
    ["a connection window over 2^31-1", 3, "flowControl", frame(8, 0, 0, uint32(0x7fffffff))],
    [
      "half of the preface, then something else",
      1,
      "prefaceInvalid",
      Buffer.from("PRI * HTTP/1.1\r\nHost: x\r\n\r\n"),
    ],
  ];
  for (const [what, code, reason, bytes] of cases) {
    it(what, () =>
      attack(
        async (peer) => {
          if (reason !== "prefaceInvalid") peer.write(PREFACE, settings);
          peer.write(bytes);
          await assertClosed(peer, code, reason);
        },
        { bare: true },
      ),
    );
  }
});

/** A header block of `total` bytes of HPACK that expand: one large field in the table, named again and again. */
function headersOf(id: number, total: number): Buffer {
  const value = Buffer.alloc(3900, 0x61);
  const entry = Buffer.concat([Buffer.from([0x40, 1, 0x78, 127, ...varint(value.length - 127)]), value]);
  const again = Buffer.alloc(Math.ceil(total / 3900), 0x80 | 62);
  return frame(1, 0x5, id, Buffer.concat([requestBlock(UNARY), entry, again]));
}

function varint(value: number): number[] {
  const octets: number[] = [];
  let rest = value;
  for (; rest >= 128; rest >>>= 7) octets.push((rest & 127) | 128);
  return [...octets, rest];
}

describe("what costs the stream and not the connection:", () => {
  it("streams over the limit are refused", () =>
    attack(async (peer) => {
      for (let i = 0; i < 60; i++) peer.write(openStream(2 * i + 1, CLIENT_STREAM));
      await until(() => peer.resets.length === 10, "ten refusals");
      assert.deepEqual(
        peer.resets,
        Array.from({ length: 10 }, (_, i) => [101 + 2 * i, 7]),
      );
      assert.equal(peer.closed, false);
    }));

  it("a header list over its limit", () =>
    attack(async (peer) => {
      peer.write(headersOf(1, 2 * limits.maxHeaderListBytes));
      await until(() => peer.resets.length === 1, "the reset");
      assert.deepEqual(peer.resets, [[1, CALM]]);
    }));

  it("data over the stream's window", () =>
    attack(async (peer) => {
      peer.write(openStream(1, "/heddle.test.v1.EchoService/BidiStream"));
      // One message that hangs its handler, then more than the window holds.
      peer.write(frame(0, 0, 1, [0, 0, 0, 0, 4, 0x0a, 2, 0x28, 1]));
      await peer.flood(64, () => frame(0, 0, 1, envelopes));
      await until(() => peer.resets.length === 1, "the reset");
      assert.deepEqual(peer.resets, [[1, 3]]);
      assert.equal(peer.closed, false);
    }));
});

/** Whole messages, so that none is let through for being in the making. */
const envelopes = Buffer.concat(
  Array.from({ length: 10 }, () =>
    Buffer.concat([Buffer.from([0, 0, 0, 0x04, 0, 0x12, 0xfd, 0x07]), Buffer.alloc(1021)]),
  ),
);

describe("a peer that does not read", () => {
  it("and asks for answers to pings is hung up on", () =>
    attack(
      async (peer) => {
        await peer.flood(1_000_000, () => ping);
        await until(() => errors.length > 0, "the error");
        assert.equal(errors[0]?.reason, "flood");
        assert.equal(await serverConnections(1), true);
      },
      { reads: false },
    ));

  it("and sends requests that are answered at once is hung up on", () =>
    attack(
      async (peer) => {
        await peer.flood(400_000, (i) => openStream(2 * i + 1, UNKNOWN, 0x5));
        await until(() => errors.length > 0, "the error");
        assert.equal(errors[0]?.reason, "flood");
        assert.equal(await serverConnections(1), true);
      },
      { reads: false },
    ));
});

async function serverConnections(count: number): Promise<boolean> {
  await until(() => server.connections === count, `${count} connections are left`);
  return true;
}

describe("the opening must come in time:", () => {
  it("nothing at all", () =>
    // Nobody knows what it would have spoken: there is no answer.
    attack(async (peer) => assertClosed(peer, undefined, "prefaceInvalid"), { bare: true }));

  it("half a preface", () =>
    attack(
      async (peer) => {
        peer.write(PREFACE.subarray(0, 10));
        await assertClosed(peer, 4, "prefaceInvalid");
      },
      { bare: true },
    ));

  it("a preface without settings", () =>
    attack(
      async (peer) => {
        peer.write(PREFACE);
        await assertClosed(peer, 4, "prefaceInvalid");
      },
      { bare: true },
    ));
});

it("one message sent octet by octet costs no more than its size", () =>
  attack(async (peer) => {
    const thousand = Buffer.concat(Array.from({ length: 1000 }, () => frame(0, 0, 1, [0])));
    peer.write(openStream(1, UNARY), frame(0, 0, 1, [0, ...uint32(2_000_001)]));
    await peer.flood(2000, () => thousand);
    assert.equal(peer.closed, false);
    assert.deepEqual(errors, []);
  }));
