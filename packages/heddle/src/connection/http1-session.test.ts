/** HTTP/1.1 as a session: against servers on raw sockets that say, byte for byte, what the test wants. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { findField } from "../call/metadata.ts";
import { systemTimers } from "../runtime/timer.ts";
import type { HeaderBlock } from "../wire/hpack/header-block.ts";
import { dial } from "./dial.ts";
import { isHeddleError } from "../call/errors.ts";
import { Http1Session } from "./http1-session.ts";
import { until } from "./scripted-peer.test.ts";
import type { Session, SessionStream, StreamOwner } from "./session.ts";

/** One connection of the raw server. */
interface Connection {
  readonly socket: Socket;
  /** All that has arrived. */
  text: string;
}

async function startRaw(t: TestContext, script: (connection: Connection) => void) {
  const connections: Connection[] = [];
  const server = createServer((socket) => {
    const connection: Connection = { socket, text: "" };
    connections.push(connection);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      connection.text += chunk.toString("latin1");
      script(connection);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    for (const { socket } of connections) socket.destroy();
  });
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    address,
    connections,
    stop(): void {
      server.close();
      for (const { socket } of connections) socket.destroy();
    },
  };
}

async function openSession(t: TestContext, address: string, maxConnections?: number) {
  const events: string[] = [];
  const session = await new Promise<Http1Session>((resolve, reject) => {
    const options = { address, timeoutMs: 5000, timers: systemTimers };
    dial(options, (result) => {
      if (isHeddleError(result)) return reject(result);
      resolve(
        new Http1Session({
          socket: result.socket,
          address,
          timers: systemTimers,
          maxConnections,
          connect: (onResult) =>
            dial(options, (further) => onResult(isHeddleError(further) ? further : further.socket)),
          onDraining: (reason) => events.push(`draining: ${reason}`),
          onClose: (reason) => events.push(`closed: ${reason}`),
        }),
      );
    });
  });
  t.after(() => session.close("the test is over"));
  return { session, events };
}

/** An owner that writes what `request` does and keeps what it hears. */
class Caller implements StreamOwner {
  readonly #request: (session: Session, stream: SessionStream) => void;
  /** Deals with what it gets at once. */
  readonly #eager: boolean;
  session: Session | undefined;
  stream: SessionStream | undefined;
  head: readonly string[] | undefined;
  body = "";
  ended = false;
  lost: { readonly reason: string; readonly sent: boolean } | undefined;
  writable = 0;

  constructor(request = post(""), eager = true) {
    this.#request = request;
    this.#eager = eager;
  }

  onStream(session: Session, stream: SessionStream): void {
    this.session = session;
    this.stream = stream;
    this.#request(session, stream);
  }

  onHeaders({ fields }: HeaderBlock): void {
    this.head = fields;
  }

