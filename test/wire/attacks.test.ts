/**
 * Attacks on a server that keep every rule of HTTP/2 and still want more than their share: bombs, windows of 0, data
 * for nobody. Each shows what stopped it, that nothing of it is held afterwards, and that others are served meanwhile.
 * The limits that end a connection are in limits.test.ts.
 */
import "../kit/trap.ts";
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
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { heldBytes } from "../kit/held-bytes.ts";
import { until } from "../kit/within.ts";
import { block, connectRaw, frame, type RawPeer, requestBlock, uint32 } from "./raw-peer.ts";

const UNARY = "/heddle.test.v1.EchoService/Unary";
const BIDI = "/heddle.test.v1.EchoService/BidiStream";
const MiB = 1024 * 1024;
const answerBytes = 100_000;

let server: Server;
let transport: ClosableTransport;
let errors: HeddleError[] = [];

before(async () => {
  server = await createServer({
    services: [
      implement(EchoService, {
        unary: () => ({ echo: { payload: new Uint8Array(answerBytes) } }),
        async *bidiStream(requests) {
          for await (const _ of requests) yield { echo: {} };
        },
      }),
    ],
    http2: { maxConcurrentStreams: 50 },
    onPeerError: (error) => errors.push(error),
  });
  transport = createTransport({ target: server.address });
});

after(async () => {
  transport.close("now");
  await server.close({ drainMs: 0 });
});

async function assertServes(): Promise<void> {
  const { echo } = await createClient(EchoService, transport).unary({});
  assert.equal(echo?.payload.length, answerBytes);
}

/** Runs an attack on a connection that goes on afterwards. While it stands it may make us hold `held` bytes. */
async function attack(run: (peer: RawPeer) => Promise<void>, held = 2 * MiB): Promise<void> {
  await assertServes();
  errors = [];
  const earlier = await heldBytes();
  {
    using peer = await connectRaw(server.address);
    const attacking = run(peer);
    await assertServes();
    await attacking;
    await assertServes();
    const now = (await heldBytes()) - earlier;
    assert.ok(now < held, `${(now / MiB).toFixed(1)} MiB are held`);
    assert.equal(peer.closed, false);
    assert.deepEqual(errors, []);
  }
  await until(() => server.connections === 1, "the end of the attacker's connection");
  const left = (await heldBytes()) - earlier;
  assert.ok(left < 2 * MiB, `${(left / MiB).toFixed(1)} MiB are left behind`);
}

const request = (id: number, more: readonly (readonly [string, string])[] = [], path = UNARY) =>
  frame(1, 0x4, id, requestBlock(path, more));

/** A message behind its prefix, in frames, the last of which ends the stream. */
function message(id: number, flag: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.concat([Buffer.from([flag, ...uint32(payload.length)]), payload]);
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 16_384) {
    const last = at + 16_384 >= bytes.length;
    frames.push(frame(0, last ? 1 : 0, id, bytes.subarray(at, at + 16_384)));
  }
  return Buffer.concat(frames);
}

/** Value of a literal field in an answer's header blocks: the status is too short for Huffman to pay. */
function statuses(peer: RawPeer): string[] {
  return peer.frames
    .filter(({ type, flags }) => type === 1 && (flags & 1) === 1)
    .map(({ payload }) => payload.toString("latin1"));
}

describe("a bomb of compression is expanded to the limit of a message and no further:", () => {
  const zeros = Buffer.alloc(64 * MiB);
  const bombs = {
    gzip: gzipSync(zeros),
    deflate: deflateSync(zeros),
    br: brotliCompressSync(zeros, { params: {} }),
    zstd: zstdCompressSync(zeros),
  };
  for (const [encoding, bomb] of Object.entries(bombs)) {
    it(`${bomb.length} bytes of ${encoding} that are 64 MiB, twenty times`, () =>
      attack(async (peer) => {
        for (let i = 0; i < 20; i++) {
          const id = 2 * i + 1;
          peer.write(request(id, [["grpc-encoding", encoding]]), message(id, 1, bomb));
          await until(() => statuses(peer).length === i + 1, "the answer");
        }
        assert.equal(peer.frames.filter(({ type }) => type === 0).length, 0, "no handler has answered");
      }));
  }
});

