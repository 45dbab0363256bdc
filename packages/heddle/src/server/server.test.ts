import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { isHeddleError } from "../call/errors.ts";
import {
  connectScriptedClient,
  envelope,
  type ScriptedStream,
  until,
} from "../connection/scripted-peer.test.ts";
import { Echo } from "../contract/echo-service.test.ts";
import { createRuntime } from "../runtime/runtime.ts";
import { createVirtualTime } from "../runtime/virtual-time.ts";
import { implement } from "./implement.ts";
import { createRouter } from "./router.ts";
import type { ServerOptions } from "./options.ts";
import { createServer } from "./server.ts";

type Say = (request: { readonly value: Uint8Array }, context: HandlerContext) => unknown;

let addresses = 0;
async function createWorld(say: Say = ({ value }) => ({ value }), options: Partial<ServerOptions> = {}) {
  const time = createVirtualTime();
  const failures: unknown[] = [];
  const server = await createServer({
    services: [implement(Echo, { say: say as never })],
    listen: `memory:server-${addresses++}`,
    runtime: createRuntime({ clock: time, timers: time }),
    onHandlerError: (error) => failures.push(error),
    ...options,
  });
  const client = connectScriptedClient(server.address);
  return {
    server,
    client,
    time,
    failures,
    async [Symbol.asyncDispose]() {
      client.cut();
      await server.close({ drainMs: 0 });
    },
  };
}

const head = (extra: Readonly<Record<string, string>> = {}): string[] =>
  Object.entries({
    ":method": "POST",
    ":scheme": "http",
    ":path": "/heddle.unit.Echo/Say",
    te: "trailers",
    "content-type": "application/grpc+proto",
    ...extra,
  }).flat();

const message = (...bytes: number[]) => Uint8Array.of(0x0a, bytes.length, ...bytes);

async function ask(
  client: ReturnType<typeof connectScriptedClient>,
  fields: string[] = head(),
  body: Uint8Array = envelope(message(1, 2)),
): Promise<ScriptedStream> {
  const stream = client.open(fields);
  stream.sendBytes(body, true);
  await until(() => stream.over);
  return stream;
}

const refusals: readonly (readonly [string, Record<string, string>, string, Code, string])[] = [
  ["another content type", { "content-type": "application/xml" }, "415", Code.Unknown, "HDL-2308"],
  ["no content type", { "content-type": "" }, "415", Code.Unknown, "HDL-2308"],
  [
    "a codec of gRPC-Web that is unknown",
    { "content-type": "application/grpc-web+thrift" },
    "415",
    Code.Unknown,
    "HDL-2308",
  ],
  ["another codec", { "content-type": "application/grpc+thrift" }, "415", Code.Unknown, "HDL-2308"],
  ["a timeout that is none", { "grpc-timeout": "1x" }, "200", Code.InvalidArgument, "HDL-2310"],
  ["a compression that is unknown", { "grpc-encoding": "snappy" }, "200", Code.Unimplemented, "HDL-2303"],
  ["another HTTP method", { ":method": "GET" }, "405", Code.Internal, "HDL-2311"],
  ["an unknown service", { ":path": "/a.B/C" }, "200", Code.Unimplemented, "HDL-2307"],
  ["a method without a handler", { ":path": "/heddle.unit.Echo/Get" }, "200", Code.Unimplemented, "HDL-2307"],
  ["no time left", { "grpc-timeout": "0n" }, "200", Code.DeadlineExceeded, "HDL-2201"],
];

for (const [what, fields, httpStatus, code, id] of refusals) {
  test(`a request with ${what} is refused with ${id}, and the connection goes on`, async () => {
    let handled = 0;
    await using world = await createWorld(() => (handled++, {}));
    const refused = await ask(world.client, head(fields));
    assert.deepEqual([refused.field(":status"), refused.field("grpc-status")], [httpStatus, String(code)]);
    assert.match(refused.field("grpc-message") ?? "", new RegExp(id));
    assert.equal(handled, 0);
    assert.equal((await ask(world.client)).field("grpc-status"), "0");
  });
}

test("an answer with a field named then is an answer and no promise", async () => {
  // oxlint-disable-next-line unicorn/no-thenable -- a thing that looks like a promise is the case
  await using world = await createWorld(({ value }) => Object.assign({ value }, { then: "later" }));
  assert.equal((await ask(world.client)).field("grpc-status"), "0");
});

