/** REST over WebSockets: with Node's own client, which is that of browsers, and with frames written by hand. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import type { DescService } from "@bufbuild/protobuf";
import type { HeddleError } from "../call/errors.ts";
import { until } from "../connection/scripted-peer.test.ts";
import type { MethodFunction } from "./implement.ts";
import { listHandlers, made, streamContract } from "./protocols/rest-lines.test.ts";
import type { ServerOptions } from "./options.ts";
import { createServer } from "./server.ts";

const service = streamContract.getService("shop.v1.Lists") as DescService;
type Any = Message & Record<string, unknown>;
type Handlers = Readonly<Record<string, (requests: AsyncIterable<Any>, context: HandlerContext) => unknown>>;

async function serve(
  t: TestContext,
  handlers: Handlers = listHandlers,
  options: Partial<ServerOptions> = {},
) {
  const peerErrors: string[] = [];
  const server = await createServer({
    services: [{ service, handler: ({ name }) => handlers[name] as unknown as MethodFunction }],
    listen: "127.0.0.1:0",
    onHandlerError: () => {},
    onPeerError: (error: HeddleError) => peerErrors.push(error.rawMessage),
    ...options,
  });
  t.after(() => server.close({ drainMs: 0 }));
  return { server, peerErrors };
}

/** A browser's client: what it got, and how it was closed. */
async function open(t: TestContext, address: string, path = "/v1/live/7") {
  const socket = new WebSocket(`ws://${address}${path}`);
  const messages: string[] = [];
  const closed = Promise.withResolvers<CloseEvent>();
  socket.addEventListener("message", ({ data }) => messages.push(String(data)));
  socket.addEventListener("close", (event) => closed.resolve(event));
  socket.addEventListener("error", () => {});
  t.after(() => socket.close());
  await once(socket, "open");
  return {
    socket,
    messages,
    async close(): Promise<string> {
      const { code, reason } = await closed.promise;
      return `${code} ${reason}`;
    },
    got: (count: number) => until(() => messages.length >= count, `${count} messages`),
  };
}

/** Frames as they are: `raw.send` takes bytes, and `text` has all that came. */
async function openRaw(t: TestContext, address: string, fields: readonly string[] = [], path = "/v1/live/7") {
  const [host, port] = address.split(":") as [string, string];
  const socket = connect(Number(port), host);
  t.after(() => socket.destroy());
  let text = "";
  let isClosed = false;
  socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
  socket.on("error", () => {});
  socket.on("close", () => (isClosed = true));
  await once(socket, "connect");
  socket.write(
    [
      `GET ${path} HTTP/1.1`,
      `host: ${address}`,
      "upgrade: websocket",
      "connection: upgrade",
      ...fields,
      ...(fields.some((field) => field.startsWith("sec-websocket-key"))
        ? []
        : [`sec-websocket-key: ${randomBytes(16).toString("base64")}`]),
      "sec-websocket-version: 13",
      "\r\n",
    ].join("\r\n"),
  );
  await until(() => text.includes("\r\n\r\n") || isClosed, "an answer");
  return {
    socket,
    get text() {
      return text;
    },
    get isClosed() {
      return isClosed;
    },
  };
}

interface FrameParts {
  readonly opcode?: number;
  readonly fin?: boolean;
  readonly masked?: boolean;
  /** What the head says of the length. */
  readonly length?: number;
}

function frame(
  payload: string | Buffer,
  { opcode = 1, fin = true, masked = true, length }: FrameParts = {},
): Buffer {
  const data = Buffer.from(payload);
  const said = length ?? data.length;
  const head = [(fin ? 0x80 : 0) | opcode];
  const mask = masked ? 0x80 : 0;
  if (said < 126) head.push(mask | said);
  else if (said < 65_536) head.push(mask | 126, said >> 8, said & 255);
  else
    head.push(
      mask | 127,
      0,
      0,
      0,
      0,
      (said >>> 24) & 255,
      (said >>> 16) & 255,
      (said >>> 8) & 255,
      said & 255,
    );
  return Buffer.concat([Buffer.from(head), ...(masked ? [Buffer.alloc(4)] : []), data]);
}

