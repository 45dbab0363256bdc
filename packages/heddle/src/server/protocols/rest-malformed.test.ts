/**
 * Requests that are wrong, each in a way of its own, sent as raw bytes: the answer is a problem that names the place, the
 * handler sees none of them, and none is a fault of the server.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import type { DescService } from "@bufbuild/protobuf";
import { connectInMemory } from "../../connection/memory.ts";
import { oddContract } from "../../contract/rest/odd-contract.test.ts";
import { createServer, type Server } from "../server.ts";

const ADDRESS = "rest-malformed";
const MAX_BYTES = 100_000;
const faults: unknown[] = [];
let handled = 0;
let server: Server;

before(async () => {
  const handler = () => () => {
    handled++;
    return {};
  };
  server = await createServer({
    services: [
      { service: oddContract.getService("odd.v1.Orders") as DescService, handler: handler as never },
    ],
    listen: `memory:${ADDRESS}`,
    maxReceiveMessageBytes: MAX_BYTES,
    onHandlerError: (error) => faults.push(error),
  });
});

after(() => server.close({ drainMs: 0 }));

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

const JSON_TYPE = "content-type: application/json";
type Bytes = string | Uint8Array;

/** Sends a request as it is, and reads until the server hangs up. */
async function send(line: string, fields: readonly string[] = [], body?: Bytes): Promise<Answer> {
  const socket = connectInMemory(ADDRESS);
  assert.ok(socket !== undefined);
  const chunks: Buffer[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.on("error", () => {});
  socket.on("end", resolve);
  socket.on("close", resolve);
  const hasLength = fields.some((field) => /^(?:content-length|transfer-encoding):/.test(field));
  const length = body === undefined || hasLength ? [] : [`content-length: ${Buffer.byteLength(body)}`];
  const head = [`${line} HTTP/1.1`, "host: shop", "connection: close", ...fields, ...length];
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  if (body !== undefined) socket.write(Buffer.from(body as string));
  await promise;
  socket.destroy();
  const text = Buffer.concat(chunks).toString();
  const end = text.indexOf("\r\n\r\n");
  const contentType = /^content-type: (.*)$/im.exec(text.slice(0, end))?.[1]?.trim() ?? "";
  return { status: Number(text.slice(9, 12)), contentType, body: text.slice(end + 4) };
}

/** The answer is a problem with this status that says this; and nobody was called. */
async function assertRefused(asked: Promise<Answer>, status: number, says: RegExp): Promise<void> {
  const before = handled;
  const answer = await asked;
  assert.equal(answer.status, status, answer.body);
  assert.equal(answer.contentType, "application/problem+json");
  const problem = JSON.parse(answer.body) as { status: number; detail: string; code: string };
  assert.equal(problem.status, status);
  assert.match(problem.detail, says);
  assert.ok(problem.detail.length < 8_000, "the problem is short");
  assert.equal(handled, before);
  assert.deepEqual(faults, []);
}

type Rows<Row> = Readonly<Record<string, readonly Row[]>>;

const bodies: Rows<readonly [body: Bytes, says: RegExp, status?: number]> = {
  "no JSON": [
    [" ", /JSON/],
    ["{", /position 1/],
    ["}", /JSON/],
    ['{"total":}', /JSON/],
    ["{'total':1}", /position 1/],
    ['{"total":1,}', /position 11/],
    ['{"count":01}', /position 10/],
    ['{"count":1.}', /position 11/],
    ['{"count":+1}', /JSON/],
    ["[1", /JSON/],
    ["nul", /JSON/],
    ["{} {}", /position 3/],
    ["\ufeff{}", /JSON/],
    ["// why\n{}", /JSON/],
    ['{"ratio":NaN}', /JSON/],
    ['{"orderId":"\u0001"}', /position 12/],
    ['{"tags":["\\x41"]}', /position 11/],
    [`[${"[".repeat(90_000)}`, /JSON/],
    ['{"child":'.repeat(10_000), /JSON/],
  ],
  "JSON that is no message": [
    ["null", /null/],
    ['"text"', /"text"/],
    ["5", /5/],
    ["true", /true/],
    ["[]", /Array/],
  ],
  "wrong types": [
    ['{"count":"x"}', /Order\.count/],
    ['{"count":1.5}', /Order\.count/],
    ['{"count":true}', /Order\.count/],
    ['{"count":[]}', /Order\.count/],
    ['{"count":{}}', /Order\.count/],
    ['{"count":""}', /Order\.count/],
    ['{"orderId":5}', /Order\.order_id/],
    ['{"on":"true"}', /Order\.on/],
    ['{"on":1}', /Order\.on/],
    ['{"note":"not base64!"}', /Order\.note/],
    ['{"note":5}', /Order\.note/],
    ['{"state":"NOPE"}', /State.*NOPE/],
    ['{"state":1.5}', /State/],
    ['{"tags":"a"}', /Order\.tags/],
    ['{"tags":[1]}', /Order\.tags.*#1/],
    ['{"tags":["a",null]}', /Order\.tags/],
    ['{"counts":[1,"x"]}', /Order\.counts/],
    ['{"labels":[]}', /Order\.labels/],
    ['{"labels":{"a":1}}', /Order\.labels.*"a"/],
    ['{"sizes":{"x":"a"}}', /Order\.sizes/],
    ['{"at":"yesterday"}', /Timestamp/],
    ['{"at":5}', /Timestamp/],
    ['{"at":"2026-13-01T00:00:00Z"}', /Timestamp/],
    ['{"at":"2026-02-30T00:00:00Z"}', /Order\.at.*a time that there is/],
    ['{"at":"10000-01-01T00:00:00Z"}', /Timestamp/],
    ['{"wait":"1h"}', /wait|Duration/],
    ['{"wait":5}', /wait|Duration/],
    ['{"mask":"a_b"}', /FieldMask/],
    ['{"any":{"@type":"x/no.Such"}}', /no\.Such/],
    ['{"any":{"@type":5}}', /@type/],
    ['{"extra":[]}', /Struct/],
    ['{"wrapped":"x"}', /wrapped|UInt32Value/],
    ['{"child":[]}', /Order/],
    ['{"children":[{},{"count":"x"}]}', /Order\.count/],
    ['{"a":"x","b":{}}', /Order\.one.* a and b/],
    ['{"tags":["\\ud800"]}', /Order\.tags.*UTF-?8/],
  ],
  "unknown fields": [
    ['{"nope":1}', /Order.*"nope"/],
    ['{"ORDERID":"x"}', /"ORDERID"/],
    ['{"child":{"child":{"nope":1}}}', /Order.*"nope"/],
    ['{"any":{"@type":"x/odd.v1.Order","nope":1}}', /"nope"/],
    ['{"__proto__":{"polluted":1}}', /"__proto__"/],
    ['{"constructor":1}', /"constructor"/],
    ['{"":1}', /""/],
    ['{"[odd.v1.ext]":1}', /odd\.v1\.ext/],
    [`{"${"k".repeat(5000)}":1}`, /kkk/],
  ],
  "keys that are there twice": [
    ['{"count":1,"count":1}', /"count" is there twice/],
    ['{"total":1,"t\\u006ftal":2}', /"total" is there twice/],
    ['{"order_id":"x","orderId":"x"}', /order_id/],
    ['{"child":{"child":{"on":true,"on":false}}}', /"on" is there twice/],
    ['{"labels":{"a":"b","a":"c"}}', /"a" is there twice/],
    ['{"extra":{"a":{"b":1,"b":2}}}', /"b" is there twice/],
    ['{"sizes":{"1":"a","01":"b"}}', /Order\.sizes.*01/],
    ['{"__proto__":1,"__proto__":2}', /__proto__/],
  ],
  "huge numbers": [
    ['{"count":2147483648}', /Order\.count/],
    ['{"count":-2147483649}', /Order\.count/],
    ['{"count":1e400}', /Order\.count/],
    [`{"count":${"9".repeat(50_000)}}`, /Order\.count/],
    [`{"total":"${"9".repeat(50_000)}"}`, /Order\.total/],
    ['{"total":9223372036854775808}', /Order\.total/],
    ['{"total":"-9223372036854775809"}', /Order\.total/],
    ['{"size":-1}', /Order\.size/],
    ['{"size":"18446744073709551616"}', /Order\.size/],
    ['{"ratio":1e39}', /Order\.ratio/],
    ['{"ratio":1e999}', /Order\.ratio/],
    ['{"extra":{"a":[{"b":1e999}]}}', /Order\.extra/],
    ['{"value":-1e999}', /Order\.value/],
    ['{"exact":-1e309}', /Order\.exact/],
    ['{"state":3000000000}', /state|State/],
    ['{"wait":"999999999999s"}', /wait|Duration/],
  ],
  "deep nesting": [
    [`${'{"child":'.repeat(101)}{}${"}".repeat(101)}`, /depth|deep/],
    [`${'{"child":'.repeat(9_000)}{}${"}".repeat(9_000)}`, /depth|deep/],
    [`{"extra":${'{"a":'.repeat(200)}1${"}".repeat(200)}}`, /depth|deep/],
    [`{"value":${"[".repeat(9_000)}${"]".repeat(9_000)}}`, /depth|deep/],
    [`{"nope":${"[".repeat(9_000)}${"]".repeat(9_000)}}`, /deep/],
    [`{"extra":{"n":12345678901234567890,"a":${"[".repeat(9_000)}${"]".repeat(9_000)}}}`, /deep/],
  ],
  "bad UTF-8": [
    [Buffer.concat([Buffer.from('{"orderId":"'), Uint8Array.of(0xff), Buffer.from('"}')]), /utf-8/i],
    [Buffer.concat([Buffer.from('{"'), Uint8Array.of(0xff), Buffer.from('":1}')]), /utf-8/i],
    // A slash in two bytes, half of a character, a surrogate.
    [Buffer.concat([Buffer.from('{"orderId":"'), Uint8Array.of(0xc0, 0xaf), Buffer.from('"}')]), /utf-8/i],
    [Buffer.concat([Buffer.from('{"orderId":"'), Uint8Array.of(0xe2, 0x82)]), /utf-8/i],
    [Buffer.concat([Buffer.from('{"a":"'), Uint8Array.of(0xed, 0xa0, 0x80), Buffer.from('"}')]), /utf-8/i],
    [Buffer.from("\ufeff{}", "utf16le"), /utf-8/i],
  ],
  "too much": [[`{"orderId":"${"x".repeat(MAX_BYTES)}"}`, /limit of 100000 bytes/, 413]],
};

for (const [what, rows] of Object.entries(bodies)) {
  test(`a body: ${what}`, async () => {
    for (const [body, says, status = 400] of rows)
      await assertRefused(send("POST /v1/orders", [JSON_TYPE], body), status, says);
  });
}

test("a body that is one field of the request", async () => {
  await assertRefused(send("PUT /v1/orders/7", [JSON_TYPE], '{"nope":1}'), 400, /"nope"/);
  await assertRefused(send("PUT /v1/orders/7", [JSON_TYPE], "[]"), 400, /Order/);
  await assertRefused(send("PUT /v1/orders/7", [JSON_TYPE], '{"count":1,"count":2}'), 400, /"count"/);
  await assertRefused(send("GET /v1/orders/7", [JSON_TYPE], "{}"), 400, /it has no body/);
});

const query = (text: string) => `/v1/orders/7?${text}`;
const targets: Rows<readonly [target: string, says: RegExp, status?: number]> = {
  "path traversal": [
    ["/v1/orders/..", /dots/],
    ["/v1/orders/%2e%2E", /dots/],
    ["/v1/orders/.%2e", /dots/],
    ["/v1/files/../../etc/passwd", /dots/],
    ["/v1/files/a/%2e%2e/b", /dots/],
    ["/v1/files/%2e%2e%2fetc", /dots/],
    ["/v1/files/..%5c..%5cetc", /dots/],
    ["//v1/orders/7", /not served/, 404],
    ["/v1//orders/7", /not served/, 404],
  ],
  "a path in no encoding": [
    ["/v1/orders/%", /percent-encoded/],
    ["/v1/orders/%zz", /percent-encoded/],
    ["/v1/orders/%ff", /percent-encoded UTF-8/],
    ["/v1/orders/%c0%af", /percent-encoded UTF-8/],
    ["/v1/files/a/%ed%a0%80", /percent-encoded UTF-8/],
  ],
  "a query": [
    [query("nope=1"), /parameter "nope"/],
    [query("child.nope=1"), /parameter "child\.nope"/],
    [query("count=x"), /parameter "count".*whole number/],
    [query("count="), /parameter "count"/],
    [query("count=1.5"), /parameter "count"/],
    [query("count=2147483648"), /parameter "count"/],
    [query("count=1&count=1"), /parameter "count".*twice/],
    [query("total=9223372036854775808"), /parameter "total"/],
    [query("ratio=1e39"), /parameter "ratio"/],
    [query("exact=1e400"), /parameter "exact"/],
    [query("on=yes"), /parameter "on".*true or false/],
    [query("state=NOPE"), /parameter "state".*odd\.v1\.State/],
    [query("note=!!"), /parameter "note".*base64/],
    [query("at=yesterday"), /parameter "at"/],
    [query("at=2026-02-30T00:00:00Z"), /parameter "at"/],
    [query("wait=1"), /parameter "wait"/],
    [query("wait=1s*"), /parameter "wait"/],
    [query("tags=%ff"), /parameter "tags".*UTF-8/],
    [query("%ff=1"), /parameter "%ff"/],
    [query("count=%"), /parameter "count"/],
    [query("child=1"), /parameter "child".*message/],
    [query("labels=1"), /parameter "labels".*map/],
    [query("labels[a]=b"), /parameter "labels\[a\]"/],
    [query("children.count=1"), /parameter "children\.count"/],
    [query("any=x"), /parameter "any"/],
    [query("a=x&b.count=1"), /parameter "b\.count"/],
    [query("orderId=8"), /parameter "orderId".*path/],
    [query("__proto__.x=1"), /parameter "__proto__\.x"/],
    [query("constructor=1"), /parameter "constructor"/],
    [query("$alt=json"), /parameter "\$alt"/],
    [query("=1"), /parameter ""/],
    [query(`${"x".repeat(3000)}=1`), /parameter "xxx/],
    [query(`${"child.".repeat(500)}count=1`), /nested more than/],
    [query("tags=a&".repeat(1001)), /more than 1000/],
  ],
};

for (const [what, rows] of Object.entries(targets)) {
  test(what, async () => {
    for (const [target, says, status = 400] of rows) await assertRefused(send(`GET ${target}`), status, says);
  });
}

test("a query beside a body that takes all", async () => {
  await assertRefused(send("POST /v1/orders?count=1", [JSON_TYPE], "{}"), 400, /parameter "count"/);
});

const gzip = [JSON_TYPE, "content-encoding: gzip"];
const chunked = [JSON_TYPE, "transfer-encoding: chunked"];
const chunk = `2710\r\n${"x".repeat(10_000)}\r\n`;
const heads: Rows<readonly [fields: readonly string[], body: Bytes, status: number, says: RegExp]> = {
  "content types": [
    [[], "{}", 415, /content type ""/],
    [["content-type: text/plain"], "{}", 415, /"text\/plain"/],
    [["content-type: application/x-www-form-urlencoded"], "a=b", 415, /x-www-form-urlencoded/],
    [["content-type: multipart/form-data; boundary=x"], "--x--", 415, /multipart is not read/],
    [["content-type: application/json; charset=latin1"], "{}", 415, /latin1/],
    [["content-type: application/json;;"], "{}", 415, /json;;/],
    [[JSON_TYPE, "accept: text/xml"], "{}", 406, /"text\/xml"/],
    [[JSON_TYPE, "accept: application/json;q=0"], "{}", 406, /q=0/],
    [[JSON_TYPE, "accept: ;;;q=,"], "{}", 406, /;;;q=,/],
  ],
  compression: [
    [gzip, "{}", 400, /header/],
    [gzip, gzipSync('{"count":1}').subarray(0, 12), 400, /end of file/],
    [gzip, gzipSync(Buffer.alloc(20_000_000, " ")), 413, /limit of 100000 bytes/],
    [[JSON_TYPE, "content-encoding: gzip, gzip"], "{}", 415, /"gzip, gzip"/],
    [[JSON_TYPE, "content-encoding: lzma"], "{}", 415, /"lzma"/],
  ],
  lengths: [
    [[...chunked], `${chunk.repeat(11)}0\r\n\r\n`, 413, /limit of 100000 bytes/],
    // What is announced is not waited for.
    [[JSON_TYPE, "content-length: 999999999"], "{}", 413, /999999999 bytes.*limit of 100000/],
  ],
  timeouts: [
    [[JSON_TYPE, "connect-timeout-ms: -1"], "{}", 400, /timeout "-1"/],
    [[JSON_TYPE, "connect-timeout-ms: 99999999999999"], "{}", 400, /timeout "99999999999999"/],
    [[JSON_TYPE, "connect-timeout-ms: soon"], "{}", 400, /timeout "soon"/],
  ],
};

for (const [what, rows] of Object.entries(heads)) {
  test(what, async () => {
    for (const [fields, body, status, says] of rows)
      await assertRefused(send("POST /v1/orders", fields, body), status, says);
  });
}

test("what breaks HTTP itself is refused before it is REST, in words", async () => {
  const rows: readonly (readonly [line: string, fields: readonly string[], status: number])[] = [
    ["POST /v1/orders", [JSON_TYPE, "content-length: -1"], 400],
    ["POST /v1/orders", [JSON_TYPE, "content-length: 2", "transfer-encoding: chunked"], 400],
    ["POST /v1/orders", [JSON_TYPE, "transfer-encoding: x"], 400],
    ["POST /v1/orders", [JSON_TYPE, "expect: x", "content-length: 2"], 417],
    ["GET /v1/orders/7", [`x-long: ${"v".repeat(100_000)}`], 431],
    ["GET *", [], 400],
    ["CONNECT /v1/orders/7", [], 405],
  ];
  for (const [line, fields, status] of rows) {
    const answer = await send(line, fields);
    assert.equal(answer.status, status, `${line} ${fields.join()}`);
    assert.match(answer.body, /This request is refused: /);
  }
  assert.deepEqual(faults, []);
});

test("what is odd and not wrong is answered", async () => {
  const rows: readonly (readonly [line: string, fields?: readonly string[], body?: Bytes])[] = [
    ["POST /v1/orders", [], ""],
    ["POST /v1/orders", ["content-type: Application/JSON; Charset=UTF-8"], "{}"],
    ["POST /v1/orders", [JSON_TYPE, "traceparent: x", "x-a-bin: %%%", "x-b: \u00ff"], "{}"],
    ["POST /v1/orders", [JSON_TYPE, "x-http-method-override: DELETE", "range: bytes=0-1"], "{}"],
    ["POST /v1/orders", [JSON_TYPE], '{"count":null,"total":"5","state":7,"labels":{"__proto__":"x"}}'],
    ["POST /v1/orders", gzip, gzipSync("{}")],
    [`POST /v1/orders`, [JSON_TYPE], `${'{"child":'.repeat(90)}{}${"}".repeat(90)}`],
    ["GET http://shop/v1/orders/7"],
    ["GET /v1/orders/a%2Fb;c=d"],
    ["GET /v1/files/a//b"],
    ["GET /v1/orders/7?&&tags=&tags"],
  ];
  for (const [line, fields, body] of rows)
    assert.equal((await send(line, fields, body)).status, 200, `${line} ${String(body)}`);
  assert.equal(({} as { polluted?: unknown }).polluted, undefined);
});
