import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { createAuthority } from "../../../../../test/kit/certificates.ts";
import { createRuntime } from "../../runtime/runtime.ts";
import { createVirtualTime } from "../../runtime/virtual-time.ts";
import { readLines } from "./read-lines.ts";
import {
  createRegistryHttp,
  RegistryHttpError,
  type RegistryHttpOptions,
  statusError,
} from "./registry-http.ts";

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

async function startServer(t: TestContext, answer: Answer): Promise<string> {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) body += chunk;
    answer(request, response, body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close().closeAllConnections());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A port where nobody listens. */
async function deadHost(): Promise<string> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return `127.0.0.1:${port}`;
}

function open(t: TestContext, hosts: readonly string[], options: Partial<RegistryHttpOptions> = {}) {
  const http = createRegistryHttp({ hosts, runtime: createRuntime(), timeoutMs: 5000, ...options });
  t.after(() => http.close());
  return http;
}

const GET = { method: "GET", path: "/x" } as const;

test("a request carries path, query, headers and JSON, and the answer comes back whole", async (t) => {
  let token = 0;
  const host = await startServer(t, ({ method, url, headers }, response, body) => {
    response.setHeader("X-Index", "7");
    response.end(
      JSON.stringify({ method, url, token: headers["x-token"], type: headers["content-type"], body }),
    );
  });
  const http = open(t, [host], { basePath: "/v1", headers: async () => ({ "x-token": `t${++token}` }) });
  const response = await http.request({
    method: "PUT",
    path: "/a%2Fb",
    query: { tag: ["x y", "z"], left: undefined, n: "1" },
    body: { ü: 1 },
  });
  assert.deepEqual(response.json(), {
    method: "PUT",
    url: "/v1/a%2Fb?tag=x+y&tag=z&n=1",
    token: "t1",
    type: "application/json",
    body: '{"ü":1}',
  });
  assert.equal(response.status, 200);
  assert.equal(response.headers["x-index"], "7");
  assert.equal(response.host, host);
  assert.match((await http.request(GET)).text(), /"token":"t2"/);
});

test("it stays with a host until that fails, and goes on to the next within the same request", async (t) => {
  const seen: string[] = [];
  const answer = (name: string, status: number) => (_: unknown, response: ServerResponse) => {
    seen.push(name);
    response.writeHead(status).end(name);
  };
  const [broken, sound] = [
    await startServer(t, answer("broken", 500)),
    await startServer(t, answer("sound", 404)),
  ];
  const http = open(t, [await deadHost(), broken, sound]);
  assert.equal((await http.request(GET)).text(), "sound");
  assert.equal((await http.request(GET)).status, 404);
  assert.deepEqual(seen, ["broken", "sound", "sound"]);
  assert.equal(http.host, sound);
  assert.equal((await http.request({ ...GET, host: broken })).status, 500);
  http.moveOn(broken);
  assert.equal(http.host, sound, "only the host in use is left");
});

test("an answer of 500 is the answer when every host says so, or when the caller wants it", async (t) => {
  const hosts = [1, 2].map(() => startServer(t, (_, response) => response.writeHead(503).end("no")));
  assert.equal((await open(t, await Promise.all(hosts)).request(GET)).status, 503);
  const http = open(t, await Promise.all(hosts), { nextOnServerError: false });
  const { host } = http;
  assert.equal((await http.request(GET)).status, 503);
  assert.equal(http.host, host);
});

test("a host that accepts and says nothing is found by our own time, and left", async (t) => {
  const time = createVirtualTime();
  const asked = Promise.withResolvers<void>();
  const silent = await startServer(t, () => asked.resolve());
  const sound = await startServer(t, (_, response) => response.end("here"));
  const http = open(t, [silent, sound], {
    runtime: createRuntime({ clock: time, timers: time }),
    timeoutMs: 3_600_000,
  });
  const response = http.request({ ...GET, timeoutMs: 2000 });
  await asked.promise;
  time.advance(2000);
  assert.equal((await response).text(), "here");
  assert.equal(time.pending, 0);
  const alone = http.request({ ...GET, host: silent, timeoutMs: 2000, query: { token: "secret" } });
  const failed = assert.rejects(alone, (error) => {
    assert.ok(error instanceof RegistryHttpError);
    assert.equal(error.message, `${silent}: GET /x: no answer within 2000 ms`);
    assert.equal(error.status, undefined);
    return true;
  });
  time.advance(2000);
  await failed;
});

test("no error repeats queries, headers or what was sent", async (t) => {
  const dead = await deadHost();
  const http = open(t, [dead], { headers: () => ({ "x-token": "secret" }) });
  const request = { method: "PUT", path: "/x", query: { token: "secret" }, body: "secret" } as const;
  await assert.rejects(http.request(request), (error: RegistryHttpError) => {
    assert.match(error.message, new RegExp(`^${dead}: PUT /x: connect ECONNREFUSED`));
    assert.ok(!JSON.stringify(error, Object.getOwnPropertyNames(error)).includes("secret"));
    return true;
  });
  const said = statusError(request, { host: "h:1", status: 403 }, ` no\n${"x".repeat(300)}`);
  assert.equal(said.message, `h:1: PUT /x: HTTP status 403: no ${"x".repeat(197)}…`);
  assert.equal(said.status, 403);
});