test("a frame is a message, both ways at once; an empty one ends the requests", async (t) => {
  const { server } = await serve(t);
  const chat = await open(t, server.address);
  await chat.got(1);
  chat.socket.send('{"name":"a"}');
  await chat.got(2);
  chat.socket.send('{"name":"ä","list":"7"}');
  await chat.got(3);
  chat.socket.send("");
  assert.equal(await chat.close(), "1000 ");
  assert.deepEqual(chat.messages, ['{"name":"hello"}', '{"name":"7a!"}', '{"name":"7ä!"}']);
});

test("by the path of any binding, and for streams of requests with one answer as well", async (t) => {
  const { server } = await serve(t);
  const chat = await open(t, server.address, "/v1/chat");
  chat.socket.send("");
  assert.equal(await chat.close(), "1000 ");
  const adding = await open(t, server.address, "/v1/lists/7/items?count=2");
  adding.socket.send('{"name":"a"}');
  adding.socket.send("null");
  adding.socket.send("");
  assert.equal(await adding.close(), "1000 ");
  assert.deepEqual(JSON.parse(adding.messages[0] ?? ""), { names: ["7 a 2", "7 undefined 2"] });
  const upload = await open(t, server.address, "/v1/files/a");
  upload.socket.send(Buffer.from("by"));
  upload.socket.send(Buffer.from("tes"));
  upload.socket.send("");
  assert.equal(await upload.close(), "1000 ");
  assert.deepEqual(JSON.parse(upload.messages[0] ?? ""), { names: ["a  bytes"] });
});

test("empty pieces of a body are nothing: they would wait for the handler without being counted", async (t) => {
  let pieces = 0;
  const { server } = await serve(t, {
    ...listHandlers,
    async Upload(requests) {
      for await (const _ of requests) pieces++;
      return made("Added", { names: [] });
    },
  });
  const upload = await openRaw(t, server.address, [], "/v1/files/a");
  const empty = frame("", { opcode: 2 });
  upload.socket.write(
    Buffer.concat([...Array.from({ length: 5_000 }, () => empty), frame("a", { opcode: 2 })]),
  );
  upload.socket.write(frame(""));
  await until(
    () => upload.isClosed || upload.text.includes("names") || upload.text.includes("{}"),
    "an answer",
  );
  assert.equal(pieces, 1);
});

test("an error is the last frame and the close code", async (t) => {
  const { server } = await serve(t, {
    ...listHandlers,
    async *Chat(requests) {
      for await (const { name } of requests) {
        yield made("Item", { name });
        if (name === "code") throw new ConnectError("as told", Code.NotFound);
        if (name === "throw") throw new Error("secret");
      }
    },
  });
  const rows: readonly (readonly [frame: string | Uint8Array<ArrayBuffer>, close: string, detail: RegExp])[] =
    [
      ['{"name":"code"}', "4404 NOT_FOUND", /as told/],
      ['{"name":"throw"}', "4500 UNKNOWN", /handler/],
      ["{", "4400 INVALID_ARGUMENT", /JSON/],
      ['{"nam":1}', "4400 INVALID_ARGUMENT", /nam/],
      ['{"list":"8"}', "4400 INVALID_ARGUMENT", /different values/],
      [Uint8Array.of(1), "4400 INVALID_ARGUMENT", /a frame is no text/],
    ];
  for (const [sent, close, detail] of rows) {
    const chat = await open(t, server.address);
    chat.socket.send(sent);
    assert.equal(await chat.close(), close, String(sent));
    const last = JSON.parse(chat.messages.at(-1) ?? "") as { error: { status: number; detail: string } };
    assert.equal(last.error.status, Number(close.slice(1, 4)));
    assert.match(last.error.detail, detail);
    assert.doesNotMatch(chat.messages.join(), /secret/);
  }
  const ended = await open(t, server.address);
  ended.socket.send("");
  ended.socket.send("{}");
  assert.match(await ended.close(), /^(?:1000|4400)/);
});

