/**
 * Answers of Connect and gRPC-Web, good and hostile, from a scripted server. What they look like over HTTP/1.1 is no
 * different, for both versions of HTTP end in the same translators.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { Code } from "@connectrpc/connect";
import { isHeddleError } from "../../call/errors.ts";
import {
  envelope,
  type ScriptedStream,
  startScriptedServer,
  until,
} from "../../connection/scripted-peer.test.ts";
import type { ClientOptions } from "../options.ts";
import { createVirtualClient, failureOf } from "../virtual-client.test.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
/** A BytesValue with these bytes. */
const message = (...bytes: number[]) => Uint8Array.of(0x0a, bytes.length, ...bytes);
const join = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

const unaryHead = [":status", "200", "content-type", "application/proto"];
const streamHead = [":status", "200", "content-type", "application/connect+proto"];
const webHead = [":status", "200", "content-type", "application/grpc-web+proto"];
const end = (json: string, flag = 2) => envelope(utf8(json), flag);
const trailers = (text: string, flag = 0x80) => envelope(utf8(text), flag);

let worlds = 0;
function createWorld(options: ClientOptions, script: (request: ScriptedStream) => void) {
  const server = startScriptedServer(`protocols-${worlds++}`, (request) => {
    if (request.ended) script(request);
  });
  const client = createVirtualClient({ target: server.address, ...options });
  return {
    server,
    client,
    get request(): ScriptedStream {
      return server.requests.at(-1) as ScriptedStream;
    },
    [Symbol.dispose]() {
      client[Symbol.dispose]();
      server[Symbol.dispose]();
    },
  };
}

/** What is said once the head is there. */
function answering(head: readonly string[], ...body: Uint8Array[]) {
  return (request: ScriptedStream) => {
    request.sendFields(head, body.length === 0);
    const frames = body.flatMap(inFrames);
    for (const [i, bytes] of frames.entries()) request.sendBytes(bytes, i === frames.length - 1);
  };
}

function inFrames(bytes: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += 16_384) frames.push(bytes.subarray(at, at + 16_384));
  return frames;
}

async function listed(answers: AsyncIterable<{ readonly value: Uint8Array }>): Promise<number[][]> {
  const seen: number[][] = [];
  for await (const { value } of answers) seen.push([...value]);
  return seen;
}

test("Connect, unary: a plain request, its message as the body", async () => {
  using world = createWorld({ protocol: "connect" }, answering(unaryHead, message(7)));
  const { value } = await world.client.echo.say({ value: Uint8Array.of(1, 2) });
  assert.deepEqual([...value], [7]);
  const { request } = world;
  assert.deepEqual([...request.data], [0x0a, 2, 1, 2]);
  assert.equal(request.field("content-type"), "application/proto");
  assert.equal(request.field("connect-protocol-version"), "1");
  assert.equal(request.field("connect-timeout-ms"), "15000");
  assert.equal(request.field("accept-encoding"), "gzip,br,zstd,deflate");
  assert.equal(request.field("content-encoding"), undefined);
  assert.equal(request.field("te"), undefined);
});

test("Connect, unary: trailers stand in the head; an empty body is an empty message", async () => {
  using world = createWorld(
    { protocol: "connect" },
    answering([...unaryHead, "x-head", "h", "trailer-x-trail", "t"]),
  );
  const seen: (string | null)[] = [];
  const { value } = await world.client.echo.say(
    {},
    {
      onHeader: (header) => seen.push(header.get("x-head"), header.get("trailer-x-trail")),
      onTrailer: (trailer) => seen.push(trailer.get("x-trail")),
    },
  );
  assert.equal(value.length, 0);
  assert.deepEqual(seen, ["h", null, "t"]);
});

test("Connect: what has no side effects is a GET with its query in order, where it is wanted and fits", async () => {
  using world = createWorld({ protocol: "connect", useHttpGet: true }, answering(unaryHead, message(7)));
  await world.client.echo.get({ value: Uint8Array.of(0xff) });
  const { request } = world;
  assert.equal(request.field(":method"), "GET");
  assert.equal(
    request.field(":path"),
    "/heddle.unit.Echo/Get?connect=v1&base64=1&encoding=proto&message=CgH_",
  );
  assert.equal(request.data.length, 0);
  for (const name of ["content-type", "content-encoding", "connect-protocol-version"])
    assert.equal(request.field(name), undefined, name);
  await world.client.echo.get({ value: new Uint8Array(10_000) });
  assert.equal(world.request.field(":method"), "POST", "too long for a URL");
  await world.client.echo.put({});
  assert.equal(world.request.field(":method"), "POST", "idempotent is not free of side effects");
});

