/** REST over HTTP/1.1 and HTTP/2, by clients that know nothing of RPCs. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { connect } from "node:http2";
import { describe, test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { create, type DescService, type Message } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { contractOf } from "../../contract/rest/contract-of.test.ts";
import { isHeddleError } from "../../call/errors.ts";
import type { Implementation, MethodFunction } from "../implement.ts";
import type { ServerOptions } from "../options.ts";
import { createServer, type Server } from "../server.ts";

const contract = contractOf({
  package: "shop.v1",
  messages: {
    Order: { order_id: "string", total: "int64", note: "string" },
    OrderRequest: { order_id: "string", order: "Order", view: "string", count: "int32" },
    Page: { orders: "repeated Order" },
    Upload: { name: "string", file: "google.api.HttpBody" },
  },
  services: {
    OrderService: {
      GetOrder: get("/v1/orders/{order_id}"),
      CreateOrder: {
        in: "OrderRequest",
        out: "Order",
        http: { pattern: { case: "post", value: "/v1/orders" }, body: "order" },
      },
      DeleteOrder: {
        in: "OrderRequest",
        out: "google.protobuf.Empty",
        http: { pattern: { case: "delete", value: "/v1/orders/{order_id}" } },
      },
      WatchOrders: { ...get("/v1/orders:watch"), out: "stream Order" },
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
      Collect: {
        in: "stream Order",
        out: "Order",
        http: { pattern: { case: "post", value: "/v1/collect" }, body: "*" },
      },
    },
  },
});

function get(value: string) {
  return { in: "OrderRequest", out: "Order", http: { pattern: { case: "get" as const, value } } };
}

type Any = Message & Record<string, unknown>;
const made = (name: string, init: Record<string, unknown>): Any => {
  const desc = contract.getMessage(name.includes(".") ? name : `shop.v1.${name}`);
  assert.ok(desc !== undefined);
  return create(desc, init) as Any;
};
const order = (init: Record<string, unknown>) => made("Order", init);

const handlers: Readonly<Record<string, (request: Any, context: HandlerContext) => unknown>> = {
  GetOrder({ orderId, view, count }, context) {
    if (view === "fail") throw new Error("secret");
    if (view === "code") throw new ConnectError("as told", count as Code, { "x-error": "1" });
    if (view === "tag") context.responseHeader.set("etag", '"v1"');
    if (view === "echo") context.responseTrailer.set("x-said", context.requestHeader.get("x-say") ?? "");
    context.responseHeader.set("x-called", `${context.protocolName} ${context.requestMethod}`);
    return order({ orderId, total: 5n, note: view === "long" ? "x".repeat(5000) : "" });
  },
  CreateOrder({ order: given }, context) {
    context.responseHeader.set("location", "/v1/orders/7");
    return order({ ...(given as object), orderId: "7" });
  },
  DeleteOrder: () => made("google.protobuf.Empty", {}),
  async *WatchOrders({ count, view }) {
    for (let i = 1; i <= (count as number); i++) yield order({ orderId: String(i) });
    if (view === "fail") throw new ConnectError("broke", Code.Aborted);
  },
  ListOrders: ({ count }) =>
    made("Page", { orders: Array.from({ length: count as number }, (_, i) => order({ orderId: `${i}` })) }),
  Upload: ({ file }) => file,
  async *Download({ name }) {
    for (const each of ["one ", "two"])
      yield made("google.api.HttpBody", {
        contentType: name === "x" ? "" : "text/plain",
        data: new TextEncoder().encode(each),
      });
  },
  FindOrder: ({ orderId }) => ({ orderId }),
  Collect: () => order({}),
};

interface Answer {
  readonly status: number;
  readonly fields: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

interface Asked {
  readonly fields?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

type Ask = (line: string, asked?: Asked) => Promise<Answer>;

async function serve(options: Partial<ServerOptions> = {}): Promise<Server> {
  const service = contract.getService("shop.v1.OrderService") as DescService;
  const implementation: Implementation = {
    service,
    handler: (method) => handlers[method.name] as MethodFunction | undefined,
  };
  return await createServer({
    services: [implementation],
    listen: "127.0.0.1:0",
    onHandlerError: () => {},
    ...options,
  });
}

function answered(status: number, headers: Record<string, unknown>, chunks: readonly Buffer[]): Answer {
  const body = Buffer.concat(chunks);
  const fields = Object.fromEntries(
    Object.entries(headers)
      .filter(
        ([name]) => !["date", "connection", "keep-alive", ":status", "transfer-encoding"].includes(name),
      )
      .map(([name, value]) => [name, String(value)]),
  );
  return {
    status,
    fields,
    body,
    text: body.toString(),
    get json() {
      return JSON.parse(body.toString()) as Record<string, unknown>;
    },
  };
}

function overHttp1(server: Server): Ask {
  return (line, { fields = {}, body } = {}) =>
    new Promise((resolve, reject) => {
      const [method, path] = line.split(" ") as [string, string];
      const [host, port] = server.address.split(":") as [string, string];
      const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
      const sent = request(
        { host, port, method, path, headers: { ...length, ...fields }, agent: false },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("end", () => resolve(answered(response.statusCode ?? 0, response.headers, chunks)));
        },
      );
      sent.on("error", reject);
      sent.end(body);
    });
}

function overHttp2(server: Server): Ask {
  return (line, { fields = {}, body } = {}) =>
    new Promise((resolve, reject) => {
      const [method, path] = line.split(" ") as [string, string];
      const session = connect(`http://${server.address}`);
      session.on("error", reject);
      const stream = session.request(
        { ":method": method, ":path": path, ...fields },
        { endStream: body === undefined },
      );
      const chunks: Buffer[] = [];
      let head: Record<string, unknown> = {};
      stream.on("response", (headers) => (head = headers));
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        session.close();
        resolve(answered(Number(head[":status"]), head, chunks));
      });
      stream.on("error", reject);
      if (body !== undefined) stream.end(body);
    });
}

const json = (value: unknown): Asked => ({
  body: JSON.stringify(value),
  fields: { "content-type": "application/json" },
});

for (const [version, over] of [
  ["HTTP/1.1", overHttp1],
  ["HTTP/2", overHttp2],
] as const)
  describe(version, () => {
    test("a GET is answered with the message", async () => {
      await using server = await serve();
      const answer = await over(server)("GET /v1/orders/7%2F8?view=a+b");
      assert.equal(answer.status, 200);
      assert.deepEqual(answer.json, { orderId: "7/8", total: "5" });
      assert.deepEqual(answer.fields, {
        "content-type": "application/json",
        "content-length": "29",
        "x-called": "rest GET",
        "x-content-type-options": "nosniff",
      });
    });

    test("a HEAD has the same head and no body", async () => {
      await using server = await serve();
      const [one, other] = [await over(server)("GET /v1/orders/7"), await over(server)("HEAD /v1/orders/7")];
      assert.deepEqual({ ...other.fields, "x-called": "" }, { ...one.fields, "x-called": "" });
      assert.equal(other.body.length, 0);
    });

    test("a POST that says where the new one is answers 201", async () => {
      await using server = await serve();
      const answer = await over(server)("POST /v1/orders?view=x", json({ total: 5, note: "ä" }));
      assert.deepEqual([answer.status, answer.fields["location"]], [201, "/v1/orders/7"]);
      assert.deepEqual(answer.json, { orderId: "7", total: "5", note: "ä" });
    });

    test("an answer with nothing in it is 204", async () => {
      await using server = await serve();
      const answer = await over(server)("DELETE /v1/orders/7");
      assert.deepEqual(
        [answer.status, answer.body.length, answer.fields["content-type"]],
        [204, 0, undefined],
      );
    });

    test("a field may be the answer", async () => {
      await using server = await serve();
      assert.deepEqual((await over(server)("GET /v1/orders?count=2")).json, [
        { orderId: "0" },
        { orderId: "1" },
      ]);
      assert.equal((await over(server)("GET /v1/orders")).text, "[]");
    });

    test("bodies that are not JSON pass as they are", async () => {
      await using server = await serve();
      const body = Uint8Array.of(0, 255, 7);
      const answer = await over(server)("PUT /v1/files/a", { body, fields: { "content-type": "image/png" } });
      assert.deepEqual(
        [answer.status, answer.fields["content-type"], [...answer.body]],
        [200, "image/png", [0, 255, 7]],
      );
      const file = await over(server)("GET /v1/files/a", { fields: { accept: "text/plain" } });
      assert.deepEqual([file.status, file.fields["content-type"], file.text], [200, "text/plain", "one two"]);
      assert.equal(
        (await over(server)("GET /v1/files/x")).fields["content-type"],
        "application/octet-stream",
      );
    });

    test("a stream is JSON by lines", async () => {
      await using server = await serve();
      const answer = await over(server)("GET /v1/orders:watch?count=2");
      assert.equal(answer.text, '{"orderId":"1"}\n{"orderId":"2"}\n');
      assert.equal(answer.fields["content-type"], "application/x-ndjson");
      assert.equal((await over(server)("GET /v1/orders:watch")).text, "");
    });

    test("or events, for who accepts these; its end is one of them", async () => {
      await using server = await serve();
      const asked = { fields: { accept: "text/event-stream" } };
      const answer = await over(server)("GET /v1/orders:watch?count=1", asked);
      assert.equal(answer.text, 'data: {"orderId":"1"}\n\nevent: end\ndata: {}\n\n');
      assert.deepEqual(
        [answer.fields["content-type"], answer.fields["cache-control"]],
        ["text/event-stream", "no-cache"],
      );
    });

    test("a stream that fails says so at its end, or in its status when nothing has left", async () => {
      await using server = await serve();
      const ask = over(server);
      const problem =
        '{"type":"about:blank","title":"Conflict","status":409,"detail":"broke","code":"ABORTED"}';
      assert.equal(
        (await ask("GET /v1/orders:watch?count=1&view=fail")).text,
        `{"orderId":"1"}\n{"error":${problem}}\n`,
      );
      const asked = { fields: { accept: "text/event-stream" } };
      const events = await ask("GET /v1/orders:watch?count=1&view=fail", asked);
      assert.ok(events.text.endsWith(`\n\nevent: error\ndata: ${problem}\n\n`));
      const whole = await ask("GET /v1/orders:watch?view=fail");
      assert.deepEqual([whole.status, whole.text], [409, problem]);
    });

    test("an error is a problem with HTTP's status", async () => {
      await using server = await serve();
      const ask = over(server);
      const answer = await ask("GET /v1/orders/7?view=code&count=5");
      assert.deepEqual(
        [answer.status, answer.fields["content-type"], answer.fields["x-error"]],
        [404, "application/problem+json", "1"],
      );
      assert.deepEqual(answer.json, {
        type: "about:blank",
        title: "Not Found",
        status: 404,
        detail: "as told",
        code: "NOT_FOUND",
      });
      const failed = await ask("GET /v1/orders/7?view=fail");
      assert.deepEqual([failed.status, failed.text.includes("secret")], [500, false]);
      assert.equal((await ask("GET /v1/orders/7?view=code&count=8")).fields["retry-after"], "1");
      assert.equal((await ask("GET /v1/orders/7?view=code&count=16")).fields["www-authenticate"], "Bearer");
      const condition = { fields: { "if-match": '"x"' } };
      assert.equal((await ask("GET /v1/orders/7?view=code&count=9", condition)).status, 412);
      assert.equal((await ask("GET /v1/orders/7?view=code&count=9")).status, 400);
    });

    test("what is wrong with a request is told with a status of its own", async () => {
      await using server = await serve({ maxReceiveMessageBytes: 100 });
      const text = { "content-type": "text/plain" };
      const rows: readonly (readonly [line: string, asked: Asked, status: number, detail: RegExp])[] = [
        ["GET /v1/orders/7?count=x", {}, 400, /parameter "count"/],
        ["GET /v1/orders/7?nothing=1", {}, 400, /parameter "nothing"/],
        ["GET /v1/orders/..", {}, 400, /dots/],
        ["GET /v1/orders/%ff", {}, 400, /UTF-8/],
        ["POST /v1/orders", json({ nothing: 1 }), 400, /nothing/],
        ["POST /v1/orders", { ...json(""), body: "{" }, 400, /JSON/],
        [
          "POST /v1/orders",
          { ...json(""), body: Uint8Array.of(0x22, 0xff, 0x22) },
          400,
          /it is not UTF-8 \(at byte 1\)/,
        ],
        [
          "POST /v1/orders",
          { ...json(""), body: '{"note":"a","note":"b"}' },
          400,
          /key "note" is there twice/,
        ],
        ["POST /v1/orders", { ...json(""), body: "[".repeat(90) }, 400, /JSON/],
        ["POST /v1/orders", json({ total: "9".repeat(40) }), 400, /total/],
        ["POST /v1/orders", json({ note: 5 }), 400, /note/],
        ["DELETE /v1/orders/7", json({}), 400, /it has no body/],
        ["PUT /v1/orders/7", json({}), 405, /HTTP method PUT/],
        [
          "GET /v1/orders",
          { fields: { accept: "text/html, image/*" } },
          406,
          /its answer is application\/json/,
        ],
        [
          "GET /v1/orders:watch",
          { fields: { accept: "application/json" } },
          406,
          /x-ndjson, or text\/event-stream/,
        ],
        ["POST /v1/orders", json({ note: "x".repeat(200) }), 413, /limit of 100 bytes/],
        ["POST /v1/orders", { body: "x=1", fields: text }, 415, /JSON is application\/json/],
        ["POST /v1/orders", { body: "{}" }, 415, /JSON is application\/json/],
        [
          "POST /v1/orders",
          { body: "{}", fields: { "content-type": "application/json", "content-encoding": "lzma" } },
          415,
          /compression "lzma"/,
        ],
        ["GET /v1/orders/7", { fields: { "connect-timeout-ms": "soon" } }, 400, /timeout "soon"/],
      ];
      for (const [line, asked, status, detail] of rows) {
        const answer = await over(server)(line, asked);
        assert.equal(answer.status, status, line);
        assert.equal(answer.fields["content-type"], "application/problem+json", line);
        assert.equal(answer.fields["cache-control"], "no-store", line);
        assert.equal(answer.fields["x-content-type-options"], "nosniff", line);
        assert.equal(answer.json["status"], status);
        assert.match(String(answer.json["detail"]), detail);
      }
    });

    test("a path says which methods it has", async () => {
      await using server = await serve();
      assert.equal((await over(server)("PUT /v1/orders/7")).fields["allow"], "DELETE, GET, HEAD, OPTIONS");
      const options = await over(server)("OPTIONS /v1/orders/7");
      assert.deepEqual([options.status, options.fields["allow"]], [204, "DELETE, GET, HEAD, OPTIONS"]);
    });

    test("a path that nobody answers is a problem as well, and Connect's clients have their own", async () => {
      await using server = await serve();
      const ask = over(server);
      for (const [line, asked] of [
        ["GET /v2/orders", {}],
        ["POST /v2/orders", json({})],
      ] as const) {
        const answer = await ask(line, asked);
        assert.deepEqual([answer.status, answer.fields["content-type"]], [404, "application/problem+json"]);
        assert.equal(answer.fields["cache-control"], "no-store");
        assert.match(String(answer.json["detail"]), /\/v2\/orders is not served here/);
      }
      const connects = {
        body: "{}",
        fields: { "content-type": "application/json", "connect-protocol-version": "1" },
      };
      assert.equal((await ask("POST /shop.v1.OrderService/No", connects)).json["code"], "unimplemented");
    });

    test("pages of other origins may use the methods that there are", async () => {
      await using server = await serve({ cors: { origins: ["https://shop.example"] } });
      const fields = { origin: "https://shop.example", "access-control-request-method": "DELETE" };
      const preflight = await over(server)("OPTIONS /v1/orders/7", { fields });
      assert.equal(preflight.fields["access-control-allow-methods"], "DELETE, GET, POST, PUT");
      const answer = await over(server)("GET /v1/nothing", { fields: { origin: "https://shop.example" } });
      assert.equal(answer.fields["access-control-allow-origin"], "https://shop.example");
    });

    test("who has the answer already is told so", async () => {
      await using server = await serve();
      const ask = over(server);
      for (const tag of ['"v1"', 'W/"v1"', '"v0", "v1"', "*"]) {
        const answer = await ask("GET /v1/orders/7?view=tag", { fields: { "if-none-match": tag } });
        assert.deepEqual([answer.status, answer.body.length, answer.fields["etag"]], [304, 0, '"v1"'], tag);
      }
      assert.equal(
        (await ask("GET /v1/orders/7?view=tag", { fields: { "if-none-match": '"v2"' } })).status,
        200,
      );
      assert.equal((await ask("GET /v1/orders/7", { fields: { "if-none-match": '"v1"' } })).status, 200);
    });

    test("metadata and compression are HTTP's", async () => {
      await using server = await serve({ sendCompression: "gzip", compressMinBytes: 100 });
      const ask = over(server);
      assert.equal(
        (await ask("GET /v1/orders/7?view=echo", { fields: { "x-say": "hi" } })).fields["x-said"],
        "hi",
      );
      const long = await ask("GET /v1/orders/7?view=long", { fields: { "accept-encoding": "gzip" } });
      assert.deepEqual([long.fields["content-encoding"], long.fields["vary"]], ["gzip", "accept-encoding"]);
      assert.equal((JSON.parse(gunzipSync(long.body).toString()) as { note: string }).note.length, 5000);
      const packed = {
        body: gzipSync('{"note":"x"}'),
        fields: { "content-type": "application/json", "content-encoding": "gzip" },
      };
      assert.equal((await ask("POST /v1/orders", packed)).json["note"], "x");
    });

    test("a caller's time is kept", async () => {
      await using server = await serve();
      const answer = await over(server)("GET /v1/orders/7", { fields: { "connect-timeout-ms": "0" } });
      assert.equal(answer.status, 504);
    });
  });

test("zeros stand in answers when the server is told so", async () => {
  await using server = await serve({ rest: { emitZeroValues: true } });
  assert.deepEqual((await overHttp1(server)("GET /v1/orders/7")).json, {
    orderId: "7",
    total: "5",
    note: "",
  });
});

test("methods without an annotation have a path when conventions are asked for", async () => {
  await using server = await serve({ rest: { conventions: true } });
  assert.deepEqual((await overHttp1(server)("POST /v1/orders/7:find", json({}))).json, { orderId: "7" });
  await using without = await serve();
  assert.equal((await overHttp1(without)("POST /v1/orders/7:find", json({}))).status, 405);
});

test("without REST, and where no rule leads, a path is as unknown as before", async () => {
  await using server = await serve({ rest: false });
  assert.equal((await overHttp1(server)("GET /v1/orders/7")).status, 404);
  await using other = await serve();
  assert.equal((await overHttp1(other)("GET /v2/orders/7")).status, 404);
  assert.equal((await overHttp1(other)("GET /livez")).status, 200);
});

test("the same method still answers Connect, by its own path", async () => {
  await using server = await serve();
  const answer = await overHttp1(server)("POST /shop.v1.OrderService/GetOrder", json({ orderId: "7" }));
  assert.deepEqual(answer.json, { orderId: "7", total: "5" });
});

test("rules that no request tells apart end the start", async () => {
  const twice = contractOf({
    messages: { A: { id: "string", name: "string" } },
    services: {
      S: {
        One: { in: "A", out: "A", http: { pattern: { case: "get", value: "/v1/a/{id}" } } },
        Two: { in: "A", out: "A", http: { pattern: { case: "get", value: "/v1/{name=a/*}" } } },
      },
    },
  });
  const service = twice.getService("test.S") as DescService;
  const starting = createServer({
    services: [{ service, handler: () => () => ({}) as never }],
    listen: "127.0.0.1:0",
  });
  await assert.rejects(starting, (error) => isHeddleError(error) && error.reason === "httpRuleInvalid");
});
