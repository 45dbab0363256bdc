/** One port for everything: what a client begins with decides what it gets, and what it may not is said to it. */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";
import { createTransport, type HeddleError, type ServerOptions, type TransportOptions } from "heddle";
import { createAuthority } from "../kit/certificates.ts";
import { connectTo, type StartOptions, startEcho } from "../kit/running.ts";
import { until, within } from "../kit/within.ts";
import { connectRaw, PREFACE, settings } from "./raw-peer.ts";
import { connectText } from "./raw-http1.ts";

const authority = createAuthority();
const leaf = authority.issue();
const own = authority.issue({ names: ["caller"] });
const stranger = createAuthority("Somebody else").issue();
const ca = authority.cert;

const REQUEST = [
  "POST /heddle.test.v1.EchoService/Unary HTTP/1.1",
  "Host: here",
  "Content-Type: application/json",
  "Content-Length: 2",
  "",
  "{}",
].join("\r\n");

const portOf = (address: string) => Number(address.slice(address.lastIndexOf(":") + 1));

/** A server that remembers what peers did wrong. */
async function start(t: TestContext, options: StartOptions = {}) {
  const errors: HeddleError[] = [];
  const server = await startEcho(t, { onPeerError: (error) => errors.push(error), ...options });
  return { server, errors, address: server.address };
}

/** One call, by a client of its own. */
async function call(t: TestContext, target: string, options: Omit<TransportOptions, "target"> = {}) {
  const { echo } = await connectTo(t, target, options).unary({});
  return echo;
}

/** One that fails, and soon. */
function tryCall(t: TestContext, target: string, options: Omit<TransportOptions, "target"> = {}) {
  return call(t, target, { waitForReadyMs: 300, ...options });
}

/** TLS by Node itself, with or without ALPN. */
async function openTls(t: TestContext, address: string, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connectTls({ host: "127.0.0.1", port: portOf(address), ca, ...options });
  t.after(() => socket.destroy());
  socket.on("error", () => {});
  await within(once(socket, "secureConnect"), "TLS");
  return socket;
}

async function firstBytes(socket: TLSSocket): Promise<string> {
  const [chunk] = (await within(once(socket, "data"), "an answer")) as [Buffer];
  return chunk.toString("latin1");
}

test("HTTP/2 and HTTP/1.1 on one port without TLS", async (t) => {
  const { address } = await start(t);
  await call(t, address);
  await call(t, address, { http: "1.1" });
});

test("HTTP/2 and HTTP/1.1 on one port with TLS, by ALPN", async (t) => {
  const { address, errors } = await start(t, { tls: leaf });
  await call(t, address, { tls: { ca } });
  await call(t, address, { tls: { ca }, http: "1.1" });
  assert.deepEqual(errors, []);
});

test("clients without ALPN are known by their first bytes", async (t) => {
  const { address } = await start(t, { tls: leaf });
  const http1 = await openTls(t, address);
  http1.write(REQUEST);
  assert.match(await firstBytes(http1), /^HTTP\/1\.1 200 /);
  const http2 = await openTls(t, address);
  http2.write(Buffer.concat([PREFACE, settings]));
  assert.equal((await firstBytes(http2)).charCodeAt(3), 4, "settings");
});

test("a client that offers only what is unknown gets no connection", async (t) => {
  const { address, errors } = await start(t, { tls: leaf });
  await assert.rejects(openTls(t, address, { ALPNProtocols: ["spdy/3"] }));
  await until(() => errors.length > 0, "the error");
  assert.equal(errors[0]?.heddleCode, "HDL-2106");
});

for (const [kind, listen] of [
  ["a Unix socket", (folder: string) => `unix:${folder}/echo.sock`],
  ["memory", () => "memory:listener"],
] as const) {
  test(`all of it over ${kind}`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "heddle-listener-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const { address, server } = await start(t, {
      listen: listen(folder),
      tls: { ...leaf, allowPlaintext: true },
    });
    await call(t, address);
    await call(t, address, { http: "1.1" });
    await call(t, address, { tls: { ca } });
    await call(t, address, { tls: { ca }, http: "1.1" });
    assert.equal(server.connections, 4);
  });
}

