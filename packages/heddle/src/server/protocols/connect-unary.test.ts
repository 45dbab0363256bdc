import assert from "node:assert/strict";
import { test } from "node:test";
import { brotliCompressSync, gunzipSync, gzipSync, zstdCompressSync } from "node:zlib";
import { Code } from "@connectrpc/connect";
import { connectCodeName, httpStatusOf } from "../../call/connect-code.ts";
import { writeConnectQuery } from "../../call/connect-query.ts";
import { type Asked, openWorld, utf8 } from "./asking.test.ts";

/** A BytesValue in binary. */
const message = (...bytes: number[]) => Uint8Array.of(0x0a, bytes.length, ...bytes);
/** The same in JSON. */
const json = (...bytes: number[]) => utf8(JSON.stringify(Buffer.from(bytes).toString("base64")));

test("a JSON request is answered with the message and nothing else", async () => {
  await using world = await openWorld();
  const answer = await world.ask({ body: [json(20, 21)] });
  assert.equal(answer.status, "200");
  assert.equal(answer.text, '"FBU="');
  assert.deepEqual(Object.fromEntries(answer.fields), {
    "content-type": "application/json",
    "content-length": "6",
  });
});

test("a binary request is answered in binary, however it was cut", async () => {
  await using world = await openWorld();
  const whole = message(...Array.from({ length: 100 }, () => 42));
  for (const size of [1, 7, 50, 200]) {
    const body: Uint8Array[] = [];
    for (let at = 0; at < whole.length; at += size) body.push(whole.subarray(at, at + size));
    const answer = await world.ask({ type: "application/proto", body });
    assert.deepEqual(answer.body, whole, `${size} bytes at a time`);
  }
  assert.deepEqual((await world.ask({ type: "application/proto" })).body, new Uint8Array(0));
});

test("content types may have a charset, and come in any case", async () => {
  await using world = await openWorld();
  for (const type of ["application/json; charset=utf-8", "application/json;charset=UTF8", "Application/JSON"])
    assert.equal(
      (await world.ask({ type, body: [json(20)] })).fields.get("content-type"),
      "application/json",
    );
  assert.equal(
    (await world.ask({ type: "application/json; charset=latin1", body: [json(20)] })).status,
    "415",
  );
});

for (const [name, compress] of Object.entries({
  gzip: gzipSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
})) {
  test(`a request compressed with ${name}`, async () => {
    await using world = await openWorld();
    const answer = await world.ask({ fields: { "content-encoding": name }, body: [compress(json(20, 21))] });
    assert.equal(answer.text, '"FBU="');
  });
}

test("answers and errors are compressed for callers that understand it", async () => {
  await using world = await openWorld({ sendCompression: "gzip", compressMinBytes: 0 });
  for (const [bytes, text] of [
    [[20, 21], '"FBU="'],
    [[5], '{"code":"not_found","message":"as told"}'],
  ] as const) {
    const asked: Asked = { body: [json(...bytes)] };
    const answer = await world.ask({ ...asked, fields: { "accept-encoding": "br;q=0.5, gzip" } });
    assert.equal(answer.fields.get("content-encoding"), "gzip");
    assert.equal(answer.fields.get("content-length"), String(answer.body.length));
    assert.equal(gunzipSync(answer.body).toString(), text);
    assert.equal((await world.ask(asked)).fields.get("content-encoding"), null);
  }
});

test("every code has its HTTP status, in whatever form was asked", async () => {
  await using world = await openWorld();
  for (let code: number = Code.Canceled; code <= Code.Unauthenticated; code++) {
    for (const asked of [{ body: [json(code)] }, { type: "application/proto", body: [message(code)] }]) {
      const answer = await world.ask(asked);
      assert.equal(answer.status, String(httpStatusOf(code)));
      assert.equal(answer.fields.get("content-type"), "application/json");
      assert.deepEqual(answer.json, { code: connectCodeName(code), message: "as told" });
    }
  }
});