test("a request that is no gRPC gets a sentence to read, after its end and not before", async () => {
  await using world = await createWorld();
  const stream = world.client.open(head({ ":method": "PUT", "content-type": "text/html" }));
  stream.sendBytes(Uint8Array.of(1, 2, 3), false);
  assert.equal((await ask(world.client)).field("grpc-status"), "0");
  assert.equal(stream.head, undefined);
  stream.sendBytes(Uint8Array.of(4), true);
  await until(() => stream.over);
  assert.deepEqual([stream.field(":status"), stream.field("allow")], ["405", "POST"]);
  assert.match(new TextDecoder().decode(Uint8Array.from(stream.data)), /PUT.*HDL-2311\)\n$/);
});

test("a request that is no gRPC and does not end is cut off", async () => {
  await using world = await createWorld();
  const stream = world.client.open(head({ "content-type": "text/html" }));
  for (let i = 0; i < 100 && !stream.over; i++) {
    stream.sendBytes(new Uint8Array(16 * 1024), false);
    // The server reads, and grants more, in between.
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => stream.over);
  assert.equal(stream.field(":status"), "415");
});

test("content types of gRPC are answered in kind, without their parameters", async () => {
  await using world = await createWorld();
  for (const [asked, answered] of [
    ["application/grpc", "application/grpc"],
    ["application/grpc+proto", "application/grpc+proto"],
    ["application/grpc;v=1", "application/grpc"],
    ["application/grpc+proto; charset=utf-8", "application/grpc+proto"],
  ] as const) {
    for (let i = 0; i < 3; i++)
      assert.equal(
        (await ask(world.client, head({ "content-type": asked }))).field("content-type"),
        answered,
      );
  }
});

test("kept blocks of head and trailers decode to the same fields in every answer", async () => {
  await using world = await createWorld((request, context) => {
    if (request.value[0] === 9) context.responseHeader.set("x-own", "1");
    if (request.value[0] === 8) context.responseTrailer.set("x-own", "2");
    return request;
  });
  for (const first of [1, 1, 9, 1, 8, 1, 9, 8, 1, 1]) {
    const answer = await ask(world.client, head(), envelope(message(first)));
    assert.deepEqual(answer.head?.slice(0, 6), [
      ":status",
      "200",
      "content-type",
      "application/grpc+proto",
      "grpc-accept-encoding",
      "gzip,br,zstd,deflate",
    ]);
    assert.deepEqual(answer.head?.slice(6), first === 9 ? ["x-own", "1"] : []);
    assert.deepEqual(answer.trailers, ["grpc-status", "0", ...(first === 8 ? ["x-own", "2"] : [])]);
    assert.deepEqual([...answer.data], [...envelope(message(first))]);
  }
});

const requests: readonly (readonly [string, Uint8Array, Record<string, string>, number, RegExp])[] = [
  ["no message", new Uint8Array(0), {}, Code.Unimplemented, /exactly one request message, none arrived/],
  [
    "two messages",
    Buffer.concat([envelope(message(1)), envelope(message(2))]),
    {},
    Code.Unimplemented,
    /more than one arrived/,
  ],
  ["half a message", envelope(message(1)).subarray(0, 6), {}, Code.Internal, /inside a message/],
  ["an unknown flag", envelope(message(1), 3), {}, Code.Internal, /the flag 3/],
  [
    "a message over the limit",
    envelope(new Uint8Array(2000)),
    {},
    Code.ResourceExhausted,
    /2000 bytes is over the limit of 1000/,
  ],
  [
    "a gzip bomb",
    envelope(gzipSync(new Uint8Array(100_000)), 1),
    { "grpc-encoding": "gzip" },
    Code.ResourceExhausted,
    /received%2C expanded|received, expanded/,
  ],
  [
    "compression without having said so",
    envelope(gzipSync(message(1)), 1),
    {},
    Code.Internal,
    /no encoding was named/,
  ],
  [
    "damaged gzip",
    envelope(Uint8Array.of(1, 2, 3), 1),
    { "grpc-encoding": "gzip" },
    Code.Internal,
    /cannot be decoded/,
  ],
  ["bytes that are no message", envelope(Uint8Array.of(0x0a, 0x7f)), {}, Code.Internal, /cannot be decoded/],
];