test("Connect: a GET in JSON can be read; a compressed one says how", async () => {
  const json = [":status", "200", "content-type", "application/json"];
  using plain = createWorld(
    { protocol: "connect", useHttpGet: true, codec: "json" },
    answering(json, utf8('"Bw=="')),
  );
  assert.deepEqual([...(await plain.client.echo.get({ value: Uint8Array.of(1) })).value], [7]);
  assert.match(plain.request.field(":path") ?? "", /\?connect=v1&encoding=json&message=%22AQ%3D%3D%22$/);
  using packed = createWorld(
    { protocol: "connect", useHttpGet: true, sendCompression: "gzip", compressMinBytes: 0 },
    answering(unaryHead, message(7)),
  );
  await packed.client.echo.get({ value: Uint8Array.of(1) });
  assert.match(
    packed.request.field(":path") ?? "",
    /\?connect=v1&base64=1&compression=gzip&encoding=proto&message=H4sI/,
  );
});

test("metadata cannot forge what the protocol writes", async () => {
  using world = createWorld({ protocol: "connect" }, answering(unaryHead, message(7)));
  await world.client.echo.say(
    {},
    {
      headers: {
        "content-length": "5",
        "content-encoding": "gzip",
        "accept-encoding": "x",
        "connect-timeout-ms": "1",
        "x-mine": "1",
      },
    },
  );
  const { request } = world;
  assert.equal(request.field("content-length"), undefined);
  assert.equal(request.field("content-encoding"), undefined);
  assert.equal(request.field("accept-encoding"), "gzip,br,zstd,deflate");
  assert.equal(request.field("connect-timeout-ms"), "15000");
  assert.equal(request.field("x-mine"), "1");
});

/** How a call that got such an answer ends: code, and a part of the text. */
type Bad = readonly [name: string, script: (request: ScriptedStream) => void, code: Code, text: RegExp];

const json = (status: string, ...more: string[]) => [
  ":status",
  status,
  "content-type",
  "application/json",
  ...more,
];
const bomb = gzipSync(Buffer.alloc(8 * 1024 * 1024));

const badUnary: readonly Bad[] = [
  ["an error", answering(json("404"), utf8('{"code":"aborted","message":"ä"}')), Code.Aborted, /^ä$/],
  [
    "a compressed error",
    answering(json("404", "content-encoding", "gzip"), gzipSync('{"code":"aborted","message":"m"}')),
    Code.Aborted,
    /^m$/,
  ],
  ["an error without a code", answering(json("401"), utf8('{"message":"m"}')), Code.Unauthenticated, /^m$/],
  ["an error that is no JSON", answering(json("503"), utf8("{")), Code.Unavailable, /HTTP status 503/],
  [
    "an error that is a page",
    answering([":status", "404"], utf8("<p>")),
    Code.Unimplemented,
    /HTTP status 404/,
  ],
  ["an error with no body", answering(json("403")), Code.PermissionDenied, /HTTP status 403/],
  [
    "details that are no base64",
    answering(json("400"), utf8('{"code":"aborted","details":[{"type":"a.B","value":"!"}]}')),
    Code.Internal,
    /HTTP status 400/,
  ],
  [
    "a huge error",
    answering(json("429"), utf8(`{"code":"aborted","message":"${"x".repeat(300_000)}"}`)),
    Code.Unavailable,
    /HTTP status 429/,
  ],
  [
    "an error that expands without end",
    answering(json("429", "content-encoding", "gzip"), bomb),
    Code.Unavailable,
    /HTTP status 429/,
  ],
  [
    "another codec",
    answering(json("200"), utf8('"Bw=="')),
    Code.Internal,
    /content type is "application\/json"/,
  ],
  ["a picture", answering([":status", "200", "content-type", "image/jpeg"]), Code.Unknown, /image\/jpeg/],
  ["no content type", answering([":status", "200"]), Code.Unknown, /no content type/],
  [
    "an unknown compression",
    answering([...unaryHead, "content-encoding", "rot13"], message(7)),
    Code.Internal,
    /"rot13" was not offered/,
  ],
  [
    "a message that expands without end",
    answering([...unaryHead, "content-encoding", "gzip"], bomb),
    Code.ResourceExhausted,
    /over the limit/,
  ],
  ["a message that is none", answering(unaryHead, Uint8Array.of(0xff)), Code.Internal, /cannot be decoded/],
  [
    "a trailer with no name",
    answering([...unaryHead, "trailer-", "x"], message(7)),
    Code.Internal,
    /trailers are malformed/,
  ],
];

for (const [name, script, code, text] of badUnary) {
  test(`Connect, unary: ${name}`, async () => {
    using world = createWorld({ protocol: "connect" }, script);
    const error = await failureOf(world.client.echo.say({}));
    assert.equal(Code[error.code], Code[code], error.message);
    assert.match(error.rawMessage, text);
    assert.deepEqual(world.client.inFlight, [0]);
    assert.equal(world.client.wheel.size, 0);
  });
}

