/**
 * The last answer of an HTTP/1.1 connection: it arrives whole, whatever the client still sends and whether or not the
 * server goes away, and nothing that stands behind it is served.
 */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { once } from "node:events";
import { test, type TestContext } from "node:test";
import { connect as connectTls } from "node:tls";
import { createAuthority } from "../kit/certificates.ts";
import { type EchoHandlers, startEcho } from "../kit/running.ts";
import { until, within } from "../kit/within.ts";
import { connectText, RawHttp1 } from "./raw-http1.ts";

const UNARY = "/heddle.test.v1.EchoService/Unary";
const MiB = 1024 * 1024;

function post(body: string, head: readonly string[] = [], path = UNARY, length = body.length): string {
  return [
    `POST ${path} HTTP/1.1`,
    "Host: here",
    "Content-Type: application/json",
    `Content-Length: ${length}`,
    ...head,
    "",
    body,
  ].join("\r\n");
}

/** A handler that waits to be let go, and counts. */
function gate() {
  const waiting: (() => void)[] = [];
  const handlers: EchoHandlers = {
    unary: async () => {
      await new Promise<void>((resolve) => waiting.push(resolve));
      return {};
    },
  };
  return { handlers, waiting };
}

const certificates = createAuthority();
const leaf = certificates.issue();

async function connect(t: TestContext, address: string, secure: boolean): Promise<RawHttp1> {
  if (!secure) return connectText(address);
  const port = Number(address.slice(address.lastIndexOf(":") + 1));
  const options = { host: "127.0.0.1", port, ca: certificates.cert, ALPNProtocols: ["http/1.1"] };
  const socket = connectTls(options);
  t.after(() => socket.destroy());
  const peer = new RawHttp1(socket);
  await within(once(socket, "secureConnect"), "TLS");
  return peer;
}

for (const secure of [false, true]) {
  const over = secure ? "TLS" : "TCP";

  test(`draining: an answer that a slow reader has not taken yet arrives whole, over ${over}`, async (t) => {
    const server = await startEcho(t, secure ? { tls: leaf } : {});
    using idle = await connect(t, server.address, secure);
    idle.write(post("no JSON"));
    await idle.answers(1);
    using slow = await connect(t, server.address, secure);
    slow.write(post(JSON.stringify({ plan: { answerBytes: 8 * MiB } })));
    await slow.answers(1);
    slow.socket.pause();
    const closed = server.close({ drainMs: 10_000 });
    // An answer that ends while the server drains must not end the others.
    await new Promise((resolve) => setImmediate(resolve));
    slow.socket.resume();
    await Promise.all([slow.end(), idle.end()]);
    const length = Number(/content-length: (\d+)/i.exec(slow.text)?.[1]);
    assert.ok(length > 8 * MiB);
    assert.equal(slow.text.length - slow.text.indexOf("\r\n\r\n") - 4, length);
    await within(closed, "the server closes", 2000);
  });
}

test("draining: all requests of a pipeline get their answers, and the last one closes", async (t) => {
  const { handlers, waiting } = gate();
  const server = await startEcho(t, { handlers });
  using peer = await connectText(server.address);
  peer.write(post("{}").repeat(3));
  await until(() => waiting.length === 3, "the handlers run");
  const closed = server.close({ drainMs: 10_000 });
  for (let answers = 1; answers <= 3; answers++) {
    assert.ok(!peer.closed);
    waiting[answers - 1]?.();
    await peer.answers(answers);
  }
  await peer.end();
  assert.deepEqual(peer.statuses, [200, 200, 200]);
  assert.equal(peer.text.match(/connection: close/gi)?.length, 1);
  await within(closed, "the server closes", 2000);
});

const early: readonly (readonly [what: string, status: number, head: readonly string[], path?: string])[] = [
  ["a call that cannot be", 400, ["Connection: close", "Connect-Protocol-Version: 7"]],
  ["a path that is not there", 404, ["Connection: close"], "/nothing.v1.Here/Method"],
  ["a head that is refused", 400, ["Host: there"]],
  ["an expectation that is not known", 417, ["Expect: the-unexpected"]],
];

for (const [what, status, head, path] of early) {
  test(`${what}: its client can send the rest, and then read the answer`, async (t) => {
    const server = await startEcho(t);
    using peer = await connectText(server.address);
    peer.socket.pause();
    let failure: Error | undefined;
    peer.socket.on("error", (error) => (failure = error));
    const piece = "x".repeat(10_000);
    const pieces = 20;
    peer.write(post("", head, path, pieces * piece.length));
    for (let sent = 0; sent < pieces; sent++) {
      // The server has its turn between, and has long answered.
      await new Promise((resolve) => setTimeout(resolve, 2));
      peer.write(piece);
    }
    peer.socket.resume();
    await peer.end();
    assert.equal(failure, undefined);
    assert.deepEqual(peer.statuses, [status]);
    assert.match(peer.text, /connection: close/i);
    await until(() => server.connections === 0, "the connection ends");
  });

  test(`${what}: what stands behind it is not served`, async (t) => {
    const { handlers, waiting } = gate();
    const server = await startEcho(t, { handlers });
    using peer = await connectText(server.address);
    peer.write(post("{}", head, path) + post("{}").repeat(2));
    await peer.end();
    assert.deepEqual(peer.statuses, [status]);
    await until(() => server.connections === 0, "the connection ends");
    assert.equal(waiting.length, 0);
  });
}

test("an answer that its client leaves untouched is given up, and a handler that takes its time is not", async (t) => {
  const { handlers, waiting } = gate();
  const errors: string[] = [];
  const server = await startEcho(t, {
    stalledCallMs: 200,
    handlers: { idempotentUnary: handlers.unary as never },
    onPeerError: ({ heddleCode }) => errors.push(heddleCode),
  });
  using patient = await connectText(server.address);
  patient.write(post("{}", [], UNARY.replace("Unary", "IdempotentUnary")));
  await until(() => waiting.length === 1, "the handler runs");
  using stalled = await connectText(server.address);
  stalled.socket.pause();
  stalled.write(post(JSON.stringify({ plan: { answerBytes: 16 * MiB } })));
  await until(() => errors.length > 0, "the answer is given up");
  assert.deepEqual(errors, ["HDL-2408"]);
  await until(() => server.connections === 1, "its connection ends");
  waiting[0]?.();
  assert.deepEqual(await patient.answers(1), [200]);
});

test("a client that goes on sending behind its last answer is cut off", async (t) => {
  const server = await startEcho(t);
  using peer = await connectText(server.address);
  peer.socket.allowHalfOpen = true;
  peer.write(post("", ["Host: there"], UNARY, 1000 * MiB));
  const drip = setInterval(() => peer.write("x"), 10);
  t.after(() => clearInterval(drip));
  await until(() => server.connections === 0, "the connection ends", 5000);
});