test("plain text is refused at a port with TLS, in words", async (t) => {
  const { address, errors } = await start(t, { tls: leaf });
  using http1 = await connectText(address);
  http1.write(REQUEST);
  await http1.end();
  assert.match(http1.text, /^HTTP\/1\.1 400 Bad Request\r\n/);
  assert.match(http1.text, /this port speaks TLS/);
  using http2 = await connectRaw(address);
  assert.equal(await http2.goaway(), 12, "INADEQUATE_SECURITY");
  assert.deepEqual(
    errors.map(({ heddleCode }) => heddleCode),
    ["HDL-2407", "HDL-2407"],
  );
  assert.match(errors[0]?.message ?? "", /the client plain text \(127\.0\.0\.1:\d+\)/);
  await call(t, address, { tls: { ca } });
});

test("a client of ours without TLS learns that the port wants it", async (t) => {
  const { address } = await start(t, { tls: leaf });
  // The connection may end before the call is on it, or after.
  await assert.rejects(tryCall(t, address), /this port speaks TLS|it wants TLS/);
});

test("a client of ours learns that somebody else's port wants TLS", async (t) => {
  // What OpenSSL, among others, says to bytes that are no TLS.
  const other = createTcpServer((socket) => socket.end(Buffer.from([21, 3, 1, 0, 2, 2, 70])));
  other.listen(0, "127.0.0.1");
  t.after(() => other.close());
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  await assert.rejects(tryCall(t, `127.0.0.1:${port}`), /it answers in TLS/);
});

test("a client with TLS learns that the port has none", async (t) => {
  const { address, errors } = await start(t);
  await assert.rejects(tryCall(t, address, { tls: { ca } }), /does not speak TLS/);
  assert.equal(errors[0]?.heddleCode, "HDL-2407");
});

test("both are served where plain text is allowed", async (t) => {
  const { address } = await start(t, { tls: { ...leaf, allowPlaintext: true } });
  await call(t, address);
  await call(t, address, { tls: { ca } });
});

test("TLS inside TLS is refused", async (t) => {
  const { address, errors } = await start(t, { tls: leaf });
  const outer = await openTls(t, address);
  outer.write(Buffer.from([22, 3, 1, 0, 5]));
  assert.match(await firstBytes(outer), /^HTTP\/1\.1 400 /);
  assert.equal(errors.length, 1);
});

test("neither protocol: the end", async (t) => {
  const { address, errors } = await start(t);
  using redis = await connectText(address);
  redis.write("*1\r\n$4\r\nPING\r\n");
  await redis.end();
  assert.equal(errors[0]?.heddleCode, "HDL-2407");
});

test("first bytes that come one at a time", async (t) => {
  const { address } = await start(t);
  for (const text of [REQUEST, `${PREFACE.toString()}${settings.toString("latin1")}`]) {
    using peer = await connectText(address);
    for (const byte of text) {
      peer.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => peer.text.length > 20, "an answer");
  }
});

// Certificates.

const refusedClients: readonly (readonly [string, TransportOptions["tls"], ServerOptions["tls"], RegExp])[] =
  [
    ["a server of another authority", { ca: stranger.cert }, leaf, /is not trusted/],
    ["a server that no known authority has signed", true, leaf, /is not trusted/],
    ["a server of another name", { ca, serverName: "orders.internal" }, leaf, /is not for orders\.internal/],
    [
      "a server whose certificate has expired",
      { ca },
      authority.issue({
        notBefore: new Date(Date.now() - 7200_000),
        notAfter: new Date(Date.now() - 3600_000),
      }),
      /is not trusted: .*expired/,
    ],
    ["a client without a certificate", { ca }, { ...leaf, ca }, /certificate required/],
    ["a client of another authority", { ca, ...stranger }, { ...leaf, ca }, /./],
    [
      "a client of another authority, where none is needed",
      { ca, ...stranger },
      { ...leaf, ca, clientCertificate: "request" },
      /./,
    ],
  ];

for (const [what, client, serverTls, reason] of refusedClients) {
  test(`no connection with ${what}`, async (t) => {
    const { address, server } = await start(t, serverTls === undefined ? {} : { tls: serverTls });
    await assert.rejects(tryCall(t, address, { tls: client as never }), (error: Error) => {
      assert.match(error.message, /HDL-2102/);
      assert.match(error.message, reason);
      assert.doesNotMatch(error.message, /BEGIN|PRIVATE/);
      return true;
    });
    await until(() => server.connections === 0, "the connection ends");
  });
}