describe("HPACK:", () => {
  it("the table emptied and filled by every block costs no more than any block", () =>
    attack(async (peer) => {
      const fields = block(Array.from({ length: 20 }, (_, i) => [`x-${i}`, "v".repeat(100)] as const));
      // With incremental indexing: 0x40 in the place of 0.
      for (let at = 0; at < fields.length; at += 1 + 1 + (fields[at + 1] as number) + 1 + 100)
        fields[at] = 0x40;
      const blockOf = Buffer.concat([Buffer.from([0x20, 0x3f, 0xe1, 0x1f]), requestBlock(UNARY), fields]);
      for (let i = 0; i < 2000; i += 50) {
        await peer.flood(50, (n) => frame(1, 0x5, 2 * (i + n) + 1, blockOf));
        await until(() => statuses(peer).length === 50, "fifty answers");
        peer.frames.length = 0;
      }
    }));
});

describe("windows:", () => {
  it("of 0 make a server hold the answers to as many requests as may be open, and not one more", () =>
    attack(
      async (peer) => {
        peer.write(frame(4, 0, 0, [0, 4, ...uint32(0)]));
        for (let i = 0; i < 200; i++) {
          const id = 2 * i + 1;
          peer.write(request(id), message(id, 0, new Uint8Array(0)));
        }
        await until(() => peer.resets.length === 150, "150 refusals");
        assert.ok(peer.resets.every(([, code]) => code === 7));
        assert.equal(peer.frames.filter(({ type, payload }) => type === 0 && payload.length > 0).length, 0);
      },
      50 * answerBytes * 1.3 + 2 * MiB,
    ));

  it("opened one byte at a time give one byte at a time", () =>
    attack(async (peer) => {
      peer.write(frame(4, 0, 0, [0, 4, ...uint32(0)]), request(1), message(1, 0, new Uint8Array(0)));
      await until(() => peer.frames.some(({ type }) => type === 1), "the head of the answer");
      const count = 500;
      await peer.flood(count, () => frame(8, 0, 1, uint32(1)));
      const dribbled = () => peer.frames.filter(({ type }) => type === 0);
      await until(() => dribbled().length === count, "as many frames");
      assert.ok(dribbled().every(({ payload }) => payload.length === 1));
    }, 2 * MiB));

  it("as large as they can be are believed, and nothing is set aside for them", () =>
    attack(async (peer) => {
      peer.write(frame(4, 0, 0, [0, 4, ...uint32(0x7fffffff)]), frame(8, 0, 0, uint32(0x7fffffff - 65_535)));
      peer.write(request(1), message(1, 0, new Uint8Array(0)));
      await until(() => statuses(peer).length === 1, "the answer");
    }));
});

describe("data for nobody:", () => {
  it("of a stream that was cut is dropped", () =>
    attack(async (peer) => {
      peer.write(request(1, [], BIDI), frame(3, 0, 1, uint32(8)));
      await until(() => server.connections === 2, "the connection");
      // What the reset has left open of the connection's window is granted again as it is used.
      await peer.flood(10_000, () => frame(0, 0, 1, new Uint8Array(100)));
      await until(() => peer.resets.length === 1, "the reset");
      assert.deepEqual(peer.resets, [[1, 5]]);
    }));

  it("of a call that has been answered is dropped", () =>
    attack(async (peer) => {
      peer.write(request(1, [], "/heddle.test.v1.EchoService/Missing2"));
      await peer.flood(1000, () => frame(0, 0, 1, new Uint8Array(100)));
      peer.write(frame(0, 1, 1));
      await until(() => statuses(peer).length === 1, "the answer");
    }));
});