test("a request that is refused is answered as HTTP has it", async (t) => {
  const { server } = await serve(t, listHandlers, { cors: { origins: ["https://shop.example"] } });
  const rows: readonly (readonly [
    path: string,
    fields: readonly string[],
    status: number,
    detail: RegExp,
  ])[] = [
    ["/v1/live/7", ["origin: https://evil.example"], 403, /evil\.example may not open a WebSocket/],
    ["/v1/live/7", ["origin: null"], 403, /null may not/],
    ["/v1/nothing", [], 404, /not served/],
    ["/v1/live/..", [], 400, /dots/],
    ["/livez", [], 404, /not served/],
    ["/v1/live/7", ["connect-timeout-ms: soon"], 400, /timeout .*soon/],
    ["/v1/live/7", ["connect-timeout-ms: 0"], 504, /deadline/],
  ];
  for (const [path, fields, status, detail] of rows) {
    const raw = await openRaw(t, server.address, fields, path);
    await until(() => raw.isClosed, `the end of ${path}`);
    assert.match(raw.text, new RegExp(`^HTTP/1\\.1 ${status} `), path);
    assert.match(raw.text, /application\/problem\+json/);
    assert.match(raw.text, detail);
  }
  for (const origin of ["https://shop.example", `http://${server.address}`]) {
    const raw = await openRaw(t, server.address, [`origin: ${origin}`]);
    assert.match(raw.text, /^HTTP\/1\.1 101 /, origin);
  }
  const wrong = await openRaw(t, server.address, ["sec-websocket-key: short"]);
  await until(() => wrong.isClosed, "the end");
  assert.match(wrong.text, /^HTTP\/1\.1 400 /);
});

test("without origins that are named only the server's own pages are let in", async (t) => {
  const { server } = await serve(t);
  assert.match((await openRaw(t, server.address, ["origin: https://shop.example"])).text, /^HTTP\/1\.1 403 /);
  assert.match(
    (await openRaw(t, server.address, [`origin: http://${server.address}`])).text,
    /^HTTP\/1\.1 101 /,
  );
});

test("frames that break the protocol or a limit end it, and the handler hears of it", async (t) => {
  const ended: unknown[] = [];
  const { server, peerErrors } = await serve(
    t,
    {
      async *Chat(requests, context) {
        context.signal.addEventListener("abort", () => ended.push(context.signal.reason));
        for await (const { name } of requests) yield made("Item", { name });
      },
    },
    { maxReceiveMessageBytes: 1000 },
  );
  const big = "x".repeat(2000);
  const rows: readonly (readonly [what: string, bytes: Buffer, code: number])[] = [
    ["not masked", frame("{}", { masked: false }), 1002],
    ["a length that is too large", frame("", { length: 2 ** 31 }), 1009],
    ["a message that is too large", frame(big), 1009],
    [
      "fragments that are too large together",
      Buffer.concat([frame("x".repeat(900), { fin: false }), frame("x".repeat(900), { opcode: 0 })]),
      1009,
    ],
    [
      "too many fragments",
      Buffer.concat([
        frame("x", { fin: false }),
        ...Array.from({ length: 3000 }, () => frame("", { opcode: 0, fin: false })),
      ]),
      1008,
    ],
    ["no UTF-8", frame(Buffer.of(0xff, 0xfe)), 1007],
    ["an opcode that is not known", frame("", { opcode: 3 }), 1002],
    ["a fragment of nothing", frame("x", { opcode: 0 }), 1002],
    ["a long ping", frame("x".repeat(200), { opcode: 9 }), 1002],
    ["reserved bits", Buffer.from([0xf1, 0x80, 0, 0, 0, 0]), 1002],
  ];
  for (const [what, bytes, code] of rows) {
    const raw = await openRaw(t, server.address);
    const before = raw.text.length;
    raw.socket.write(bytes);
    await until(() => raw.text.length > before, `a close frame: ${what}`);
    const close = Buffer.from(raw.text.slice(before), "latin1");
    assert.deepEqual([close[0], close.readUInt16BE(2)], [0x88, code], what);
    raw.socket.destroy();
  }
  await until(() => ended.length === rows.length, "handlers to hear of it");
  assert.equal(peerErrors.length, rows.length);
});

test("a client that goes away, by a word or without one, ends its call", async (t) => {
  let running = 0;
  const { server } = await serve(t, {
    async *Chat(requests) {
      running++;
      try {
        for await (const { name } of requests) yield made("Item", { name });
      } finally {
        running--;
      }
    },
  });
  const polite = await open(t, server.address);
  const rude = await openRaw(t, server.address);
  await until(() => running === 2, "two calls");
  polite.socket.close(1000, "enough");
  rude.socket.destroy();
  await until(() => running === 0, "none");
  assert.equal(await polite.close(), "1000 enough");
  await until(() => server.connections === 0, "no connection");
});

