/** The REST client on services that were written without us: `node:http` and nothing else. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { gzipSync, gunzipSync } from "node:zlib";
import {
  type DescMessage,
  type DescService,
  fromBinary,
  type Message,
  type MessageInitShape,
} from "@bufbuild/protobuf";
import { type CallOptions, Code, ConnectError } from "@connectrpc/connect";
import { isHeddleError } from "../../call/errors.ts";
import type { CallRecord } from "../../call/record.ts";
import { contractOf } from "../../contract/rest/contract-of.test.ts";
import { HttpBodySchema } from "../../gen/google/api/httpbody_pb.ts";
import { createStaticResolver } from "../../discovery/static.ts";
import { parseTarget } from "../../discovery/target.ts";
import { systemRuntime } from "../../runtime/runtime.ts";
import { Channel } from "../channel.ts";
import type { ClientOptions } from "../options.ts";
import { createStub } from "../stub.ts";
import { failureOf } from "../virtual-client.test.ts";

const contract = contractOf({
  package: "shop.v1",
  messages: {
    Order: { order_id: "string", total: "int64", note: "string" },
    OrderRequest: { order_id: "string", order: "Order", view: "string", count: "int32" },
    Page: { orders: "repeated Order" },
    Upload: { name: "string", file: "google.api.HttpBody" },
    Told: { error: "Order", note: "string" },
  },
  services: {
    OrderService: {
      GetOrder: rule("get", "/v1/orders/{order_id}"),
      CreateOrder: {
        ...rule("post", "/v1/orders"),
        http: { pattern: { case: "post", value: "/v1/orders" }, body: "order" },
      },
      DeleteOrder: { ...rule("delete", "/v1/orders/{order_id}"), out: "google.protobuf.Empty" },
      WatchOrders: { ...rule("get", "/v1/orders:watch"), out: "stream Order" },
      WatchTold: { ...rule("get", "/v1/told:watch"), out: "stream Told" },
      ListOrders: {
        in: "OrderRequest",
        out: "Page",
        http: { pattern: { case: "get", value: "/v1/orders" }, responseBody: "orders" },
      },
      Upload: {
        in: "Upload",
        out: "google.api.HttpBody",
        http: { pattern: { case: "put", value: "/v1/files/{name}" }, body: "file" },
      },
      Download: {
        in: "Upload",
        out: "stream google.api.HttpBody",
        http: { pattern: { case: "get", value: "/v1/files/{name}" } },
      },
      FindOrder: { in: "OrderRequest", out: "Order" },
      Import: {
        in: "stream Order",
        out: "Page",
        http: { pattern: { case: "post", value: "/v1/orders:import" } },
      },
    },
  },
});
const service = contract.getService("shop.v1.OrderService") as DescService;

function rule(kind: "get" | "post" | "delete", value: string) {
  return { in: "OrderRequest", out: "Order", http: { pattern: { case: kind, value } } };
}

type Any = Record<string, unknown>;
type Unary = (request: MessageInitShape<DescMessage>, options?: CallOptions) => Promise<Message & Any>;
type Streaming = (
  request: MessageInitShape<DescMessage>,
  options?: CallOptions,
) => AsyncIterable<Message & Any>;
interface Orders {
  readonly getOrder: Unary;
  readonly createOrder: Unary;
  readonly deleteOrder: Unary;
  readonly listOrders: Unary;
  readonly upload: Unary;
  readonly findOrder: Unary;
  readonly watchOrders: Streaming;
  readonly watchTold: Streaming;
  readonly download: Streaming;
  readonly import: (requests: AsyncIterable<object>) => Promise<Message & Any>;
}

interface Asked {
  readonly line: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

type Answer = (response: ServerResponse, asked: Asked, count: number) => void;

/** A service, and a client of it. */
async function createWorld(t: TestContext, answer: Answer, options: ClientOptions = {}, services = 1) {
  const requests: Asked[] = [];
  const addresses: string[] = [];
  for (let i = 0; i < services; i++) {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const asked = {
          line: `${request.method} ${request.url}`,
          headers: request.headers,
          body: Buffer.concat(chunks),
        };
        requests.push(asked);
        answer(response, asked, requests.length);
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    addresses.push(`127.0.0.1:${(server.address() as AddressInfo).port}`);
    t.after(() => {
      server.close();
      server.closeAllConnections();
    });
  }
  return { requests, addresses, ...connect(t, addresses.join(","), options) };
}