test("Connect, unary: an error has details and all metadata of its answer", async () => {
  const body = '{"code":"aborted","details":[{"type":"a.B","value":"AQI","debug":{"x":1}}]}';
  using world = createWorld(
    { protocol: "connect" },
    answering(json("409", "x-h", "1", "trailer-x-t", "2"), utf8(body)),
  );
  const error = await failureOf(world.client.echo.say({}));
  assert.deepEqual(error.details, [{ type: "a.B", value: Uint8Array.of(1, 2), debug: { x: 1 } }]);
  assert.deepEqual([error.metadata.get("x-h"), error.metadata.get("x-t")], ["1", "2"]);
});

const badStreams: readonly Bad[] = [
  ["no last frame", answering(streamHead, envelope(message(7))), Code.Internal, /without the frame/],
  [
    "a last frame that is half there",
    answering(streamHead, end("{}").subarray(0, 6)),
    Code.Internal,
    /without/,
  ],
  ["a last frame that is no JSON", answering(streamHead, end("nonsense")), Code.Internal, /malformed/],
  [
    "a second last frame",
    answering(streamHead, end("{}"), end("{}")),
    Code.Internal,
    /goes on after its end/,
  ],
  [
    "a message after the end",
    answering(streamHead, join(end("{}"), envelope(message(7)))),
    Code.Internal,
    /goes on/,
  ],
  ["an unknown flag", answering(streamHead, end("{}", 4)), Code.Internal, /flag 4/],
  ["an unknown flag beside the end", answering(streamHead, end("{}", 0x82)), Code.Internal, /flag 130/],
  [
    "trailers that Headers refuses",
    answering(streamHead, end('{"metadata":{"a b":["1"]}}')),
    Code.Internal,
    /malformed/,
  ],
  ["a compressed end without a name for it", answering(streamHead, end("{}", 3)), Code.Internal, /malformed/],
  [
    "an end that expands without end",
    answering([...streamHead, "connect-content-encoding", "gzip"], envelope(bomb, 3)),
    Code.ResourceExhausted,
    /over the limit/,
  ],
  [
    "a huge end",
    answering(streamHead, end(`{"error":{"message":"${"x".repeat(300_000)}"}}`)),
    Code.ResourceExhausted,
    /over the limit/,
  ],
  ["the head of a unary answer", answering(unaryHead, message(7)), Code.Internal, /application\/proto/],
  [
    "a plain HTTP status",
    answering(json("503"), utf8('{"code":"aborted"}')),
    Code.Unavailable,
    /HTTP status 503/,
  ],
];

for (const [name, script, code, text] of badStreams) {
  test(`Connect, stream: ${name}`, async () => {
    using world = createWorld({ protocol: "connect" }, script);
    const error = await failureOf(listed(world.client.echo.list({})));
    assert.equal(Code[error.code], Code[code], error.message);
    assert.match(error.rawMessage, text);
    assert.deepEqual(world.client.inFlight, [0]);
  });
}

test("Connect, stream: messages, then the error in the last frame with its trailers", async () => {
  const last = '{"error":{"code":"data_loss","message":"torn"},"metadata":{"X-T":["1","2"]}}';
  using world = createWorld(
    { protocol: "connect" },
    answering([...streamHead, "x-h", "h"], join(envelope(message(7)), envelope(message(8))), end(last)),
  );
  const seen: number[] = [];
  const error = await failureOf(
    (async () => {
      for await (const { value } of world.client.echo.list({})) seen.push(...value);
    })(),
  );
  assert.deepEqual(seen, [7, 8]);
  assert.deepEqual([error.code, error.rawMessage], [Code.DataLoss, "torn"]);
  assert.deepEqual([error.metadata.get("x-t"), error.metadata.get("x-h")], ["1, 2", "h"]);
  assert.equal(world.request.field("content-type"), "application/connect+proto");
  assert.equal(world.request.field("connect-accept-encoding"), "gzip,br,zstd,deflate");
});