  onData(bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    assert.equal(Object.getPrototypeOf(bytes), Uint8Array.prototype);
    this.body += Buffer.from(bytes.subarray(start, end)).toString("latin1");
    if (this.#eager) this.take(end - start);
    this.ended = endStream;
  }

  onReset(): void {
    assert.fail("HTTP/1.1 has no such thing");
  }

  onLost(reason: string, sent: boolean): void {
    this.lost = { reason, sent };
  }

  onWritable(): void {
    this.writable++;
  }

  take(bytes: number): void {
    this.session?.take(this.stream as SessionStream, bytes);
  }

  cancel(): void {
    this.session?.reset(this.stream as SessionStream, 8);
  }
}

const HEAD = [":method", "POST", ":scheme", "http", ":path", "/a", ":authority", "host:1", "x-a", "1"];
const bytesOf = (text: string) => new TextEncoder().encode(text);

function post(body: string) {
  return (session: Session, stream: SessionStream): void => {
    session.sendHead(stream, HEAD, false);
    session.sendBody(stream, bytesOf(body), true);
  };
}

function ok(body: string): string {
  return `HTTP/1.1 200 OK\r\nX-Up: Case\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}

/** Requests that have arrived whole, when all are as long as they say. */
function requestsIn({ text }: Connection): number {
  return text.split("POST /a HTTP/1.1").length - 1;
}

test("a request that is whole goes with its length, and its answer comes as fields and bytes", async (t) => {
  const server = await startRaw(t, ({ socket }) => socket.write(ok("hello")));
  const { session } = await openSession(t, server.address);
  const caller = new Caller(post("abc"));
  session.request(caller);
  await until(() => caller.ended, "the answer");
  assert.equal(caller.body, "hello");
  assert.deepEqual(caller.head, [":status", "200", "x-up", "Case", "content-length", "5"]);
  const { text } = server.connections[0] as Connection;
  assert.match(text, /^POST \/a HTTP\/1\.1\r\nhost: host:1\r\nconnection: keep-alive\r\nx-a: 1\r\n/);
  assert.match(text, /content-length: 3\r\n\r\nabc$/);
  assert.equal(session.streams, 0);
});

test("connections are used again, and there are no more than allowed; further calls wait in order", async (t) => {
  const open: Connection[] = [];
  const server = await startRaw(t, (connection) => open.push(connection));
  const { session } = await openSession(t, server.address, 2);
  const callers = Array.from({ length: 6 }, () => new Caller());
  for (const caller of callers) session.request(caller);
  assert.equal(session.streams, 1);
  session.withdraw(callers[5] as Caller);
  let answered = 0;
  while (answered < 5) {
    await until(() => open.length > 0, "a request");
    assert.ok(open.length <= 2);
    open.shift()?.socket.write(ok(String(answered++)));
  }
  await until(() => callers.slice(0, 5).every(({ ended }) => ended), "all answers");
  assert.equal(server.connections.length, 2);
  assert.equal(callers[5]?.stream, undefined, "who withdraws gets nothing");
});

test("a streamed body is chunked, goes as it comes, and says when there is room", async (t) => {
  const server = await startRaw(t, (connection) => {
    if (connection.text.endsWith("0\r\n\r\n")) connection.socket.write(ok("done"));
  });
  const { session } = await openSession(t, server.address);
  const caller = new Caller((on, stream) => on.sendHead(stream, HEAD, false));
  session.request(caller);
  const stream = caller.stream as SessionStream;
  session.sendMessage(stream, 0, bytesOf("one"), 0, 3, false);
  assert.equal(stream.queuedBytes, 8);
  await until(() => server.connections[0]?.text.includes("one") === true, "the first message");
  assert.equal(stream.queuedBytes, 0);
  assert.ok(caller.writable > 0);
  assert.equal(stream.localClosed, false);
  session.sendMessage(stream, 1, bytesOf("two"), 0, 3, false);
  session.sendEnd(stream);
  await until(() => caller.ended, "the answer");
  assert.match((server.connections[0] as Connection).text, /transfer-encoding: chunked/);
  assert.equal(caller.body, "done");
});

test("a server that does not read holds the writer back", async (t) => {
  const server = await startRaw(t, ({ socket }) => socket.pause());
  const { session } = await openSession(t, server.address);
  const caller = new Caller((on, stream) => on.sendHead(stream, HEAD, false));
  session.request(caller);
  const stream = caller.stream as SessionStream;
  const piece = new Uint8Array(1024 * 1024);
  for (let i = 0; i < 64 && stream.queuedBytes === 0; i++) {
    const before = caller.writable;
    session.sendBody(stream, piece, false);
    for (let turn = 0; turn < 200 && caller.writable === before; turn++) await new Promise(setImmediate);
  }
  assert.ok(stream.queuedBytes > 0, "what the socket does not take waits, and is counted");
});

test("a reader that does not take holds the server back, and goes on when it does", async (t) => {
  const total = 16 * 1024 * 1024;
  let sent = 0;
  const server = await startRaw(t, ({ socket }) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${total}\r\n\r\n`);
    const more = (): void => {
      while (sent < total) {
        sent += 65_536;
        if (!socket.write(Buffer.alloc(65_536))) return void socket.once("drain", more);
      }
    };
    more();
  });
  const { session } = await openSession(t, server.address);
  const caller = new Caller(post("x"), false);
  session.request(caller);
  let still = 0;
  for (let last = -1; still < 50; await new Promise(setImmediate)) {
    still = caller.body.length === last && last > 0 ? still + 1 : 0;
    last = caller.body.length;
  }
  assert.ok(caller.body.length < 2 * 1024 * 1024, `${caller.body.length} bytes came without being wanted`);
  for (let taken = 0; taken < total; await new Promise(setImmediate)) {
    caller.take(caller.body.length - taken);
    taken = caller.body.length;
  }
  await until(() => caller.ended, "the end");
});

test("a cancelled call costs its own connection and nothing else", async (t) => {
  const server = await startRaw(t, () => {});
  const { session } = await openSession(t, server.address);
  const [one, other] = [new Caller(), new Caller()];
  session.request(one);
  session.request(other);
  await until(() => server.connections.filter((each) => requestsIn(each) > 0).length === 2, "both");
  let closed = 0;
  for (const { socket } of server.connections) socket.on("close", () => closed++);
  one.cancel();
  await until(() => closed === 1, "one connection is closed");
  assert.equal(session.streams, 1);
  const left = server.connections.find(({ socket }) => !socket.destroyed);
  left?.socket.write(ok("still here"));
  await until(() => other.ended, "the other answer");
  assert.deepEqual([one.ended, one.lost], [false, undefined], "no event follows a reset");
});

test("a call that is cancelled before it has a connection never reaches the server", async (t) => {
  const server = await startRaw(t, ({ socket }) => socket.write(ok("")));
  const { session } = await openSession(t, server.address);
  const gone = new Caller();
  session.request(gone);
  gone.cancel();
  const next = new Caller(post("next"));
  session.request(next);
  await until(() => next.ended, "the next call");
  assert.equal(
    server.connections.map(requestsIn).reduce((sum, count) => sum + count),
    1,
  );
});

