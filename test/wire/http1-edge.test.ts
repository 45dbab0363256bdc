/**
 * The edge of HTTP/1.1 on raw sockets: what two parsers could read differently is refused and its connection closed,
 * what is slow or large meets a limit, what is merely unusual is served. Another connection is served all the while.
 */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createServer, type HeddleError, implement, type Server } from "heddle";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { createEchoService } from "../kit/echo-service.ts";
import { until } from "../kit/within.ts";
import { connectText, type RawHttp1 } from "./raw-http1.ts";

const UNARY = "/heddle.test.v1.EchoService/Unary";
const HANG = JSON.stringify({ plan: { id: "hang", hang: true } });
const MiB = 1024 * 1024;

/** A request, its body in bytes; `head` are further lines. */
function post(body: string, head: readonly string[] = [], path = UNARY): string {
  return [
    `POST ${path} HTTP/1.1`,
    "Host: here",
    "Content-Type: application/json",
    `Content-Length: ${body.length}`,
    ...head,
    "",
    body,
  ].join("\r\n");
}

/** A request with exactly these lines. */
function lines(...all: readonly string[]): string {
  return all.join("\r\n");
}

const chunked = [
  `POST ${UNARY} HTTP/1.1`,
  "Host: here",
  "Content-Type: application/json",
  "Transfer-Encoding: chunked",
];

let server: Server;
let errors: HeddleError[] = [];

before(async () => {
  server = await createServer({
    services: [implement(EchoService, createEchoService())],
    http1: { headerTimeoutMs: 300, requestTimeoutMs: 1500, idleTimeoutMs: 400, maxPipelinedRequests: 20 },
    handshakeTimeoutMs: 300,
    onPeerError: (error) => errors.push(error),
  });
});

after(() => server.close({ drainMs: 0 }));

/** The other connection gets its answer, whatever happens beside it. */
async function assertServes(): Promise<void> {
  using peer = await connectText(server.address);
  peer.write(post("{}"));
  assert.deepEqual(await peer.answers(1), [200]);
}

/** `bytes` get one answer with `status`, the connection is closed, and nothing behind them is read. */
async function assertRefused(bytes: string, status: number): Promise<void> {
  errors = [];
  using peer = await connectText(server.address);
  // What was smuggled would be a second answer.
  peer.write(bytes + post("{}"));
  await assertServes();
  await peer.end();
  assert.deepEqual(peer.statuses, [status], peer.text);
  assert.match(peer.text, /connection: close/i);
  assert.match(peer.text, /\r\n\r\nThis request is refused: \S/, "it says why");
  assert.deepEqual(
    errors.map(({ heddleCode }) => heddleCode),
    ["HDL-2408"],
  );
  await assertServes();
}

/** Sends a head that grows and grows, until the other side closes. */
async function dripHead(peer: RawHttp1): Promise<void> {
  peer.write(`POST ${UNARY} HTTP/1.1\r\n`);
  const drip = setInterval(() => peer.write("X: 1\r\n"), 50);
  try {
    await peer.end();
  } finally {
    clearInterval(drip);
  }
}

