/**
 * Servers that attack their clients. Each passes one limit and learns of it by the right code; the call that was made
 * there fails with a word on what happened; memory stays where it was; calls to another server go on all the while.
 */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { ConnectError } from "heddle";
import { heldBytes } from "../kit/held-bytes.ts";
import { connectTo, startEcho } from "../kit/running.ts";
import { until, within } from "../kit/within.ts";
import { block, frame, ping, RawPeer, settings, settingsAck, uint32 } from "./raw-peer.ts";

const MiB = 1024 * 1024;

/** Error codes of HTTP/2. */
const PROTOCOL = 1;
const FLOW_CONTROL = 3;
const COMPRESSION = 9;
const CALM = 11;

/** A server that answers the first request of a client by attacking it. `id` is the request's stream. */
async function startHostile(t: TestContext, attack: (peer: RawPeer, id: number) => unknown) {
  const peers: RawPeer[] = [];
  const listener = createServer((socket) => {
    const peer = new RawPeer(socket, true, { ofClient: true });
    peers.push(peer);
    peer.write(settings, settingsAck);
    void until(() => peer.frames.some(({ type }) => type === 1) || peer.closed, "a request").then(() => {
      const request = peer.frames.find(({ type }) => type === 1);
      if (request !== undefined) attack(peer, request.id);
    });
  }).listen(0, "127.0.0.1");
  t.after(() => {
    for (const { socket } of peers) socket.destroy();
    listener.close();
  });
  await once(listener, "listening");
  return { address: `127.0.0.1:${(listener.address() as AddressInfo).port}`, peers };
}

const head = (id: number, flags = 0x4) =>
  frame(
    1,
    flags,
    id,
    block([
      [":status", "200"],
      ["content-type", "application/grpc"],
    ]),
  );
const setting = (id: number, value: number) => frame(4, 0, 0, [0, id, ...uint32(value)]);

/** Names a field of the dynamic table again and again: a few bytes that are a list of `total` when read. */
function bomb(total: number): Buffer {
  const value = Buffer.alloc(3900, 0x61);
  const entry = Buffer.concat([Buffer.from([0x40, 1, 0x78, 127, ...varint(value.length - 127)]), value]);
  return Buffer.concat([
    block([[":status", "200"]]),
    entry,
    Buffer.alloc(Math.ceil(total / 3900), 0x80 | 62),
  ]);
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}

type Attack = (peer: RawPeer, id: number) => unknown;

/** What the server does; the code that it is hung up on with; what the caller reads. */
const attacks: Readonly<Record<string, readonly [attack: Attack, code: number, says: RegExp]>> = {
  "a push promise": [
    (peer, id) => peer.write(frame(5, 4, id, [...uint32(2), ...block([[":method", "GET"]])])),
    PROTOCOL,
    /PUSH_PROMISE/,
  ],
  "pings without end": [(peer) => peer.flood(50_000, () => ping), CALM, /pings/],
  "settings without end": [(peer) => peer.flood(50_000, () => settings), CALM, /settings/],
  "settings that change the size of the HPACK table back and forth": [
    (peer) => peer.flood(50_000, (i) => setting(1, i % 2 === 0 ? 0 : 4096)),
    CALM,
    /settings/,
  ],
  "settings of many entries": [
    (peer) => peer.write(frame(4, 0, 0, Array.from({ length: 40 }, () => [0, 4, 0, 0, 1, 0]).flat())),
    CALM,
    /settings/,
  ],
  "an initial window over 2^31-1": [(peer) => peer.write(setting(4, 0x80000000)), FLOW_CONTROL, /window/i],
  "windows that overflow": [
    (peer) => peer.write(frame(8, 0, 0, uint32(0x7fffffff)), frame(8, 0, 0, uint32(0x7fffffff))),
    FLOW_CONTROL,
    /window/,
  ],
  "window updates without end": [
    (peer) => peer.flood(50_000, () => frame(8, 0, 0, uint32(1))),
    CALM,
    /noise/,
  ],
  "an HPACK bomb": [(peer, id) => peer.write(frame(1, 0x4, id, bomb(1_000_000))), COMPRESSION, /header/],
  "more updates of the table's size than a block may have": [
    (peer, id) => peer.write(frame(1, 0x4, id, [0x20, 0x3f, 0xe1, 0x1f, 0x20, 0x88])),
    COMPRESSION,
    /size update/,
  ],
  "CONTINUATION frames without end": [
    (peer, id) => peer.flood(50_000, (i) => (i === 0 ? head(id, 0) : frame(9, 0, id, block([["x", "y"]])))),
    CALM,
    /CONTINUATION/,
  ],
  "an answer on a stream that nobody opened": [
    (peer) => peer.write(head(1001)),
    PROTOCOL,
    /idle stream 1001/,
  ],
  "answers on even streams": [(peer) => peer.write(head(2)), PROTOCOL, /stream 2/],
  "GOAWAY without end": [
    (peer, id) => peer.flood(50_000, () => frame(7, 0, 0, [...uint32(id), ...uint32(0)])),
    CALM,
    /noise/,
  ],
  "interim answers without end": [
    (peer, id) => peer.flood(50_000, () => frame(1, 0x4, id, block([[":status", "103"]]))),
    CALM,
    /noise/,
  ],
  "empty DATA without end": [
    (peer, id) => peer.flood(50_000, (i) => (i === 0 ? head(id) : frame(0, 0, id))),
    CALM,
    /empty/,
  ],
  "PRIORITY without end": [
    (peer) => peer.flood(50_000, () => frame(2, 0, 3, new Uint8Array(5))),
    CALM,
    /noise/,
  ],
  "unknown frames without end": [(peer) => peer.flood(50_000, () => frame(0xee, 0, 0, [1])), CALM, /noise/],
};