const badWeb: readonly Bad[] = [
  ["no trailers", answering(webHead, envelope(message(7))), Code.Internal, /without trailers/],
  [
    "trailers without a status",
    answering(webHead, trailers("grpc-message: m\r\n")),
    Code.Internal,
    /without grpc-status/,
  ],
  [
    "only trailers: no message",
    answering(webHead, trailers("grpc-status: 0\r\n")),
    Code.Unimplemented,
    /no message/,
  ],
  [
    "two messages",
    answering(webHead, envelope(message(7)), envelope(message(8)), trailers("grpc-status: 0\r\n")),
    Code.Unimplemented,
    /more than one message/,
  ],
  [
    "a status in the head and another in the body",
    answering([...webHead, "grpc-status", "8"], trailers("Grpc-Status: 9\r\nGRPC-Message: m\r\n")),
    Code.FailedPrecondition,
    /^m$/,
  ],
  [
    "a status in the head and no body",
    (request) => {
      request.sendFields([...webHead, "grpc-status", "9", "grpc-message", "m"]);
      request.sendBytes(new Uint8Array(0), true);
    },
    Code.FailedPrecondition,
    /^m$/,
  ],
  ["a head and nothing", answering(webHead), Code.Internal, /without grpc-status/],
  ["lines that are no trailers", answering(webHead, trailers("no colon\r\n")), Code.Internal, /malformed/],
  [
    "frames after the trailers",
    answering(webHead, trailers("grpc-status: 0\r\n"), Uint8Array.of(0)),
    Code.Internal,
    /goes on/,
  ],
  [
    "trailers that expand without end",
    answering([...webHead, "grpc-encoding", "gzip"], envelope(bomb, 0x81)),
    Code.ResourceExhausted,
    /over the limit/,
  ],
  [
    "compressed trailers",
    answering(
      [...webHead, "grpc-encoding", "gzip"],
      envelope(gzipSync("grpc-status: 9\r\ngrpc-message: m"), 0x81),
    ),
    Code.FailedPrecondition,
    /^m$/,
  ],
  [
    "another codec",
    answering(
      [":status", "200", "content-type", "application/grpc-web+json"],
      trailers("grpc-status: 0\r\n"),
    ),
    Code.Internal,
    /grpc-web\+json/,
  ],
  ["a picture", answering([":status", "200", "content-type", "image/jpeg"]), Code.Unknown, /image\/jpeg/],
  ["a plain HTTP status", answering([":status", "502"]), Code.Unavailable, /HTTP status 502/],
];

for (const [name, script, code, text] of badWeb) {
  test(`gRPC-Web: ${name}`, async () => {
    using world = createWorld({ protocol: "grpc-web" }, script);
    const error = await failureOf(world.client.echo.say({}));
    assert.equal(Code[error.code], Code[code], error.message);
    assert.match(error.rawMessage, text);
    assert.deepEqual(world.client.inFlight, [0]);
    assert.equal(world.client.wheel.size, 0);
  });
}

test("gRPC-Web: the request is gRPC's, under another name", async () => {
  using world = createWorld(
    { protocol: "grpc-web" },
    answering(webHead, join(envelope(message(7)), trailers("grpc-status: 0\r\nX-T: t\r\n"))),
  );
  let trailer: string | null = null;
  await world.client.echo.say(
    { value: Uint8Array.of(1) },
    { onTrailer: (all) => (trailer = all.get("x-t")) },
  );
  assert.equal(trailer, "t");
  const { request } = world;
  assert.deepEqual([...request.data], [0, 0, 0, 0, 3, 0x0a, 1, 1]);
  assert.deepEqual(
    ["content-type", "x-grpc-web", "grpc-timeout", "te"].map((name) => request.field(name)),
    ["application/grpc-web+proto", "1", "15S", undefined],
  );
});

test("a server that goes on without end after the last frame is cut off at once", async () => {
  for (const protocol of ["connect", "grpc-web"] as const) {
    const [head, last] =
      protocol === "connect" ? [streamHead, end("{}")] : [webHead, trailers("grpc-status: 0\r\n")];
    using world = createWorld({ protocol }, (request) => {
      request.sendFields(head);
      request.sendBytes(last);
      request.sendBytes(new Uint8Array(1000));
    });
    const error = await failureOf(listed(world.client.echo.list({})));
    assert.ok(isHeddleError(error) && error.reason === "responseInvalid");
    await until(() => world.request.resetCode !== undefined, "the stream is reset");
  }
});

test("deadline and retries work as in gRPC", async () => {
  let attempts = 0;
  using world = createWorld({ protocol: "connect" }, (request) => {
    attempts++;
    if (attempts < 3) answering(json("503"), utf8('{"code":"unavailable","message":"busy"}'))(request);
    else answering(unaryHead, message(7))(request);
  });
  const answer = world.client.echo.get({});
  await until(() => attempts === 1, "the first attempt");
  await world.client.pass(10_000);
  assert.deepEqual([...(await answer).value], [7]);
  assert.deepEqual(
    world.client.records[0]?.attempts.map(({ status }) => status),
    ["UNAVAILABLE", "UNAVAILABLE", "OK"],
  );
  using silent = createWorld({ protocol: "connect" }, () => {});
  const late = failureOf(silent.client.echo.say({}, { timeoutMs: 500 }));
  await until(() => silent.server.requests.length === 1 && silent.request.ended, "the request");
  await silent.client.pass(600);
  assert.equal((await late).code, Code.DeadlineExceeded);
  await until(() => silent.request.resetCode !== undefined, "the stream is reset");
});