function connect(t: TestContext, addresses: string, options: ClientOptions = {}) {
  const records: CallRecord[] = [];
  const channel = new Channel({
    target: parseTarget(`static:///${addresses}`),
    resolver: createStaticResolver(),
    runtime: systemRuntime,
    options: { protocol: "rest", observe: (record) => records.push(record), ...options },
  });
  t.after(() => channel.close("now"));
  return { records, channel, orders: createStub(service, channel) as unknown as Orders };
}

function json(
  response: ServerResponse,
  value: unknown,
  status = 200,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8", ...headers });
  response.end(JSON.stringify(value));
}

async function all(answers: AsyncIterable<Message & Any>, field = "orderId"): Promise<unknown[]> {
  const seen: unknown[] = [];
  for await (const answer of answers) seen.push(answer[field]);
  return seen;
}

async function streamFailure(
  answers: AsyncIterable<unknown>,
): Promise<{ seen: number; error: ConnectError }> {
  let seen = 0;
  const error = await failureOf(
    (async () => {
      for await (const _ of answers) seen++;
    })(),
  );
  return { seen, error };
}

test("a call is the request that its binding says, and the answer its message", async (t) => {
  const world = await createWorld(t, (response, { line }) =>
    json(response, { orderId: "a/b", total: "5", unknown: [1], note: line }),
  );
  await world.orders.getOrder({ orderId: "first" });
  world.requests.length = 0;
  const answer = await world.orders.getOrder(
    { orderId: "a/b", view: "x y", count: 3 },
    { headers: { authorization: "Bearer t", "x-own": "1" }, timeoutMs: 4000 },
  );
  assert.deepEqual([answer["orderId"], answer["total"]], ["a/b", 5n]);
  const [asked] = world.requests as [Asked];
  assert.equal(asked.line, "GET /v1/orders/a%2Fb?view=x%20y&count=3");
  const { headers } = asked;
  assert.deepEqual(
    [
      headers.accept,
      headers["accept-encoding"],
      headers["connect-timeout-ms"],
      headers["authorization"],
      headers["x-own"],
    ],
    ["application/json", "gzip,br,zstd,deflate", "4000", "Bearer t", "1"],
  );
  assert.deepEqual(
    [headers["content-type"], headers["te"], headers["content-length"]],
    [undefined, undefined, undefined],
  );
  assert.equal(headers.host, world.addresses[0]);
});

test("a body is JSON of the field that is named, compressed when that is asked for", async (t) => {
  const world = await createWorld(
    t,
    (response) => json(response, { orderId: "7" }, 201, { location: "/v1/orders/7" }),
    {
      sendCompression: "gzip",
      compressMinBytes: 100,
    },
  );
  let location: string | null = null;
  await world.orders.createOrder(
    { view: "x", order: { total: 5n, note: "ä" } },
    { onHeader: (headers) => (location = headers.get("location")) },
  );
  await world.orders.createOrder({ order: { note: "x".repeat(500) } });
  const [plain, packed] = world.requests as [Asked, Asked];
  assert.equal(plain.line, "POST /v1/orders?view=x");
  assert.deepEqual(JSON.parse(plain.body.toString()), { total: "5", note: "ä" });
  assert.equal(plain.headers["content-type"], "application/json");
  assert.deepEqual([plain.headers["content-encoding"], location], [undefined, "/v1/orders/7"]);
  assert.equal(packed.headers["content-encoding"], "gzip");
  assert.deepEqual(JSON.parse(gunzipSync(packed.body).toString()), { note: "x".repeat(500) });
});