test("metadata: headers as they are, trailers with their prefix, and no header passes for a trailer", async () => {
  await using world = await openWorld();
  const fields = { "x-echo-a": "1", "x-echo-b-bin": "AQI", "x-trail-c": "3" };
  const answer = await world.ask({ fields, body: [json(20)] });
  assert.equal(answer.fields.get("x-echo-a"), "1");
  assert.equal(answer.fields.get("x-echo-b-bin"), "AQI");
  assert.equal(answer.fields.get("trailer-x-trail-c"), "3");
  assert.equal(answer.fields.get("x-trail-c"), null);
  const failed = await world.ask({ fields, body: [json(5)] });
  assert.equal(failed.fields.get("x-error"), "1");
  assert.equal(failed.fields.get("x-echo-a"), "1");
  assert.equal(failed.fields.get("trailer-x-trail-c"), "3");
  assert.equal(failed.fields.get("trailer-x-fake"), null);
});

test("what a handler throws stays here", async () => {
  await using world = await openWorld();
  const answer = await world.ask({ body: [json(100)] });
  assert.equal(answer.status, "500");
  assert.match(answer.text, /"code":"unknown".*HDL-3001/);
  assert.doesNotMatch(answer.text, /secret/);
  assert.equal(world.failures.length, 1);
});

const faults: readonly (readonly [string, Asked, number, string, RegExp])[] = [
  ["no JSON", { body: [utf8("{")] }, 400, "invalid_argument", /HDL-2304/],
  ["no message", {}, 400, "invalid_argument", /HDL-2304/],
  [
    "no protobuf",
    { type: "application/proto", body: [Uint8Array.of(0x0a, 9)] },
    400,
    "invalid_argument",
    /HDL-2304/,
  ],
  [
    "a body over the limit",
    { body: [new Uint8Array(600), new Uint8Array(600)] },
    429,
    "resource_exhausted",
    /limit of 1000/,
  ],
  [
    "a bomb",
    { fields: { "content-encoding": "gzip" }, body: [gzipSync(new Uint8Array(100_000))] },
    429,
    "resource_exhausted",
    /expanded/,
  ],
  [
    "damaged gzip",
    { fields: { "content-encoding": "gzip" }, body: [utf8("gzip")] },
    400,
    "invalid_argument",
    /HDL-2304/,
  ],
  [
    "a compression nobody knows",
    { fields: { "content-encoding": "snappy" }, body: [json(20)] },
    501,
    "unimplemented",
    /gzip,br/,
  ],
  [
    "a timeout of units",
    { fields: { "connect-timeout-ms": "1S" }, body: [json(20)] },
    400,
    "invalid_argument",
    /HDL-2310/,
  ],
  [
    "a timeout of eleven digits",
    { fields: { "connect-timeout-ms": "12345678901" }, body: [json(20)] },
    400,
    "invalid_argument",
    /HDL-2310/,
  ],
  [
    "no time left",
    { fields: { "connect-timeout-ms": "0" }, body: [json(20)] },
    504,
    "deadline_exceeded",
    /HDL-2201/,
  ],
  [
    "another version",
    { fields: { "connect-protocol-version": "2" }, body: [json(20)] },
    400,
    "invalid_argument",
    /HDL-2312/,
  ],
  ["a path nobody answers", { path: "/a.B/C", body: [json(20)] }, 404, "unimplemented", /HDL-2307/],
  [
    "a method without a handler",
    { path: "/heddle.unit.Echo/Put", body: [json(20)] },
    404,
    "unimplemented",
    /HDL-2307/,
  ],
];

for (const [what, asked, status, code, text] of faults) {
  test(`${what}: ${status}, ${code}`, async () => {
    await using world = await openWorld({ maxReceiveMessageBytes: 1000 });
    const answer = await world.ask(asked);
    assert.deepEqual([answer.status, answer.json["code"]], [String(status), code]);
    assert.match(String(answer.json["message"]), text);
    assert.equal((await world.ask({ body: [json(20)] })).status, "200", "the connection goes on");
  });
}

test("a deadline is kept", async () => {
  await using world = await openWorld({
    interceptors: [(next) => async (request) => (await new Promise(() => {}), next(request))],
  });
  const answer = await world.ask({ fields: { "connect-timeout-ms": "20" }, body: [json(20)] });
  assert.deepEqual([answer.status, answer.json["code"]], ["504", "deadline_exceeded"]);
});

test("a version is asked for only where that is wanted", async () => {
  await using lax = await openWorld();
  assert.equal((await lax.ask({ body: [json(20)] })).status, "200");
  await using strict = await openWorld({ requireConnectProtocolVersion: true });
  const fields = { "connect-protocol-version": "1" };
  assert.equal((await strict.ask({ fields, body: [json(20)] })).status, "200");
  assert.match((await strict.ask({ body: [json(20)] })).text, /HDL-2312/);
  const get = (query: string) =>
    strict.ask({ method: "GET", type: "", path: `/heddle.unit.Echo/Get?${query}` });
  assert.equal((await get("connect=v1&encoding=json&message=%22%22")).status, "200");
  assert.match((await get("encoding=json&message=%22%22")).text, /HDL-2312/);
});