for (const [what, body, fields, code, text] of requests) {
  test(`a request with ${what} is refused, and the handler does not run`, async () => {
    let handled = 0;
    await using world = await createWorld(() => (handled++, {}), { maxReceiveMessageBytes: 1000 });
    const answer = await ask(world.client, head(fields), body);
    assert.equal(answer.field("grpc-status"), String(code));
    assert.match(answer.field("grpc-message") ?? "", text);
    assert.equal(handled, 0);
    assert.equal((await ask(world.client)).field("grpc-status"), "0");
  });
}

test("a request may come in pieces of any size, and compressed", async () => {
  await using world = await createWorld();
  const whole = envelope(message(1, 2, 3));
  for (let size = 1; size <= whole.length; size++) {
    const stream = world.client.open(head());
    for (let at = 0; at < whole.length; at += size) stream.sendBytes(whole.subarray(at, at + size));
    stream.sendBytes(new Uint8Array(0), true);
    await until(() => stream.over);
    assert.deepEqual([...stream.data], [...whole]);
  }
  const zipped = await ask(
    world.client,
    head({ "grpc-encoding": "gzip" }),
    envelope(gzipSync(message(4)), 1),
  );
  assert.deepEqual([...zipped.data], [...envelope(message(4))]);
});

test("an answer is compressed only for callers that understand it", async () => {
  await using world = await createWorld(undefined, { sendCompression: "gzip", compressMinBytes: 0 });
  const zipped = await ask(world.client, head({ "grpc-accept-encoding": "identity, gzip" }));
  assert.equal(zipped.field("grpc-encoding"), "gzip");
  assert.deepEqual([zipped.data[0], [...gunzipSync(zipped.data.subarray(5))]], [1, [...message(1, 2)]]);
  const plain = await ask(world.client);
  assert.deepEqual([plain.field("grpc-encoding"), plain.data[0]], [undefined, 0]);
});

const badHandlers: readonly (readonly [string, Say])[] = [
  [
    "throws",
    () => {
      throw new TypeError("secret");
    },
  ],
  [
    "rejects",
    async () => {
      throw new TypeError("secret");
    },
  ],
  // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- plain JavaScript may, and it must not look like success
  ["rejects with nothing", () => Promise.reject(undefined)],
  ["returns nothing", () => undefined],
  ["resolves with nothing", async () => undefined],
  ["returns what does not fit the contract", () => ({ value: "secret" })],
  [
    "sets a header that cannot travel",
    (_request, context) => (context.responseHeader.set("x-a", "caf\u00e9"), {}),
  ],
  [
    "sets a trailer that cannot travel",
    (_request, context) => (context.responseTrailer.set("x-a", "caf\u00e9"), {}),
  ],
  [
    "throws metadata that cannot travel",
    () => {
      throw new ConnectError("x", Code.NotFound, { "x-a": "caf\u00e9" });
    },
  ],
];

for (const [what, say] of badHandlers) {
  test(`a handler that ${what} fails alone: the caller learns no more than that`, async () => {
    let bad = true;
    await using world = await createWorld((request, context) => (bad ? say(request, context) : request));
    const answer = await ask(world.client);
    assert.deepEqual(
      [answer.field("grpc-status"), answer.field("grpc-message")],
      [String(Code.Unknown), "handler of heddle.unit.Echo/Say failed (HDL-3001)"],
    );
    assert.equal(world.failures.length, 1);
    bad = false;
    assert.equal(
      (await ask(world.client)).field("grpc-status"),
      "0",
      "the connection goes on, its header compression in step",
    );
  });
}

test("an error of the contract reaches the caller with its metadata", async () => {
  await using world = await createWorld(() => {
    throw new ConnectError("sold out: 50 %", Code.FailedPrecondition, { "x-left": "0" });
  });
  const answer = await ask(world.client);
  assert.deepEqual(
    [answer.field("grpc-status"), answer.field("grpc-message"), answer.field("x-left")],
    ["9", "sold out: 50 %25", "0"],
  );
  assert.equal(answer.trailers, undefined, "trailers-only");
  assert.deepEqual(world.failures, []);
});

test("headers that a handler set before it failed come in a head of their own", async () => {
  await using world = await createWorld((_, context) => {
    context.responseHeader.set("x-early", "1");
    context.responseTrailer.set("x-late", "2");
    throw new ConnectError("sold out", Code.FailedPrecondition);
  });
  const answer = await ask(world.client);
  assert.equal(answer.field("x-early"), "1");
  assert.deepEqual(answer.trailers, ["grpc-status", "9", "grpc-message", "sold out", "x-late", "2"]);
});