test("an answer without a body is an empty message: 204, or 201 with a place to look", async (t) => {
  const world = await createWorld(t, (response, { line }) => {
    response.writeHead(line.startsWith("DELETE") ? 204 : 201, { location: "/v1/orders/7" });
    response.end();
  });
  await world.orders.deleteOrder({ orderId: "7" });
  assert.equal((await world.orders.createOrder({ order: { note: "x" } }))["orderId"], "");
});

test("a field may be the body, and answers may be compressed", async (t) => {
  const world = await createWorld(t, (response) => {
    const body = gzipSync('[{"orderId":"1"},{"orderId":"2"}]');
    response.writeHead(200, { "content-type": "application/vnd.shop+json", "content-encoding": "gzip" });
    response.end(body);
  });
  const page = await world.orders.listOrders({}, { headers: { accept: "application/vnd.shop+json" } });
  assert.deepEqual(
    (page["orders"] as Any[]).map(({ orderId }) => orderId),
    ["1", "2"],
  );
  assert.equal(world.requests[0]?.headers.accept, "application/vnd.shop+json");
});

test("an HttpBody is the body as it is, both ways", async (t) => {
  const world = await createWorld(t, (response, { line, body, headers }) => {
    response.writeHead(200, { "content-type": headers["content-type"] ?? "text/plain" });
    if (line.startsWith("PUT")) return void response.end(body);
    response.write("one");
    response.end("two");
  });
  const sent = { contentType: "image/png", data: Uint8Array.of(0, 255, 7) };
  const answer = await world.orders.upload({ name: "a b", file: sent });
  assert.deepEqual([answer["contentType"], answer["data"]], ["image/png", Uint8Array.of(0, 255, 7)]);
  assert.equal(world.requests[0]?.line, "PUT /v1/files/a%20b");
  let text = "";
  for await (const piece of world.orders.download({ name: "x" })) {
    assert.equal(piece["contentType"], "text/plain");
    text += Buffer.from(piece["data"] as Uint8Array).toString();
  }
  assert.equal(text, "onetwo");
});

test("what a service of somebody else says of an error stays to be read", async (t) => {
  const rows: readonly (readonly [
    status: number,
    type: string,
    body: string,
    code: Code,
    message: RegExp,
  ])[] = [
    [404, "application/json", '{"message":"no such order"}', Code.NotFound, /^no such order$/],
    [404, "application/json", '{"error":"not here","code":"E17"}', Code.NotFound, /^not here$/],
    [409, "text/plain", "taken\nby another", Code.Aborted, /^taken by another$/],
    [503, "text/html", "<h1>down</h1>", Code.Unavailable, /^HTTP 503 Service Unavailable$/],
    [400, "application/json", "{broken", Code.InvalidArgument, /^HTTP 400/],
    [418, "", "", Code.FailedPrecondition, /^HTTP 418/],
    [500, "application/json", "[1]", Code.Internal, /^HTTP 500/],
    [302, "text/plain", "there", Code.Unknown, /^there$/],
    // A number that is not HTTP's either is somebody's own.
    [503, "application/json", '{"code":5,"message":"busy"}', Code.Unavailable, /^busy$/],
  ];
  let row = rows[0] as (typeof rows)[number];
  const world = await createWorld(
    t,
    (response) => {
      response.writeHead(row[0], row[1] === "" ? {} : { "content-type": row[1], "x-why": "1" });
      response.end(row[2]);
    },
    { maxAttempts: 1 },
  );
  for (row of rows) {
    const error = await failureOf(world.orders.getOrder({ orderId: "7" }));
    assert.equal(error.code, row[3], row[2]);
    assert.match(error.rawMessage, row[4]);
    const [kept] = error.findDetails(HttpBodySchema);
    assert.equal(kept === undefined ? "" : Buffer.from(kept.data).toString(), row[2]);
    if (row[1] !== "") assert.deepEqual([kept?.contentType, error.metadata.get("x-why")], [row[1], "1"]);
  }
});