const get = (query: string, fields = {}): Asked => ({
  method: "GET",
  type: "",
  path: `/heddle.unit.Echo/Get?${query}`,
  fields,
});

test("a method without side effects answers GET, and says that the answer depends on what is accepted", async () => {
  await using world = await openWorld({ sendCompression: "gzip", compressMinBytes: 0 });
  const asJson = await world.ask(get(writeConnectQuery("json", json(20, 21))));
  assert.deepEqual(
    [asJson.status, asJson.text, asJson.fields.get("vary")],
    ["200", '"FBU="', "accept-encoding"],
  );
  const binary = await world.ask(
    get(writeConnectQuery("proto", message(20, 21)), { "accept-encoding": "gzip" }),
  );
  assert.deepEqual(Uint8Array.from(gunzipSync(binary.body)), message(20, 21));
  assert.equal(binary.fields.get("content-type"), "application/proto");
  const compressed = await world.ask(get(writeConnectQuery("json", gzipSync(json(20)), "gzip")));
  assert.equal(compressed.text, '"FA=="');
  const failed = await world.ask(get(writeConnectQuery("json", json(5))));
  assert.deepEqual(
    [failed.status, failed.json["code"], failed.fields.get("vary")],
    ["404", "not_found", "accept-encoding"],
  );
});

test("a GET whose query does not make a call", async () => {
  await using world = await openWorld({ maxReceiveMessageBytes: 100 });
  assert.equal((await world.ask(get("message=%22%22"))).status, "415", "no encoding");
  assert.equal((await world.ask(get("encoding=xml&message=%22%22"))).status, "415");
  assert.match((await world.ask(get("encoding=json"))).text, /invalid_argument.*no message/);
  assert.match((await world.ask(get("encoding=proto&base64=1&message=*"))).text, /invalid_argument/);
  assert.match((await world.ask(get("connect=v2&encoding=json&message=%22%22"))).text, /HDL-2312/);
  assert.match(
    (await world.ask(get(`encoding=json&message=%22${"A".repeat(200)}%22`))).text,
    /resource_exhausted/,
  );
  assert.match(
    (await world.ask(get("encoding=json&compression=snappy&message=%22%22"))).text,
    /unimplemented/,
  );
});

test("a caller that goes away while it sends is nobody's failure", async () => {
  await using world = await openWorld();
  const gone = world.open({ type: "application/proto", body: [message(20)] });
  gone.reset(8);
  assert.equal((await world.ask({ body: [json(20)] })).status, "200");
  assert.deepEqual(world.failures, []);
});

test("a handler sees how it was called, and no field that is the protocol's", async () => {
  await using world = await openWorld();
  const fields = {
    "x-ask": "1",
    "connect-protocol-version": "1",
    "connect-timeout-ms": "10000",
    "accept-encoding": "gzip",
    "content-encoding": "identity",
    "accept-language": "de",
    origin: "https://shop.example",
  };
  const posted = await world.ask({ fields, body: [json(20)] });
  assert.equal(posted.fields.get("x-called"), "connect POST http://test/heddle.unit.Echo/Say");
  assert.equal(posted.fields.get("x-names"), "accept-language origin x-ask");
  const got = await world.ask(get("encoding=json&message=%22%22", fields));
  assert.match(
    got.fields.get("x-called") ?? "",
    /^connect GET http:\/\/test\/heddle.unit.Echo\/Get\?encoding=json/,
  );
});

test("of several compressions a caller gets the first that it likes best", async () => {
  await using world = await openWorld({ sendCompression: ["zstd", "br", "gzip"], compressMinBytes: 0 });
  for (const [accepts, given] of [
    ["gzip, deflate, br, zstd", "zstd"],
    ["gzip, br", "br"],
    ["gzip;q=1, br;q=0.5", "gzip"],
    ["deflate", null],
    ["identity", null],
  ] as const) {
    const answer = await world.ask({ fields: { "accept-encoding": accepts }, body: [json(20)] });
    assert.equal(answer.fields.get("content-encoding"), given, accepts);
  }
});