const refused: readonly (readonly [what: string, bytes: string, status?: number])[] = [
  ["two lengths that differ", post("{}", ["Content-Length: 3"])],
  ["two lengths that are the same", post("{}", ["Content-Length: 2"])],
  ["a list of lengths", lines(`POST ${UNARY} HTTP/1.1`, "Host: here", "Content-Length: 2, 2", "", "{}")],
  ["a length with a sign", lines(`POST ${UNARY} HTTP/1.1`, "Host: here", "Content-Length: +2", "", "{}")],
  ["a length in hexadecimal", lines(`POST ${UNARY} HTTP/1.1`, "Host: here", "Content-Length: 0x2", "", "{}")],
  [
    "a length that overflows",
    lines(`POST ${UNARY} HTTP/1.1`, "Host: here", `Content-Length: ${"9".repeat(20)}`, "", ""),
  ],
  ["a negative length", lines(`POST ${UNARY} HTTP/1.1`, "Host: here", "Content-Length: -1", "", "")],
  ["an empty length", lines(`POST ${UNARY} HTTP/1.1`, "Host: here", "Content-Length: ", "", "")],
  ["length and chunks", post("0\r\n\r\n", ["Transfer-Encoding: chunked"])],
  ["chunks and length", lines(...chunked, "Content-Length: 5", "", "0\r\n\r\n")],
  [
    "a transfer encoding that is not chunked",
    lines(`POST ${UNARY} HTTP/1.1`, "Host: here", "Transfer-Encoding: identity", "", ""),
  ],
  [
    "chunked twice",
    lines(`POST ${UNARY} HTTP/1.1`, "Host: here", "Transfer-Encoding: chunked, chunked", "", "0\r\n\r\n"),
  ],
  [
    "gzip under chunks",
    lines(`POST ${UNARY} HTTP/1.1`, "Host: here", "Transfer-Encoding: gzip, chunked", "", "0\r\n\r\n"),
  ],
  [
    "chunked, but not last",
    lines(`POST ${UNARY} HTTP/1.1`, "Host: here", "Transfer-Encoding: chunked, gzip", "", "0\r\n\r\n"),
  ],
  [
    "chunked with a vertical tab before",
    lines(`POST ${UNARY} HTTP/1.1`, "Host: here", "Transfer-Encoding: \vchunked", "", "0\r\n\r\n"),
  ],
  ["a space before the colon", lines(`POST ${UNARY} HTTP/1.1`, "Host: here", "Content-Length : 2", "", "{}")],
  ["a space in a name", lines(`POST ${UNARY} HTTP/1.1`, "Host: here", "X Y: 2", "", "")],
  ["a space before a name", lines(`POST ${UNARY} HTTP/1.1`, "Host: here", " X: 2", "", "")],
  ["a folded line", lines(`POST ${UNARY} HTTP/1.1`, "Host: here", "X: 1", " 2", "", "")],
  [
    "a folded transfer encoding",
    lines(`POST ${UNARY} HTTP/1.1`, "Host: here", "Transfer-Encoding:", " chunked", "", "0\r\n\r\n"),
  ],
  ["a bare LF after a field", `POST ${UNARY} HTTP/1.1\r\nHost: here\nX: 1\r\n\r\n`],
  ["a bare LF after the request line", `POST ${UNARY} HTTP/1.1\nHost: here\r\n\r\n`],
  ["nothing but LF", `GET / HTTP/1.1\nHost: here\n\n`],
  ["a bare CR in a value", `POST ${UNARY} HTTP/1.1\r\nHost: here\r\nX: 1\rY: 2\r\n\r\n`],
  ["a bare CR after the head", `POST ${UNARY} HTTP/1.1\r\nHost: here\r\nX: 1\r\n\rX`],
  ["a NUL in a value", lines(`POST ${UNARY} HTTP/1.1`, "Host: here", "X: a\0b", "", "")],
  ["a NUL in a name", lines(`POST ${UNARY} HTTP/1.1`, "Host: here", "X\0: a", "", "")],
  ["a control character in a value", lines(`POST ${UNARY} HTTP/1.1`, "Host: here", "X: a\x01b", "", "")],
  ["a field without a colon", lines(`POST ${UNARY} HTTP/1.1`, "Host: here", "nonsense", "", "")],
  ["a field without a name", lines(`POST ${UNARY} HTTP/1.1`, "Host: here", ": x", "", "")],
  ["no Host", lines(`POST ${UNARY} HTTP/1.1`, "Content-Length: 0", "", "")],
  ["two Hosts", lines(`POST ${UNARY} HTTP/1.1`, "Host: here", "Host: there", "", "")],
  ["a Host that is a URL", lines(`POST ${UNARY} HTTP/1.1`, "Host: http://here/", "", "")],
  ["a Host with a user", lines(`POST ${UNARY} HTTP/1.1`, "Host: me@here", "", "")],
  ["a target that is no path", lines("GET here HTTP/1.1", "Host: here", "", "")],
  ["a target of another scheme", lines("GET ftp://here/ HTTP/1.1", "Host: here", "", "")],
  ["a target with a user", lines("GET http://me@here/ HTTP/1.1", "Host: here", "", "")],
  ["a space in the target", lines("GET /a b HTTP/1.1", "Host: here", "", "")],
  ["another version", lines(`POST ${UNARY} HTTP/1.2`, "Host: here", "", "")],
  ["a version of two digits", lines(`POST ${UNARY} HTTP/1.10`, "Host: here", "", "")],
  ["a chunk size that is no number", lines(...chunked, "", "zz\r\n")],
  ["a chunk size with a sign", lines(...chunked, "", "+2\r\n{}\r\n0\r\n\r\n")],
  ["a chunk size with 0x", lines(...chunked, "", "0x2\r\n{}\r\n0\r\n\r\n")],
  ["a chunk size that overflows", lines(...chunked, "", "fffffffffffffffff\r\n")],
  ["a chunk that is longer than its size", lines(...chunked, "", "1\r\n{}\r\n0\r\n\r\n")],
  ["a chunk line with a bare LF", lines(...chunked, "", "2\n{}\r\n0\r\n\r\n")],
  ["a chunk with a bare LF behind it", lines(...chunked, "", "2\r\n{}\n0\r\n\r\n")],
  ["a chunk line that never ends", lines(...chunked, "", `2;${"x".repeat(20_000)}`), 413],
  [
    "a head that is too large",
    lines(`POST ${UNARY} HTTP/1.1`, "Host: here", `X: ${"x".repeat(70_000)}`, "", ""),
    431,
  ],
  ["a target that is too long", lines(`GET /${"x".repeat(70_000)} HTTP/1.1`, "Host: here", "", ""), 431],
  [
    "too many fields",
    lines(`POST ${UNARY} HTTP/1.1`, "Host: here", ...Array<string>(300).fill("X: 1"), "", ""),
    431,
  ],
  ["CONNECT", lines("CONNECT there:443 HTTP/1.1", "Host: there:443", "", ""), 405],
  ["Expect of something else", post("{}", ["Expect: the-unexpected"]), 417],
];