test("of a long error body the beginning is kept, and its status counts when it has no end", async (t) => {
  const world = await createWorld(
    t,
    (response, { line }) => {
      response.writeHead(400, { "content-type": "text/html" });
      response.end("x".repeat(line.includes("endless") ? 3_000_000 : 100_000));
    },
    { maxAttempts: 1 },
  );
  const error = await failureOf(world.orders.getOrder({ orderId: "7" }));
  assert.equal(error.findDetails(HttpBodySchema)[0]?.data.length, 16 * 1024);
  const other = await failureOf(world.orders.getOrder({ orderId: "endless" }));
  assert.deepEqual([other.code, other.details.length], [Code.InvalidArgument, 0]);
});

test("a problem that names a code of ours is that error, with its details", async (t) => {
  const problem = {
    type: "about:blank",
    title: "Conflict",
    status: 409,
    detail: "taken",
    code: "ALREADY_EXISTS",
    details: [{ "@type": "type.googleapis.com/shop.v1.Order", orderId: "7" }],
  };
  const world = await createWorld(t, (response) =>
    json(response, problem, 409, { "content-type": "application/problem+json" }),
  );
  const error = await failureOf(world.orders.createOrder({ order: {} }));
  assert.deepEqual([error.code, error.rawMessage, error.details.length], [Code.AlreadyExists, "taken", 1]);
  const detail = error.details[0] as { readonly type: string; readonly value: Uint8Array };
  const order = fromBinary(contract.getMessage("shop.v1.Order") as DescMessage, detail.value) as Message &
    Any;
  assert.equal(order["orderId"], "7");
});

test("a GET is repeated elsewhere, after the wait that Retry-After names; a POST is not", async (t) => {
  const world = await createWorld(
    t,
    (response, { line }, count) => {
      if (line.startsWith("POST") || count === 1)
        json(response, { message: "busy" }, 503, { "retry-after": "0" });
      else json(response, { orderId: "7" });
    },
    {},
    2,
  );
  assert.equal((await world.orders.getOrder({ orderId: "7" }))["orderId"], "7");
  assert.equal(world.records[0]?.attempts.length, 2);
  assert.equal(new Set(world.records[0]?.attempts.map(({ address }) => address)).size, 2);
  const before = world.requests.length;
  assert.equal((await failureOf(world.orders.createOrder({ order: {} }))).code, Code.Unavailable);
  assert.equal(world.requests.length, before + 1);
});

test("a wait that the deadline has no time for is not begun", async (t) => {
  const world = await createWorld(t, (response) => json(response, {}, 503, { "retry-after": "60" }));
  const error = await failureOf(world.orders.getOrder({ orderId: "7" }, { timeoutMs: 5000 }));
  assert.equal(error.metadata.get("grpc-retry-pushback-ms"), "60000");
  assert.equal(world.requests.length, 1);
  assert.match(world.records[0]?.stoppedBecause ?? "", /deadline/);
});

test("a slow GET is sent to a second instance as well", async (t) => {
  const held: ServerResponse[] = [];
  const world = await createWorld(
    t,
    (response, { line }) => {
      if (line.includes("slow") && held.length === 0) held.push(response);
      else json(response, { orderId: "7" });
    },
    { serviceConfig: { methods: [{ hedge: { delayMs: 20, maxExtraLoad: 0.5 } }] } },
    2,
  );
  for (let i = 0; i < 20; i++) await world.orders.getOrder({ orderId: "7" });
  world.records.length = 0;
  assert.equal((await world.orders.getOrder({ orderId: "slow" }))["orderId"], "7");
  assert.equal(
    world.records[0]?.attempts.some(({ hedge }) => hedge === true),
    true,
  );
  for (const response of held) response.end();
});