test("a client that speaks only TLS 1.2, at a server that wants 1.3", async (t) => {
  const { address, errors } = await start(t, { tls: { ...leaf, minVersion: "TLSv1.3" } });
  await assert.rejects(openTls(t, address, { maxVersion: "TLSv1.2" }));
  await until(() => errors.length > 0, "the error");
  assert.match(errors[0]?.message ?? "", /HDL-2106/);
  await call(t, address, { tls: { ca } });
});

test("the reason why a client's certificate is refused stands at the server", async (t) => {
  const { address, errors } = await start(t, { tls: { ...leaf, ca } });
  await assert.rejects(tryCall(t, address, { tls: { ca, ...stranger } }));
  assert.equal(errors[0]?.heddleCode, "HDL-2106");
  assert.match(errors[0]?.message ?? "", /UNABLE_TO|unable to/);
});

test("mutual TLS, required and requested", async (t) => {
  const required = await start(t, { tls: { ...leaf, ca } });
  await call(t, required.address, { tls: { ca, ...own } });
  const requested = await start(t, { tls: { ...leaf, ca, clientCertificate: "request" } });
  await call(t, requested.address, { tls: { ca, ...own } });
  await call(t, requested.address, { tls: { ca } });
});

test("other certificates at run time: new connections see them, old ones go on", async (t) => {
  const { address, server } = await start(t, { tls: leaf });
  const early = connectTo(t, address, { tls: { ca } });
  await early.unary({});
  const next = createAuthority("Next");
  server.setTls({ ...next.issue(), ca: next.cert });
  await early.unary({});
  await call(t, address, { tls: { ca: next.cert, ...next.issue() } });
  await assert.rejects(tryCall(t, address, { tls: { ca } }), /is not trusted/);
  assert.throws(() => server.setTls({ cert: "nonsense", key: leaf.key }), { heddleCode: "HDL-1002" });
  await call(t, address, { tls: { ca: next.cert, ...next.issue() } });
});

const badTls: readonly (readonly [string, ServerOptions["tls"]])[] = [
  ["a certificate that is none", { cert: "nonsense", key: leaf.key }],
  ["the key of another certificate", { cert: leaf.cert, key: own.key }],
  ["no key", { cert: leaf.cert } as never],
  ["a certificate and a key that are empty", { cert: "", key: "" }],
  ["an authority that is empty", { ...leaf, ca: "" }],
  ["an authority that is none", { ...leaf, ca: [ca, new TextEncoder().encode("nonsense")] }],
  ["no authority at all", { ...leaf, ca: [] }],
  ["client certificates that nobody may sign", { ...leaf, clientCertificate: "require" }],
  ["a word that is none for client certificates", { ...leaf, ca, clientCertificate: "required" as never }],
  ["a version that is too old", { ...leaf, minVersion: "TLSv1" as never }],
];

for (const [what, tls] of badTls) {
  test(`refused as an option: ${what}`, async (t) => {
    await assert.rejects(start(t, tls === undefined ? {} : { tls }), { heddleCode: "HDL-1002" });
  });
}

test("half a pair is refused as an option of a client", () => {
  assert.throws(() => createTransport({ target: "127.0.0.1:1", tls: { cert: own.cert } }), {
    heddleCode: "HDL-1002",
  });
});

// Limits.

test("connections over the limit are closed and counted, and those before go on", async (t) => {
  const { address, server, errors } = await start(t, { maxConnections: 3 });
  const client = connectTo(t, address);
  await client.unary({});
  using _one = await connectText(address);
  using _two = await connectText(address);
  await until(() => server.connections === 3, "three connections");
  using third = await connectText(address);
  await third.end();
  assert.equal(third.text, "");
  assert.equal(server.refusedConnections, 1);
  assert.equal(errors[0]?.heddleCode, "HDL-2409");
  await client.unary({});
});

test("a burst over the limit on handshakes costs those that come last", async (t) => {
  const { address, server } = await start(t, { maxHandshakes: 2 });
  using one = await connectText(address);
  using two = await connectText(address);
  using three = await connectText(address);
  await three.end();
  assert.equal(server.refusedConnections, 1);
  one.write(REQUEST);
  two.write(REQUEST);
  assert.deepEqual([await one.answers(1), await two.answers(1)], [[200], [200]]);
});