describe("HTTP/1.1 refuses", () => {
  for (const [what, bytes, status = 400] of refused) it(what, () => assertRefused(bytes, status));
});

const served: readonly (readonly [what: string, bytes: string, statuses: readonly number[]])[] = [
  ["a request", post("{}"), [200]],
  ["a pipeline, in order", post("{}") + post("no JSON") + post("{}"), [200, 400, 200]],
  ["chunks", lines(...chunked, "", "1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"), [200]],
  [
    "chunks with an extension and a trailer",
    lines(...chunked, "", "2;a=b\r\n{}\r\n0\r\nX: 1\r\n\r\n"),
    [200],
  ],
  ["a URL as target", post("{}", [], `http://there${UNARY}`), [200]],
  ["an underscore in a name", post("{}", ["x_y: 1"]), [200]],
  ["bytes over 127 in a value", post("{}", ["x-y: \xe4"]), [200]],
  ["another path", post("{}", [], "/nothing.v1.Here/Method"), [404]],
];

describe("HTTP/1.1 serves", () => {
  for (const [what, bytes, statuses] of served) {
    it(what, async () => {
      errors = [];
      using peer = await connectText(server.address);
      // One more, to show that the connection goes on where it should.
      peer.write(bytes + post("{}"));
      assert.deepEqual(await peer.answers(statuses.length + 1), [...statuses, 200], peer.text);
      assert.ok(!peer.closed);
      assert.deepEqual(errors, []);
    });

    it(`${what}, byte by byte`, async () => {
      using peer = await connectText(server.address);
      for (const byte of bytes) {
        peer.write(byte);
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.deepEqual(await peer.answers(statuses.length), statuses, peer.text);
    });
  }

  for (const [what, head] of [
    [
      "h2c",
      ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"],
    ],
    ["a web socket", ["Connection: Upgrade", "Upgrade: websocket"]],
  ] as const) {
    it(`an upgrade to ${what}, as if it had not asked, and closes`, async () => {
      using peer = await connectText(server.address);
      peer.write(post("{}", head) + post("{}"));
      await peer.end();
      assert.deepEqual(peer.statuses, [200]);
      assert.match(peer.text, /connection: close/i);
    });
  }

  it("HEAD, without a body", async () => {
    using peer = await connectText(server.address);
    peer.write(lines(`HEAD ${UNARY} HTTP/1.1`, "Host: here", "", "") + post("{}"));
    assert.deepEqual(await peer.answers(2), [405, 200]);
  });

  it("HTTP/1.0, and closes", async () => {
    using peer = await connectText(server.address);
    peer.write(
      lines(`POST ${UNARY} HTTP/1.0`, "Content-Type: application/json", "Content-Length: 2", "", "{}"),
    );
    await peer.end();
    assert.deepEqual(peer.statuses, [200]);
  });

  it("100-continue: asks for the body of a call that it takes", async () => {
    using peer = await connectText(server.address);
    const [head, body] = post("{}", ["Expect: 100-continue"]).split("\r\n\r\n") as [string, string];
    peer.write(`${head}\r\n\r\n`);
    assert.deepEqual(await peer.answers(1), [100]);
    peer.write(body);
    assert.deepEqual(await peer.answers(2), [100, 200]);
  });

  it("100-continue: refuses at once what it does not take", async () => {
    using peer = await connectText(server.address);
    peer.write(
      lines(
        `POST ${UNARY} HTTP/1.1`,
        "Host: here",
        "Content-Type: text/html",
        "Content-Length: 1000000",
        "Expect: 100-continue",
        "",
        "",
      ),
    );
    assert.deepEqual(await peer.answers(1), [415]);
    await peer.end();
    assert.deepEqual(peer.statuses, [415]);
  });

  it("a refusal to a client that still sends, and then its next request", async () => {
    using peer = await connectText(server.address);
    peer.write(post("x".repeat(500_000), [], "/nothing.v1.Here/Method") + post("{}"));
    assert.deepEqual(await peer.answers(2), [404, 200]);
  });
});

describe("HTTP/1.1 limits", () => {
  it("a head that comes too slowly", async () => {
    errors = [];
    using peer = await connectText(server.address);
    await dripHead(peer);
    assert.deepEqual(peer.statuses, [408]);
    assert.equal(errors[0]?.heddleCode, "HDL-2408");
    await assertServes();
  });

  it("a second head that comes too slowly", async () => {
    using peer = await connectText(server.address);
    peer.write(`${post("{}")}`);
    assert.deepEqual(await peer.answers(1), [200]);
    await dripHead(peer);
    assert.deepEqual(peer.statuses, [200, 408]);
  });

  it("a body that comes too slowly", async () => {
    using peer = await connectText(server.address);
    peer.write(post("{").replace("Content-Length: 1", "Content-Length: 100"));
    await peer.end();
    assert.ok(!peer.statuses.includes(200));
    await assertServes();
  });

  it("a connection without a request", async () => {
    using peer = await connectText(server.address);
    peer.write(post("{}"));
    assert.deepEqual(await peer.answers(1), [200]);
    await peer.end();
    assert.deepEqual(peer.statuses, [200]);
  });

  it("a connection without a byte", async () => {
    using peer = await connectText(server.address);
    await peer.end();
    assert.equal(peer.text, "");
  });

  it("a pipeline that is too long", async () => {
    errors = [];
    using peer = await connectText(server.address);
    peer.write(post(HANG).repeat(30));
    await peer.end();
    assert.ok(errors.some(({ heddleCode }) => heddleCode === "HDL-2408"));
    await assertServes();
  });

  it("a client that goes on sending what nobody wants", async () => {
    using peer = await connectText(server.address);
    peer.write(
      lines(
        `POST /nothing.v1.Here/Method HTTP/1.1`,
        "Host: here",
        "Content-Type: application/json",
        `Content-Length: ${100 * MiB}`,
        "",
        "",
      ),
    );
    const chunk = "x".repeat(65_536);
    let sent = 0;
    while (!peer.closed && sent < 100 * MiB) {
      peer.write(chunk);
      sent += chunk.length;
      if (peer.socket.writableNeedDrain) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await peer.end();
    assert.ok(sent < 50 * MiB, `${sent} bytes were taken`);
    await assertServes();
  });

  it("leaves nothing behind", () => until(() => server.connections === 0, "all connections end"));
});
