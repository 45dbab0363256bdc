/**
 * Against node:http2 (nghttp2), an HTTP/2 of other people: its client to our server, our client to its server.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import * as http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { createServer, createTransport, type HeddleError, implement } from "heddle";
import { EchoService, UnaryRequestSchema, UnaryResponseSchema } from "../gen/heddle/test/v1/echo_pb.ts";
import { filled } from "../kit/bytes.ts";
import { createEchoService } from "../kit/echo-service.ts";
import { within } from "../kit/within.ts";

const UNARY = "/heddle.test.v1.EchoService/Unary";
const MiB = 1024 * 1024;
const { PADDING_STRATEGY_MAX, PADDING_STRATEGY_NONE } = http2.constants;

function envelope(payload: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(payload.length, 1);
  return Buffer.concat([prefix, payload]);
}

interface Answer {
  readonly headers: http2.IncomingHttpHeaders;
  readonly trailers: http2.IncomingHttpHeaders;
  readonly body: Buffer;
}

/** One gRPC call by hand over a session of node:http2. */
async function callByHand(
  session: http2.ClientHttp2Session,
  bytes: number,
  metadata: http2.OutgoingHttpHeaders = {},
): Promise<Answer> {
  const stream = session.request({
    ":method": "POST",
    ":path": UNARY,
    "content-type": "application/grpc",
    te: "trailers",
    ...metadata,
  });
  let headers: http2.IncomingHttpHeaders = {};
  let trailers: http2.IncomingHttpHeaders = {};
  const chunks: Buffer[] = [];
  stream.on("response", (received) => (headers = received));
  stream.on("trailers", (received) => (trailers = received));
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.end(envelope(toBinary(UnaryRequestSchema, create(UnaryRequestSchema, { payload: filled(bytes) }))));
  await within(once(stream, "close"), "the end of the stream", 20_000);
  return { headers, trailers, body: Buffer.concat(chunks) };
}

function assertEchoed({ headers, trailers, body }: Answer, bytes: number): void {
  assert.equal(headers[":status"], 200);
  assert.equal(trailers["grpc-status"], "0");
  assert.equal(body.readUInt32BE(1), body.length - 5);
  const payload = fromBinary(UnaryResponseSchema, body.subarray(5)).echo?.payload ?? new Uint8Array(0);
  assert.ok(Buffer.compare(payload, filled(bytes)) === 0);
}

const settingsOfNode: readonly (readonly [string, http2.SecureClientSessionOptions])[] = [
  ["defaults", {}],
  ["padding on every frame", { paddingStrategy: PADDING_STRATEGY_MAX }],
  ["a window of 10 bytes", { settings: { initialWindowSize: 10 } }],
  ["no header table", { settings: { headerTableSize: 0 } }],
  ["frames of 1 MiB", { settings: { maxFrameSize: MiB } }],
];

describe("a client of node:http2 calls our server, with", () => {
  for (const [what, options] of settingsOfNode) {
    it(what, async () => {
      const errors: HeddleError[] = [];
      await using server = await createServer({
        services: [implement(EchoService, createEchoService())],
        onPeerError: (error) => errors.push(error),
      });
      const session = http2.connect(`http://${server.address}`, {
        paddingStrategy: PADDING_STRATEGY_NONE,
        ...options,
      });
      try {
        const sizes = [0, 1, 100, 16_384, 70_000];
        // A tiny window takes a round trip for each few bytes.
        const bodies = options.settings?.initialWindowSize === 10 ? [0, 1, 100, 2000] : [...sizes, 3 * MiB];
        for (const bytes of bodies) assertEchoed(await callByHand(session, bytes), bytes);
        const metadata = Object.fromEntries(
          Array.from({ length: 20 }, (_, i) => [`x-trail-${i}`, `${i}`.repeat(1500)]),
        );
        const large = await callByHand(session, 10, metadata);
        assertEchoed(large, 10);
        assert.equal(large.trailers["x-trail-7"], "7".repeat(1500));
        const many = await Promise.all(Array.from({ length: 200 }, (_, i) => callByHand(session, i)));
        many.forEach(assertEchoed);
        assert.deepEqual(errors, []);
      } finally {
        session.close();
        await within(once(session, "close"), "the end of the session");
      }
    });
  }
});

/** A gRPC server by hand on node:http2 that echoes; metadata `x-…` comes back in the trailers. */
function echoByHand(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): void {
  const chunks: Buffer[] = [];
  stream.on("error", () => {});
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.on("end", () => {
    const request = fromBinary(UnaryRequestSchema, Buffer.concat(chunks).subarray(5));
    stream.additionalHeaders({ ":status": 103, link: "</x>" });
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => {
      const back = Object.entries(headers).filter(([name]) => name.startsWith("x-"));
      stream.sendTrailers({ "grpc-status": "0", ...Object.fromEntries(back) });
    });
    stream.end(
      envelope(
        toBinary(UnaryResponseSchema, create(UnaryResponseSchema, { echo: { payload: request.payload } })),
      ),
    );
  });
}

describe("our client calls a server of node:http2, with", () => {
  for (const [what, { settings = {}, paddingStrategy = PADDING_STRATEGY_NONE }] of settingsOfNode) {
    it(what, async () => {
      const server = http2.createServer({
        settings: { ...settings, maxConcurrentStreams: 20 },
        paddingStrategy,
      });
      server.on("stream", echoByHand);
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      try {
        await using transport = createTransport({
          target: `127.0.0.1:${(server.address() as AddressInfo).port}`,
        });
        const client = createClient(EchoService, transport);
        const bodies =
          settings.initialWindowSize === 10 ? [0, 1, 100, 2000] : [0, 1, 100, 16_384, 70_000, 3 * MiB];
        for (const bytes of bodies) await assertCall(client, bytes);
        // More than the server lets us have open: the rest waits its turn.
        await Promise.all(Array.from({ length: 200 }, (_, i) => assertCall(client, i)));
        const headers = Object.fromEntries(
          Array.from({ length: 20 }, (_, i) => [`x-field-${i}`, `${i}`.repeat(1500)]),
        );
        let trailers = new Headers();
        await client.unary(
          { payload: filled(5) },
          { headers, onTrailer: (received) => (trailers = received) },
        );
        assert.equal(trailers.get("x-field-9"), "9".repeat(1500));
      } finally {
        const closed = once(server, "close");
        server.close();
        await within(closed, "the end of the server");
      }
    });
  }
});

async function assertCall(client: Client<typeof EchoService>, bytes: number): Promise<void> {
  const { echo } = await client.unary({ payload: filled(bytes) });
  assert.ok(Buffer.compare(echo?.payload ?? new Uint8Array(0), filled(bytes)) === 0);
}