test("a body is bounded, and JSON that is none is told", async (t) => {
  const host = await startServer(t, ({ url }, response) =>
    response.end(url === "/big" ? "x".repeat(1001) : "<p>"),
  );
  const http = open(t, [host], { maxBodyBytes: 1000 });
  await assert.rejects(
    http.request({ ...GET, path: "/big" }),
    /GET \/big: the answer is larger than 1000 bytes/,
  );
  const response = await http.request(GET);
  assert.throws(() => response.json(), /GET \/x: the answer is no JSON/);
});

test("an abort ends a request and a stream at once, with the signal's reason", async (t) => {
  const abort = new AbortController();
  const host = await startServer(t, ({ url }, response) => {
    if (url === "/stream") response.write("one\n");
    else abort.abort(new Error("enough"));
  });
  const http = open(t, [host, host]);
  const stream = await http.stream({ ...GET, path: "/stream", signal: abort.signal, silenceMs: 60_000 });
  const lines: string[] = [];
  const reading = (async () => {
    for await (const line of stream.lines()) lines.push(line);
  })();
  await assert.rejects(http.request({ ...GET, signal: abort.signal }), /^Error: enough$/);
  await assert.rejects(reading, /^Error: enough$/);
  assert.deepEqual(lines, ["one"]);
  await assert.rejects(http.request({ ...GET, signal: abort.signal }), /^Error: enough$/);
});

test("a stream gives lines as they come, and fails when it falls silent", async (t) => {
  const time = createVirtualTime();
  let connection: ServerResponse | undefined;
  const host = await startServer(t, (_, response) => {
    connection = response.writeHead(200, { "content-type": "application/json" });
    response.write('{"a":1}\n{"b"');
  });
  const http = open(t, [host], { runtime: createRuntime({ clock: time, timers: time }) });
  const stream = await http.stream({ ...GET, silenceMs: 1000 });
  assert.equal(stream.status, 200);
  time.advance(100_000); // nobody waits for it: no silence
  const lines = stream.lines()[Symbol.asyncIterator]();
  assert.equal((await lines.next()).value, '{"a":1}');
  connection?.write(":2}\r\n\n");
  assert.equal((await lines.next()).value, '{"b":2}');
  const next = assert.rejects(lines.next(), /GET \/x: no answer within 1000 ms/);
  time.advance(1000);
  await next;
  assert.equal(time.pending, 0);
});

test("a stream that the server cuts fails, one that it ends ends; text() reads all of it", async (t) => {
  const host = await startServer(t, ({ url }, response) => {
    response.writeHead(url === "/gone" ? 410 : 200);
    if (url === "/cut") response.write("x\n", () => response.destroy());
    else response.end("last");
  });
  const http = open(t, [host]);
  const read = async (path: string) => {
    const lines: string[] = [];
    for await (const line of (await http.stream({ ...GET, path, silenceMs: 5000 })).lines()) lines.push(line);
    return lines;
  };
  await assert.rejects(read("/cut"), RegistryHttpError);
  assert.deepEqual(await read("/end"), ["last"]);
  const gone = await http.stream({ ...GET, path: "/gone", silenceMs: 5000 });
  assert.equal(gone.status, 410);
  assert.equal(await gone.text(), "last");
});

test("close gives up what is under way and refuses what comes", async (t) => {
  const asked = Promise.withResolvers<void>();
  const http = open(t, [await startServer(t, () => asked.resolve()), await deadHost()]);
  const failed = assert.rejects(http.request(GET), /it is closed/);
  await asked.promise;
  await http.close();
  await failed;
  await assert.rejects(http.request(GET), /it is closed/);
});

test("with TLS the server is verified, and shown a certificate", async (t) => {
  const authority = createAuthority();
  const leaf = authority.issue();
  const server = createTlsServer(
    { cert: leaf.cert, key: leaf.key, ca: authority.cert, requestCert: true, rejectUnauthorized: true },
    (_, response) => response.end("safe"),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close().closeAllConnections());
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const trusted = open(t, [host], { tls: { ca: authority.cert, cert: leaf.cert, key: leaf.key } });
  assert.equal((await trusted.request(GET)).text(), "safe");
  await assert.rejects(open(t, [host], { tls: {} }).request(GET), RegistryHttpError);
});

test("lines are found however the bytes come apart", async () => {
  const line = fc.string({ unit: "grapheme" }).map((text) => text.replace(/[\r\n]/g, ""));
  await fc.assert(
    fc.asyncProperty(fc.array(line), fc.array(fc.nat(5)), fc.boolean(), async (written, sizes, ended) => {
      const bytes = Buffer.from(written.join("\n") + (ended ? "\n" : ""));
      const chunks: Uint8Array[] = [];
      for (let at = 0, n = 0; at < bytes.length; n++) {
        const size = (sizes[n % (sizes.length || 1)] ?? 7) + 1;
        chunks.push(bytes.subarray(at, at + size));
        at += size;
      }
      const read: string[] = [];
      for await (const text of readLines(Readable.from(chunks), 10_000)) read.push(text);
      assert.deepEqual(
        read,
        written.filter((text) => text !== ""),
      );
    }),
  );
  await assert.rejects(async () => {
    for await (const text of readLines(Readable.from([Buffer.alloc(60, 120), Buffer.alloc(60, 120)]), 100))
      assert.fail(text);
  }, /longer than 100/);
});