test("the deadline ends a call that is not answered", async (t) => {
  const world = await createWorld(t, (response, { line }) => {
    if (line.startsWith("GET")) json(response, {});
  });
  await world.orders.getOrder({ orderId: "7" });
  const error = await failureOf(world.orders.createOrder({ order: {} }, { timeoutMs: 50 }));
  assert.equal(error.code, Code.DeadlineExceeded);
  assert.match(error.rawMessage, /waiting for the answer/);
});

test("a method that plain HTTP does not have is refused before anything is sent; conventions give it a path", async (t) => {
  const world = await createWorld(t, (response) => json(response, { orderId: "7" }));
  const error = await failureOf(world.orders.findOrder({ orderId: "7" }));
  assert.ok(isHeddleError(error) && error.reason === "requestInvalid", error.message);
  assert.match(error.rawMessage, /rest\.conventions/);
  const missing = await failureOf(world.orders.getOrder({}));
  assert.match(missing.rawMessage, /order_id stands in the path/);
  assert.equal(world.requests.length, 0);
  const conventional = connect(t, world.addresses.join(), { rest: { conventions: true, basePath: "/api" } });
  await conventional.orders.findOrder({ orderId: "7" });
  assert.equal(world.requests[0]?.line, "POST /api/v1/orders/7:find");
});

test("answers that are no message are errors that say so", async (t) => {
  const rows: readonly (readonly [headers: Record<string, string>, body: string | Buffer, RegExp, Code])[] = [
    [{ "content-type": "text/html" }, "<p>", /content type is "text\/html"/, Code.Unknown],
    [{ "content-type": "application/json" }, "{", /cannot be decoded/, Code.Internal],
    [{ "content-type": "application/json" }, Buffer.of(0x22, 0xff, 0x22), /cannot be decoded/, Code.Internal],
    [{ "content-type": "application/json" }, '{"total":"x"}', /total/, Code.Internal],
    [
      { "content-type": "application/json", "content-encoding": "lzma" },
      "{}",
      /"lzma" was not offered/,
      Code.Internal,
    ],
    [
      { "content-type": "application/json", "content-encoding": "gzip" },
      "{}",
      /cannot be decoded/,
      Code.Internal,
    ],
    [
      { "content-type": "application/json" },
      `"${"x".repeat(2000)}"`,
      /limit of 1000 bytes/,
      Code.ResourceExhausted,
    ],
    [
      { "content-type": "application/json", "content-encoding": "gzip" },
      gzipSync("x".repeat(2000)),
      /limit of 1000 bytes/,
      Code.ResourceExhausted,
    ],
  ];
  let row = rows[0] as (typeof rows)[number];
  const world = await createWorld(
    t,
    (response) => {
      response.writeHead(200, row[0]);
      response.end(row[1]);
    },
    { maxReceiveMessageBytes: 1000 },
  );
  for (row of rows) {
    const error = await failureOf(world.orders.createOrder({ order: {} }));
    assert.match(error.rawMessage, row[2]);
    assert.equal(error.code, row[3]);
  }
});