test("what was sent is lost as sent; what finds no connection is not, and ends the session for new calls", async (t) => {
  const server = await startRaw(t, () => {});
  const { session, events } = await openSession(t, server.address);
  const sent = new Caller();
  session.request(sent);
  await until(() => server.connections.some((each) => requestsIn(each) > 0), "the request");
  server.stop();
  await until(() => sent.lost !== undefined, "the loss");
  assert.equal(sent.lost?.sent, true);
  const unsent = new Caller();
  session.request(unsent);
  await until(() => unsent.lost !== undefined, "the refusal");
  assert.equal(unsent.lost?.sent, false);
  assert.match(unsent.lost?.reason ?? "", /cannot connect to 127\.0\.0\.1/);
  await until(() => events.length === 2, "the end of the session");
  assert.match(events.join("; "), /^draining: cannot connect .*; closed: drained$/);
  const late = new Caller();
  session.request(late);
  assert.equal(late.lost?.sent, false);
});

test("draining lets the calls end; closing loses them, and says which were sent", async (t) => {
  const server = await startRaw(t, () => {});
  const draining = await openSession(t, server.address);
  const last = new Caller();
  draining.session.request(last);
  await until(() => server.connections.some((each) => requestsIn(each) > 0), "the request");
  draining.session.drain("enough");
  const refused = new Caller();
  draining.session.request(refused);
  assert.equal(refused.lost?.sent, false);
  server.connections.find((each) => requestsIn(each) > 0)?.socket.write(ok("bye"));
  await until(() => draining.events.length === 2, "the end");
  assert.equal(last.body, "bye");
  const closing = await openSession(t, server.address, 1);
  const [running, waiting] = [new Caller(), new Caller()];
  closing.session.request(running);
  closing.session.request(waiting);
  await until(() => server.connections.map(requestsIn).join() === "1,1", "it runs");
  closing.session.close("now");
  assert.deepEqual([running.lost?.sent, waiting.lost?.sent], [true, false]);
});

/** Answers that break HTTP/1.1 or a limit: the call is lost, and nothing else happens. */
const broken: Readonly<Record<string, string>> = {
  "giant headers": `HTTP/1.1 200 OK\r\nx: ${"y".repeat(100_000)}\r\n\r\n`,
  "headers without end": "HTTP/1.1 200 OK\r\n" + "x: y\r\n".repeat(20_000),
  "no HTTP at all": "\x00\x01\x02\x03\r\n\r\n",
  "two lengths": "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
  "length and chunks": "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
  "a chunk of nonsense": "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
  "a switch of protocols": "HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
};

for (const [name, answer] of Object.entries(broken)) {
  test(`a server that answers with ${name}`, async (t) => {
    const server = await startRaw(t, ({ socket }) => socket.end(answer));
    const { session, events } = await openSession(t, server.address);
    const caller = new Caller();
    session.request(caller);
    await until(() => caller.lost !== undefined, "the loss");
    assert.equal(caller.lost?.sent, true);
    assert.deepEqual(events, []);
    assert.equal(session.streams, 0);
  });
}

test("an answer that is cut off is lost, not complete", async (t) => {
  const server = await startRaw(t, ({ socket }) =>
    socket.end("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"),
  );
  const { session } = await openSession(t, server.address);
  const caller = new Caller();
  session.request(caller);
  await until(() => caller.lost !== undefined, "the loss");
  assert.equal(caller.ended, false);
});

test("hints before the answer are no answer; fields of the connection stay with the connection", async (t) => {
  const server = await startRaw(t, ({ socket }) =>
    socket.write(
      "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" +
        "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\nkeep-alive: timeout=5\r\ntransfer-encoding: chunked\r\n\r\n" +
        "2\r\nhi\r\n0\r\nx-trailer: 1\r\n\r\n",
    ),
  );
  const { session } = await openSession(t, server.address);
  const caller = new Caller();
  session.request(caller);
  await until(() => caller.ended, "the answer");
  assert.deepEqual(caller.head, [":status", "200"]);
  assert.equal(findField(caller.head, "keep-alive"), undefined);
  assert.equal(caller.body, "hi");
});

test("an answer before the whole request was sent ends the exchange", async (t) => {
  const server = await startRaw(t, ({ socket }) => socket.write(ok("enough")));
  const { session } = await openSession(t, server.address);
  const caller = new Caller((on, stream) => {
    on.sendHead(stream, HEAD, false);
    on.sendBody(stream, bytesOf("begun"), false);
  });
  session.request(caller);
  await until(() => caller.ended, "the answer");
  assert.equal(caller.body, "enough");
  caller.cancel();
  session.sendBody(caller.stream as SessionStream, bytesOf("more"), true);
  const next = new Caller(post("next"));
  session.request(next);
  await until(() => next.ended, "the next answer");
});