test("slow connections cannot keep others out", async (t) => {
  const { address, server } = await start(t, { maxHandshakes: 2 });
  using slow = await connectText(address);
  using alsoSlow = await connectText(address);
  await until(async () => {
    using peer = await connectText(address);
    peer.write(REQUEST);
    return (await peer.answers(1))[0] === 200;
  }, "somebody gets in");
  assert.ok(slow.closed);
  assert.ok(!alsoSlow.closed || server.refusedConnections > 1);
});

test("TLS that stops half way is cut off in time", async (t) => {
  const { address, server, errors } = await start(t, { tls: leaf, handshakeTimeoutMs: 200 });
  using peer = await connectText(address);
  peer.write("\x16\x03\x01\x02\x00\x01");
  await peer.end();
  assert.equal(errors[0]?.heddleCode, "HDL-2407");
  assert.equal(server.connections, 0);
});

test("scanners that come and go leave nothing behind and are no errors", async (t) => {
  const { address, server, errors } = await start(t, { tls: leaf });
  for (const text of ["", "\x16", "\x16\x03\x01\x02\x00\x01", "P", "PR"]) {
    const socket = connectTcp({ host: "127.0.0.1", port: portOf(address) });
    await once(socket, "connect");
    if (text !== "") socket.write(text, "latin1");
    socket.destroy();
  }
  await until(() => server.connections === 0, "all are gone");
  await call(t, address, { tls: { ca } });
  assert.deepEqual(errors, []);
});

// Going away.

test("draining: idle HTTP/1.1 goes at once, a call that runs gets its answer and `connection: close`", async (t) => {
  const release = Promise.withResolvers<void>();
  let running = false;
  const { address, server } = await start(t, {
    handlers: {
      unary: async () => {
        running = true;
        await release.promise;
        return {};
      },
    },
  });
  using idle = await connectText(address);
  idle.write(REQUEST.replace("Unary", "Nothing"));
  await idle.answers(1);
  using busy = await connectText(address);
  busy.write(REQUEST);
  await until(() => running, "the handler runs");
  const closed = server.close({ drainMs: 5000 });
  await idle.end();
  assert.ok(!busy.closed);
  release.resolve();
  assert.deepEqual(await busy.answers(1), [200]);
  assert.match(busy.text, /connection: close/i);
  await within(closed, "the server closes", 2000);
});

test("draining: a call over HTTP/1.1 that does not end is cut after drainMs", async (t) => {
  let running = false;
  let aborted = false;
  const { address, server } = await start(t, {
    handlers: {
      unary: async (_request, { signal }) => {
        running = true;
        await once(signal, "abort");
        aborted = true;
        return {};
      },
    },
  });
  using busy = await connectText(address);
  busy.write(REQUEST);
  await until(() => running, "the handler runs");
  await within(server.close({ drainMs: 50 }), "the server closes", 2000);
  await busy.end();
  assert.ok(aborted);
});

test("a caller over HTTP/1.1 that hangs up cancels its call", async (t) => {
  const seen = Promise.withResolvers<void>();
  const { address } = await start(t, {
    handlers: {
      unary: async (_request, { signal }) => {
        await once(signal, "abort");
        seen.resolve();
        return {};
      },
    },
  });
  const client = connectTo(t, address, { http: "1.1" });
  const gone = new AbortController();
  const answer = client.unary({}, { signal: gone.signal });
  setTimeout(() => gone.abort(), 50);
  await assert.rejects(answer);
  await within(seen.promise, "the handler learns it");
});

test("an HTTP/2 client of Node, with TLS", async (t) => {
  const { address } = await start(t, { tls: leaf });
  const client = connectHttp2(`https://${address}`, { ca });
  t.after(() => client.destroy());
  const stream = client.request({
    ":method": "POST",
    ":path": "/heddle.test.v1.EchoService/Unary",
    "content-type": "application/json",
  });
  stream.end("{}");
  const [headers] = (await within(once(stream, "response"), "an answer")) as [Record<string, unknown>];
  assert.equal(headers[":status"], 200);
});