test("streams are lines or events, in whatever pieces they come", async (t) => {
  const bodies: Readonly<Record<string, readonly [type: string, body: string]>> = {
    lines: ["application/x-ndjson", '{"orderId":"1"}\n\r\n{"orderId":"ä"}\r\n{"orderId":"3"}'],
    jsonl: ["application/jsonl; charset=utf-8", '{"orderId":"1"}\n{"orderId":"ä"}\n{"orderId":"3"}\n'],
    events: [
      "text/event-stream",
      '\ufeff: hello\nid: 4\ndata: {"orderId":"1"}\n\nevent: thing\r\ndata:{"orderId":\r\ndata: "ä"}\r\n\r\nretry: 5\n\ndata: {"orderId":"3"}\n\n',
    ],
    ended: [
      "text/event-stream",
      'data: {"orderId":"1"}\n\ndata: {"orderId":"ä"}\n\ndata: {"orderId":"3"}\n\nevent: end\ndata: {}\n\n',
    ],
  };
  const world = await createWorld(t, (response, { line }) => {
    const [name, size] = (/view=(\w+)&count=(\d+)/.exec(line) ?? []).slice(1) as [string, string];
    const [type, text] = bodies[name] as readonly [string, string];
    const body = Buffer.from(text);
    response.writeHead(200, { "content-type": type });
    const write = (at: number): void => {
      if (at >= body.length) return void response.end();
      response.write(body.subarray(at, at + Number(size)), () => write(at + Number(size)));
    };
    write(0);
  });
  for (const view of Object.keys(bodies))
    for (const count of [1, 2, 7, 1000]) {
      assert.deepEqual(
        await all(world.orders.watchOrders({ view, count })),
        ["1", "ä", "3"],
        `${view} ${count}`,
      );
      assert.match(world.requests.at(-1)?.headers.accept ?? "", /ndjson.*event-stream/);
    }
});

test("a stream that fails says so at its end, or in its status", async (t) => {
  const problem = '{"status":409,"code":"ABORTED","detail":"broke"}';
  const bodies: Readonly<Record<string, readonly [status: number, type: string, body: string]>> = {
    lines: [200, "application/x-ndjson", `{"orderId":"1"}\n{"error":${problem}}\n`],
    gateway: [200, "application/x-ndjson", '{"orderId":"1"}\n{"error":{"code":10,"message":"broke"}}\n'],
    events: [200, "text/event-stream", `data: {"orderId":"1"}\n\nevent: error\ndata: ${problem}\n\n`],
    whole: [409, "application/problem+json", problem],
  };
  const world = await createWorld(t, (response, { line }) => {
    const [status, type, body] = bodies[/view=(\w+)/.exec(line)?.[1] ?? ""] as readonly [
      number,
      string,
      string,
    ];
    response.writeHead(status, { "content-type": type });
    response.end(body);
  });
  for (const view of Object.keys(bodies)) {
    const { seen, error } = await streamFailure(world.orders.watchOrders({ view }));
    assert.deepEqual(
      [seen, error.code, error.rawMessage],
      [view === "whole" ? 0 : 1, Code.Aborted, "broke"],
      view,
    );
  }
});

test("a message may have a field that is called error", async (t) => {
  const world = await createWorld(t, (response) => {
    response.writeHead(200, { "content-type": "application/x-ndjson" });
    response.end('{"error":{"note":"x"}}\n{"error":{"code":"ABORTED","status":409}}\n');
  });
  const { seen, error } = await streamFailure(world.orders.watchTold({}));
  assert.deepEqual([seen, error.code], [1, Code.Aborted]);
});

test("streams that break off, go on too long or are none are errors", async (t) => {
  const rows: readonly (readonly [name: string, type: string, body: string, RegExp])[] = [
    ["type", "text/html", "<p>", /content type is "text\/html"/],
    ["json", "application/x-ndjson", "{}\n{\n", /cannot be decoded/],
    ["long", "application/x-ndjson", `"${"x".repeat(5000)}`, /limit of 1000 bytes/],
    [
      "longEvent",
      "text/event-stream",
      `data: ${"x".repeat(900)}\ndata: ${"x".repeat(900)}\n\n`,
      /limit of 1000 bytes/,
    ],
    ["after", "application/x-ndjson", '{"error":{"code":"ABORTED"}}\n{}\n', /goes on after its end/],
    ["afterEnd", "text/event-stream", "event: end\ndata: {}\n\ndata: {}\n\n", /goes on after its end/],
    ["cut", "application/x-ndjson", "{}\n", /closed|terminated|aborted/],
  ];
  const world = await createWorld(
    t,
    (response, { line }) => {
      const [name, type, body] = rows.find(([each]) => line.includes(`view=${each}`)) ?? ["", "", ""];
      response.writeHead(200, { "content-type": type });
      if (name === "cut") response.write(body, () => response.destroy());
      else response.end(body);
    },
    { maxReceiveMessageBytes: 1000 },
  );
  for (const [view, , , expected] of rows) {
    const { error } = await streamFailure(world.orders.watchOrders({ view: `${view}` }));
    assert.match(error.rawMessage, expected, view);
  }
});