test("a client that is silent is asked for a sign of life, and cut off without one", async (t) => {
  const { server, peerErrors } = await serve(t, listHandlers, { keepaliveMs: 30, keepaliveTimeoutMs: 300 });
  const alive = await open(t, server.address);
  const dead = await openRaw(t, server.address);
  await until(() => dead.isClosed, "its end");
  assert.ok(dead.text.includes("\x89\x00"), "it got a ping");
  assert.match(peerErrors.join(), /silent/);
  alive.socket.send('{"name":"still here"}');
  await alive.got(2);
});

test("a client that reads slowly stops the handler, and one that sends too much is stopped", async (t) => {
  let written = 0;
  let read = 0;
  const gate = Promise.withResolvers<void>();
  const { server } = await serve(t, {
    async *Chat() {
      for (; written < 20_000; written++) yield made("Item", { name: "x".repeat(1000) });
    },
    async Import(requests) {
      for await (const _ of requests) if (read++ === 0) await gate.promise;
      return made("Total", { count: read });
    },
  });
  const slow = await openRaw(t, server.address);
  slow.socket.pause();
  await settled(() => written);
  assert.ok(written < 15_000, `${written} written`);
  slow.socket.resume();
  await until(() => written === 20_000, "all of it");

  const sender = await openRaw(t, server.address, [], "/v1/items:import");
  const one = frame(`{"name":"${"x".repeat(980)}"}`);
  let sent = 0;
  const send = (): void => {
    while (sent < 40_000) {
      sent++;
      if (!sender.socket.write(one)) return void sender.socket.once("drain", send);
    }
    sender.socket.write(frame(""));
  };
  send();
  await settled(() => sent);
  assert.ok(sent < 30_000, `${sent} sent`);
  gate.resolve();
  await until(() => sender.text.includes('"count":40000'), "its answer");
});

test("a flood of pings costs no more than it sends", async (t) => {
  const { server } = await serve(t);
  const raw = await openRaw(t, server.address);
  raw.socket.pause();
  const pings = Buffer.concat(Array.from({ length: 1000 }, () => frame("x".repeat(125), { opcode: 9 })));
  const before = process.memoryUsage().rss;
  const flood = async () => {
    for (let i = 0; i < 300 && !raw.isClosed; i++)
      if (!raw.socket.write(pings)) await once(raw.socket, "drain");
  };
  // Who does not read its pongs is cut off.
  await flood().catch(() => {});
  assert.ok(process.memoryUsage().rss - before < 100 * 1024 * 1024);
});

test("deadlines and the end of the server are told", async (t) => {
  const { server } = await serve(t);
  const late = await openRaw(t, server.address, ["connect-timeout-ms: 50"]);
  await until(() => late.text.includes('"code":"DEADLINE_EXCEEDED"'), "its deadline");
  const chat = await open(t, server.address);
  await chat.got(1);
  const closing = server.close({ drainMs: 20 });
  assert.equal(await chat.close(), "4503 UNAVAILABLE");
  assert.match(chat.messages.at(-1) ?? "", /HDL-3/);
  await closing;
});

test("requests behind a WebSocket, or before it, are not mixed up with it", async (t) => {
  const { server } = await serve(t);
  const [host, port] = server.address.split(":") as [string, string];
  const socket: Socket = connect(Number(port), host);
  t.after(() => socket.destroy());
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
  socket.on("error", () => {});
  const ask = `GET /v1/live/7 HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: ${randomBytes(16).toString("base64")}\r\nsec-websocket-version: 13\r\n\r\n`;
  socket.write(
    `POST /v1/items:import HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\ncontent-length: 3\r\n\r\n{}\n${ask}`,
  );
  await once(socket, "close");
  assert.doesNotMatch(text, /101 Switching/);
  const raw = await openRaw(t, server.address);
  raw.socket.write("GET /livez HTTP/1.1\r\nhost: x\r\n\r\n");
  await until(() => raw.isClosed, "its end");
  assert.doesNotMatch(raw.text, /200 OK/);
});

async function settled(count: () => number): Promise<void> {
  let before = -1;
  while (before !== count()) {
    before = count();
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
}
