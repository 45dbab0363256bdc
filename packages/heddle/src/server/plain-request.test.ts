import assert from "node:assert/strict";
import { createServer, type IncomingMessage } from "node:http";
import { duplexPair } from "node:stream";
import { test } from "node:test";
import { readHttp1Head } from "./http1-head.ts";
import { Dice } from "../contract/codec/random-messages.test.ts";
import { PlainRequestReader } from "./plain-request.ts";

const limits = { maxHeaderBytes: 1000, maxHeaderFields: 8 };
const reader = () => new PlainRequestReader(limits, "http");
const bytes = (text: string) => Buffer.from(text, "latin1");
const read = (text: string) => reader().read(bytes(text));
const get = (fields = "", target = "/v1/orders/7?a=b") =>
  `GET ${target} HTTP/1.1\r\nHost: shop:80\r\n${fields}\r\n`;

test("a whole request in its plainest form is read, as it stands", () => {
  const request = read(get("Accept: a, b\r\nX-Name: caf\xe9\r\nX-Empty:\r\nConnection: Keep-Alive\r\n"));
  assert.deepEqual(request?.head, {
    method: "GET",
    path: "/v1/orders/7?a=b",
    authority: "shop:80",
    scheme: "http",
    contentType: "",
    contentLength: -1,
    fields: ["accept", "a, b", "x-name", "caf\xe9", "x-empty", ""],
    memo: undefined,
  });
  const post = "POST /x HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 4\r\n\r\n";
  const withBody = read(`${post}{"":`);
  assert.equal(withBody?.head.contentLength, 4);
  assert.equal(withBody?.bodyFrom, post.length);
});

test("what is unusual, refused, or not there in one piece is left to others", () => {
  const post = (fields: string, body = "") => `POST /x HTTP/1.1\r\nhost: a\r\n${fields}\r\n${body}`;
  for (const text of [
    "",
    "GET / HTTP/1.1\r\nhost: a\r\n",
    get().replace("GET", "HEAD"),
    get().replace("GET", "OPTIONS"),
    get().replace("GET", "get"),
    get().replace("HTTP/1.1", "HTTP/1.0"),
    get().replace(" /", "  /"),
    get().replaceAll("\r\n", "\n"),
    get("", "http://shop/"),
    get("", "*"),
    get("", "/#a"),
    get("", "/\xe9"),
    get("", "/a b"),
    get("X-A : b\r\n"),
    get("X-A:  b\r\n"),
    get("X-A: b \r\n"),
    get("X-A:\tb\r\n"),
    get("X-A: b\r\n c\r\n"),
    get("X-A: b\rc\r\n"),
    get("X-A: b\nX-B: c\r\n"),
    get("X-A: \x00\r\n"),
    get("X-A\r\n"),
    get(": b\r\n"),
    get("Host: other\r\n"),
    "GET / HTTP/1.1\r\n\r\n",
    get("Connection: close\r\n"),
    get("Upgrade: websocket\r\n"),
    get("Expect: 100-continue\r\n"),
    get("Transfer-Encoding: chunked\r\n"),
    get("TE: trailers\r\n"),
    get("Trailer: x\r\n"),
    get("X: y\r\n".repeat(8)),
    get(`X: ${"y".repeat(1000)}\r\n`),
    `${get()}G`,
    get() + get(),
    post("content-length: 2\r\n", "a"),
    post("content-length: 2\r\n", "abc"),
    post("content-length: 2\r\ncontent-length: 2\r\n", "ab"),
    post("content-length: +2\r\n", "ab"),
    post("content-length: 2\r\ntransfer-encoding: chunked\r\n", "ab"),
  ])
    assert.equal(read(text), undefined, JSON.stringify(text));
});

test("a head that comes again is the same object; one with other fields or another path is not", () => {
  const same = reader();
  const first = same.read(bytes(get("X-A: 1\r\n")))?.head;
  assert.ok(first);
  first.memo = "what a protocol has found out";
  assert.equal(same.read(bytes(get("X-A: 1\r\n")))?.head, first);
  const elsewhere = same.read(bytes(get("X-A: 1\r\n", "/v1/other")))?.head;
  assert.deepEqual(elsewhere, { ...first, path: "/v1/other", memo: undefined });
  assert.deepEqual(same.read(bytes(get("X-A: 2\r\n")))?.head.fields, ["x-a", "2"]);
  assert.equal(same.read(bytes(get("X-A : 2\r\n"))), undefined);
});

/** The request as node:http reads it, once its body has come; undefined when it refuses it, or waits for more. */
async function readByNode(text: string): Promise<{ request: IncomingMessage; body: string } | undefined> {
  const server = createServer({ requireHostHeader: false, insecureHTTPParser: false });
  const [socket, other] = duplexPair();
  try {
    return await new Promise((resolve) => {
      let asked = false;
      server.on("clientError", () => resolve(undefined));
      for (const event of ["upgrade", "connect", "checkContinue", "checkExpectation"])
        server.on(event, () => resolve(undefined));
      server.on("request", async (request) => {
        asked = true;
        let body = "";
        request.setEncoding("latin1");
        for await (const piece of request) body += String(piece);
        resolve({ request, body });
      });
      server.emit("connection", socket);
      other.write(Buffer.from(text, "latin1"), () => setImmediate(() => asked || resolve(undefined)));
    });
  } finally {
    socket.destroy();
    other.destroy();
  }
}

test("what is taken for plain, node:http reads in the same way", async () => {
  const dice = new Dice(20_261_121);
  const signs = ["\r\n", "\r", "\n", " ", "\t", ":", ",", ";", "#", "?", "/", "\0", "\x7f", "\x80", "\xff"];
  const parts = [
    "GET ",
    "POST ",
    "HTTP/1.1",
    "Host: b",
    "content-length: 3",
    "Content-Length: 0",
    "X: y",
    "é",
    "transfer-encoding: chunked",
    "connection: close",
    "expect: 100-continue",
    "a=b",
    "0\r\n\r\n",
  ];
  const bases = [
    get("Accept: */*\r\nX-A: 1\r\n"),
    'POST /v1/orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{"a":1}',
    "PUT /x?y HTTP/1.1\r\nHost: [::1]:80\r\nX-Empty:\r\nContent-Length: 3\r\n\r\nabc",
  ];
  let taken = 0;
  for (let round = 0; round < 20_000; round++) {
    let text = dice.pick(bases);
    for (let i = dice.below(3); i >= 0; i--) {
      const at = dice.below(text.length + 1);
      const cut = dice.pick([0, 0, 1, 2]);
      text = text.slice(0, at) + dice.pick([...signs, ...parts, ""]) + text.slice(at + cut);
    }
    const plain = read(text);
    if (plain === undefined) continue;
    taken++;
    const node = await readByNode(text);
    assert.ok(node, JSON.stringify(text));
    assert.deepEqual(readHttp1Head(node.request, "http"), plain.head, JSON.stringify(text));
    assert.equal(bytes(text).toString("latin1", plain.bodyFrom), node.body, JSON.stringify(text));
  }
  assert.ok(taken > 1000, String(taken));
});