test("a stream of requests is a body of lines", async (t) => {
  const world = await createWorld(t, (response, { body }) => {
    const orders = body
      .toString()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    json(response, { orders });
  });
  async function* requests() {
    for (let i = 0; i < 3; i++) yield { orderId: `${i}`, note: "two\nlines" };
  }
  const page = await world.orders.import(requests());
  assert.deepEqual(
    (page["orders"] as Any[]).map(({ orderId }) => orderId),
    ["0", "1", "2"],
  );
  const [{ line, headers }] = world.requests as [Asked];
  assert.deepEqual([line, headers["content-type"]], ["POST /v1/orders:import", "application/x-ndjson"]);
});

test("a slow reader stops its writer", async (t) => {
  let written = 0;
  const line = `{"note":"${"x".repeat(1000)}"}\n`;
  const world = await createWorld(t, (response) => {
    response.writeHead(200, { "content-type": "application/x-ndjson" });
    const write = (): void => {
      while (written < 40_000) {
        written++;
        if (!response.write(line)) return void response.once("drain", write);
      }
      response.end();
    };
    write();
  });
  const answers = world.orders.watchOrders({})[Symbol.asyncIterator]();
  await answers.next();
  let before = -1;
  while (before !== written) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.ok(written < 20_000, `${written} lines were written while one was read`);
  let seen = 1;
  while ((await answers.next()).done !== true) seen++;
  assert.equal(seen, 40_000);
});

test("over HTTP/2 it is the same", async (t) => {
  const server = createHttp2Server((request, response) => {
    if (request.url.includes("watch")) {
      response.writeHead(200, { "content-type": "application/x-ndjson" });
      response.end('{"orderId":"1"}\n{"orderId":"2"}\n');
    } else if (request.url.includes("empty")) response.writeHead(204).end();
    else if (request.url.includes("bad")) response.writeHead(404).end();
    else response.writeHead(200, { "content-type": "application/json" }).end(`{"note":"${request.method}"}`);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { orders, channel } = connect(t, `127.0.0.1:${(server.address() as AddressInfo).port}`, {
    http: "2",
  });
  assert.equal((await orders.getOrder({ orderId: "7" }))["note"], "GET");
  assert.equal((await orders.createOrder({ order: { note: "x" } }))["note"], "POST");
  await orders.deleteOrder({ orderId: "empty" });
  assert.equal((await failureOf(orders.getOrder({ orderId: "bad" }))).code, Code.NotFound);
  assert.deepEqual(await all(orders.watchOrders({})), ["1", "2"]);
  assert.equal(channel.describe().instances[0]?.connections[0]?.httpVersion, "2");
});

test("options that make no sense are refused", () => {
  const rows: readonly ClientOptions[] = [
    { protocol: "rest", rest: { basePath: "api" } },
    { protocol: "rest", rest: { basePath: "/api/" } },
    { protocol: "rest", rest: { basePath: "/a?b" } },
    { protocol: "grpc", rest: { conventions: true } },
    { protocol: "rest", useHttpGet: true },
  ];
  for (const options of rows)
    assert.throws(
      () =>
        new Channel({
          target: parseTarget("static:///127.0.0.1:1"),
          resolver: createStaticResolver(),
          runtime: systemRuntime,
          options,
        }),
      (error) => isHeddleError(error) && error.reason === "optionInvalid",
    );
});
