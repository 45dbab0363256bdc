/** Streams of requests over plain HTTP: lines and pieces, from clients that know nothing of RPCs. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { connect } from "node:http2";
import { test, type TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import { create, type DescMessage, type DescService, type Message } from "@bufbuild/protobuf";
import { contractOf } from "../../contract/rest/contract-of.test.ts";
import type { MethodFunction } from "../implement.ts";
import type { ServerOptions } from "../options.ts";
import { createServer, type Server } from "../server.ts";

export const streamContract = contractOf({
  package: "shop.v1",
  messages: {
    Item: { list: "string", name: "string", count: "int32", item: "Item" },
    Total: { names: "repeated string", count: "int32" },
    Piece: { name: "string", file: "google.api.HttpBody" },
  },
  services: {
    Lists: {
      Import: {
        in: "stream Item",
        out: "Total",
        http: { pattern: { case: "post", value: "/v1/items:import" }, body: "*" },
      },
      Add: {
        in: "stream Item",
        out: "Total",
        http: { pattern: { case: "post", value: "/v1/lists/{list}/items" }, body: "item" },
      },
      Upload: {
        in: "stream Piece",
        out: "Total",
        http: { pattern: { case: "put", value: "/v1/files/{name}" }, body: "file" },
      },
      Chat: {
        in: "stream Item",
        out: "stream Item",
        http: {
          pattern: { case: "post", value: "/v1/chat" },
          additionalBindings: [{ pattern: { case: "get", value: "/v1/live/{list}" } }],
        },
      },
    },
  },
});
const service = streamContract.getService("shop.v1.Lists") as DescService;
type Any = Message & Record<string, unknown>;

export function made(name: string, init: Record<string, unknown>): Any {
  return create(streamContract.getMessage(`shop.v1.${name}`) as DescMessage, init) as Any;
}

interface Item {
  readonly list: string;
  readonly name: string;
  readonly count: number;
  readonly item?: Item;
}

interface Piece {
  readonly name: string;
  readonly file: { readonly contentType: string; readonly data: Uint8Array };
}

export const listHandlers: Readonly<Record<string, (requests: AsyncIterable<Any>) => unknown>> = {
  async Import(requests) {
    const names: string[] = [];
    for await (const { name } of requests) names.push(name as string);
    return made("Total", { names, count: names.length });
  },
  async Add(requests) {
    const names: string[] = [];
    for await (const request of requests) {
      const { list, item, count } = request as unknown as Item;
      names.push(`${list} ${item?.name} ${count}`);
    }
    return made("Total", { names });
  },
  async Upload(requests) {
    let text = "";
    for await (const request of requests) {
      const { name, file } = request as unknown as Piece;
      text += `${text === "" ? `${name} ${file.contentType} ` : ""}${Buffer.from(file.data).toString()}`;
    }
    return made("Total", { names: [text] });
  },
  async *Chat(requests) {
    yield made("Item", { name: "hello" });
    for await (const request of requests) {
      const { name, list } = request as unknown as Item;
      yield made("Item", { name: `${list}${name}!` });
    }
  },
};

async function serve(
  t: TestContext,
  options: Partial<ServerOptions> = {},
  handlers = listHandlers,
): Promise<Server> {
  const server = await createServer({
    services: [{ service, handler: ({ name }) => handlers[name] as unknown as MethodFunction }],
    listen: "127.0.0.1:0",
    onHandlerError: () => {},
    ...options,
  });
  t.after(() => server.close({ drainMs: 0 }));
  return server;
}

const LINES = { "content-type": "application/x-ndjson" };

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
  readonly json: Record<string, unknown>;
}

function open(server: Server, line: string, headers: Record<string, string> = LINES): ClientRequest {
  const [method, path] = line.split(" ") as [string, string];
  const [host, port] = server.address.split(":") as [string, string];
  return request({ host, port, method, path, headers, agent: false });
}

async function answerOf(sent: ClientRequest): Promise<Answer> {
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  let text = "";
  for await (const chunk of response) text += String(chunk);
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text,
    get json() {
      return JSON.parse(text) as Record<string, unknown>;
    },
  };
}

async function ask(server: Server, line: string, body: string | Buffer, headers = LINES): Promise<Answer> {
  const sent = open(server, line, headers);
  sent.on("error", () => {});
  sent.end(body);
  return await answerOf(sent);
}

test("a stream of requests is a line for each, in whatever pieces it comes", async (t) => {
  const server = await serve(t);
  const body = Buffer.from('{"name":"a"}\n\r\n{"name":"ä"}\r\n{"name":"c"}');
  for (const size of [1, 3, 20, 1000]) {
    const sent = open(server, "POST /v1/items:import");
    for (let at = 0; at < body.length; at += size) sent.write(body.subarray(at, at + size));
    sent.end();
    const answer = await answerOf(sent);
    assert.deepEqual([answer.status, answer.json], [200, { names: ["a", "ä", "c"], count: 3 }]);
    assert.equal(answer.headers["content-type"], "application/json");
  }
  assert.deepEqual((await ask(server, "POST /v1/items:import", "")).json, {});
  assert.deepEqual((await ask(server, "POST /v1/items:import", "", {} as typeof LINES)).json, {});
});

test("what path and query say holds for all of them", async (t) => {
  const server = await serve(t);
  const answer = await ask(server, "POST /v1/lists/7/items?count=2", '{"name":"a"}\nnull\n');
  assert.deepEqual(answer.json["names"], ["7 a 2", "7 undefined 2"]);
});

test("a body of bytes comes in pieces", async (t) => {
  const server = await serve(t, { maxReceiveMessageBytes: 50 });
  const sent = open(server, "PUT /v1/files/a", { "content-type": "text/plain" });
  sent.write("x".repeat(120));
  sent.end("yz");
  assert.deepEqual((await answerOf(sent)).json["names"], [`a text/plain ${"x".repeat(120)}yz`]);
});

test("what is wrong with a line or a request ends the stream, with a status of its own", async (t) => {
  const server = await serve(t, { maxReceiveMessageBytes: 100 });
  const long = `{"name":"${"x".repeat(200)}"}`;
  const rows: readonly (readonly [
    line: string,
    body: string | Buffer,
    headers: object,
    status: number,
    detail: RegExp,
  ])[] = [
    ["POST /v1/items:import", '{"name":"a"}\n{"nam":1}\n', LINES, 400, /nam/],
    ["POST /v1/items:import", '{"name":"a"}\n{', LINES, 400, /JSON/],
    ["POST /v1/items:import", '{"name":"a","name":"b"}\n', LINES, 400, /key "name" is there twice/],
    ["POST /v1/items:import", Buffer.of(0x22, 0xff, 0x22, 10), LINES, 400, /cannot be decoded/],
    ["POST /v1/items:import", `{}\n${long}\n`, LINES, 413, /limit of 100 bytes/],
    ["POST /v1/items:import", "x".repeat(5000), LINES, 413, /limit of 100 bytes/],
    ["POST /v1/items:import", "{}", { "content-type": "application/json" }, 415, /x-ndjson/],
    ["POST /v1/items:import", "{}\n", {}, 415, /x-ndjson/],
    [
      "POST /v1/items:import",
      gzipSync("{}\n"),
      { ...LINES, "content-encoding": "gzip" },
      415,
      /compression "gzip"/,
    ],
    ["POST /v1/items:import?count=1", "{}\n", LINES, 400, /parameter "count"/],
    ["POST /v1/lists/7/items?count=x", "{}\n", LINES, 400, /parameter "count"/],
    ["POST /v1/chat", "{}\n", LINES, 426, /WebSocket over HTTP\/1\.1/],
    ["GET /v1/live/7", "", {}, 426, /WebSocket/],
  ];
  for (const [line, body, headers, status, detail] of rows) {
    const answer = await ask(server, line, body, headers as typeof LINES);
    assert.equal(answer.status, status, `${line} ${String(body).slice(0, 30)}`);
    assert.equal(answer.headers["content-type"], "application/problem+json");
    assert.match(String(answer.json["detail"]), detail);
    if (status === 426) assert.equal(answer.headers["upgrade"], "websocket");
    if (/x-ndjson/.test(String(detail)) && "content-type" in headers)
      assert.equal(answer.headers["accept"], "application/x-ndjson");
  }
});

test("over HTTP/2 a stream goes both ways at once", async (t) => {
  const server = await serve(t);
  const session = connect(`http://${server.address}`);
  t.after(() => session.destroy());
  const stream = session.request({ ":method": "POST", ":path": "/v1/chat", ...LINES });
  stream.setEncoding("utf8");
  const next = async () => ((await once(stream, "data")) as [string])[0];
  assert.equal(await next(), '{"name":"hello"}\n');
  stream.write('{"name":"a"}\n{"na');
  assert.equal(await next(), '{"name":"a!"}\n');
  stream.write('me":"b"}\n');
  assert.equal(await next(), '{"name":"b!"}\n');
  stream.end('{"count":"x"}');
  assert.match(await next(), /^\{"error":\{.*"status":400/);
  const other = session.request({ ":method": "GET", ":path": "/v1/live/7" });
  const [headers] = (await once(other, "response")) as [Record<string, unknown>];
  assert.deepEqual([headers[":status"], headers["upgrade"]], [426, undefined]);
  other.resume();
});

for (const version of ["1.1", "2"])
  test(`a handler that reads slowly stops its writer, over HTTP/${version}`, async (t) => {
    const gate = Promise.withResolvers<void>();
    let seen = 0;
    const server = await serve(
      t,
      {},
      {
        ...listHandlers,
        async Import(requests) {
          for await (const _ of requests) {
            if (seen++ === 0) await gate.promise;
          }
          return made("Total", { count: seen });
        },
      },
    );
    const line = `{"name":"${"x".repeat(997)}"}\n`;
    const session = version === "2" ? connect(`http://${server.address}`) : undefined;
    t.after(() => session?.destroy());
    const sent =
      session?.request({ ":method": "POST", ":path": "/v1/items:import", ...LINES }) ??
      open(server, "POST /v1/items:import");
    const total = 40_000;
    let written = 0;
    const write = (): void => {
      while (written < total) {
        written++;
        if (!sent.write(line)) return void sent.once("drain", write);
      }
      sent.end();
    };
    write();
    let before = -1;
    while (before !== written) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    assert.ok(written < total / 2, `${written} lines were taken while one was read`);
    gate.resolve();
    let text = "";
    if (session !== undefined)
      for await (const chunk of sent as unknown as AsyncIterable<Buffer>) text += String(chunk);
    else text = (await answerOf(sent as ClientRequest)).text;
    assert.deepEqual(JSON.parse(text), { count: total });
  });

test("many tiny lines are no more than their bytes", async (t) => {
  const server = await serve(t);
  const answer = await ask(server, "POST /v1/items:import", "{}\n".repeat(300_000));
  assert.equal(answer.json["count"], 300_000);
  assert.deepEqual((await ask(server, "POST /v1/items:import", "\n".repeat(3_000_000))).json, {});
});