test("the deadline answers for a handler that does not, once, and its signal aborts", async () => {
  const late = Promise.withResolvers<object>();
  let signal: AbortSignal | undefined;
  await using world = await createWorld((_request, context) => {
    signal = context.signal;
    return late.promise;
  });
  const stream = world.client.open(head({ "grpc-timeout": "100m" }));
  stream.sendBytes(envelope(message(1)), true);
  await until(() => signal !== undefined);
  world.time.advance(120);
  await until(() => stream.over);
  assert.equal(stream.field("grpc-status"), String(Code.DeadlineExceeded));
  assert.equal(signal?.aborted, true);
  late.resolve({});
  assert.equal(
    (await ask(world.client, head(), envelope(message(2))).catch(() => undefined))?.field("grpc-status") ??
      "0",
    "0",
  );
  assert.equal(stream.data.length, 0, "the late answer goes nowhere");
});

test("a caller that resets, or disappears, aborts the handler's signal and gets nothing more", async () => {
  const signals: AbortSignal[] = [];
  const late = Promise.withResolvers<object>();
  await using world = await createWorld((_request, context) => {
    signals.push(context.signal);
    return late.promise;
  });
  const reset = world.client.open(head());
  reset.sendBytes(envelope(message(1)), true);
  const left = world.client.open(head());
  left.sendBytes(envelope(message(1)), true);
  await until(() => signals.length === 2);
  reset.reset(8);
  await until(() => signals[0]?.aborted === true);
  assert.equal(signals[1]?.aborted, false);
  world.client.cut();
  await until(() => signals[1]?.aborted === true);
  late.resolve({});
  await until(() => world.server.connections === 0);
  assert.deepEqual(world.failures, []);
});

test("closing serves what runs, tells clients to go elsewhere, and cuts what is left after drainMs", async () => {
  const first = Promise.withResolvers<object>();
  await using world = await createWorld(() => first.promise);
  const stream = world.client.open(head());
  stream.sendBytes(envelope(message(1)), true);
  await until(() => world.server.connections === 1 && world.client.machine.settingsReceived);
  const closed = world.server.close({ drainMs: 5000 });
  await until(() => world.client.goaway === 0, "GOAWAY");
  first.resolve({ value: Uint8Array.of(5) });
  await until(() => stream.over);
  assert.equal(stream.field("grpc-status"), "0");
  world.time.advance(1000);
  await closed;
  assert.equal(world.server.connections, 0);

  let running = false;
  await using stuck = await createWorld(() => ((running = true), new Promise(() => {})));
  stuck.client.open(head()).sendBytes(envelope(message(1)), true);
  await until(() => running);
  const cut = stuck.server.close({ drainMs: 300 });
  await until(() => stuck.client.goaway === 0);
  stuck.time.advance(300);
  await cut;
  await until(() => stuck.client.closed);
});

test("an address in use, or none, is HDL-1004; a name in use in this process too", async () => {
  await using tcp = await createServer({ services: [] });
  await using memory = await createServer({ services: [], listen: "memory:server-taken" });
  for (const listen of [tcp.address, memory.address, "nowhere", "127.0.0.1:99999"]) {
    await assert.rejects(
      createServer({ services: [], listen }),
      (error) => isHeddleError(error) && error.reason === "listenFailed",
      listen,
    );
  }
});

test("a service is implemented once; options must make sense", async () => {
  assert.throws(
    () => createRouter([implement(Echo, {}), implement(Echo, {})]),
    (error) =>
      isHeddleError(error) &&
      error.reason === "optionInvalid" &&
      /heddle\.unit\.Echo is implemented twice/.test(error.rawMessage),
  );
  for (const options of [{ maxReceiveMessageBytes: -1 }, { maxSendMessageBytes: Number.NaN }]) {
    await assert.rejects(
      createServer({ services: [], listen: "memory:server-options", ...options }),
      (error) => isHeddleError(error) && error.reason === "optionInvalid",
    );
  }
  assert.deepEqual(createRouter([implement(Echo, {})]).services, ["heddle.unit.Echo"]);
});

test("`this` in a handler is the object given to implement", async () => {
  class Shop {
    readonly stock = Uint8Array.of(42);
    say() {
      return { value: this.stock };
    }
  }
  await using world = await createWorld(undefined, { services: [implement(Echo, new Shop())] });
  assert.deepEqual([...(await ask(world.client)).data.subarray(7)], [42]);
});