for (const [what, [attack, code, says]] of Object.entries(attacks)) {
  test(`${what}: the server is hung up on, its call fails, and others go on`, async (t) => {
    const hostile = await startHostile(t, attack);
    const good = connectTo(t, (await startEcho(t)).address);
    const client = connectTo(t, hostile.address, { waitForReadyMs: 500 });
    await good.unary({});
    const before = await heldBytes();
    const call = client.unary({}, { timeoutMs: 4000 }).then(
      () => assert.fail("the call succeeds"),
      (error: unknown) => error,
    );
    await good.unary({});
    const error = await within(call, "the end of the call");
    assert.ok(error instanceof ConnectError);
    await good.unary({});
    const [peer] = hostile.peers;
    assert.equal(await peer?.goaway(), code);
    assert.match(error.rawMessage, says);
    const grown = (await heldBytes()) - before;
    assert.ok(grown < 4 * MiB, `grew by ${(grown / MiB).toFixed(1)} MiB`);
  });
}

test("a header list over the limit costs the call and not the connection", async (t) => {
  const hostile = await startHostile(t, (peer, id) => peer.write(frame(1, 0x4, id, bomb(130_000))));
  const client = connectTo(t, hostile.address);
  await assert.rejects(client.unary({}, { timeoutMs: 2000 }), ConnectError);
  const [peer] = hostile.peers;
  await until(() => peer?.resets.length === 1, "the reset");
  assert.equal(peer?.resets[0]?.[1], CALM);
  assert.equal(peer?.closed, false);
});

test("data on a stream that is over is told of once, then dropped, and piles up nothing", async (t) => {
  const flooded = Promise.withResolvers<void>();
  const hostile = await startHostile(t, async (peer, id) => {
    peer.write(head(id), frame(1, 0x5, id, block([["grpc-status", "13"]])));
    await peer.flood(50_000, () => frame(0, 0, id, new Uint8Array(1000)));
    peer.write(ping);
    await until(
      () => peer.frames.some(({ type, flags }) => type === 6 && flags === 1),
      "the answer to the ping",
    );
    flooded.resolve();
  });
  const client = connectTo(t, hostile.address);
  const before = await heldBytes();
  await assert.rejects(client.unary({}, { timeoutMs: 2000 }), ConnectError);
  await within(flooded.promise, "50 MB to be dropped");
  assert.deepEqual(
    hostile.peers.map(({ resets, closed }) => [resets.length, closed]),
    [[1, false]],
  );
  const grown = (await heldBytes()) - before;
  assert.ok(grown < 4 * MiB, `grew by ${(grown / MiB).toFixed(1)} MiB`);
});

test("a server that lets nobody open a stream, or says nothing, costs each call its deadline", async (t) => {
  const hostile = await startHostile(t, (peer) => peer.write(setting(3, 0)));
  const client = connectTo(t, hostile.address);
  const outcomes = await within(
    Promise.allSettled(Array.from({ length: 50 }, () => client.unary({}, { timeoutMs: 300 }))),
    "all deadlines",
  );
  for (const outcome of outcomes)
    assert.match(String(outcome.status === "rejected" && outcome.reason), /deadline/i);
});
