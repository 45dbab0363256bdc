/**
 * REST requests to a whole server over HTTP/1.1, whose handler answers with what it got: paths, queries and bodies in JSON
 * with something wrong in most of them. Whatever they are, the server is not at fault: it answers, or says in a problem of
 * a few lines what it does not take. HTTP itself is kept here; another target breaks that.
 */
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import type { DescService, Message } from "@bufbuild/protobuf";
import { connectInMemory } from "../../../packages/heddle/src/connection/memory.ts";
import { oddContract } from "../../../packages/heddle/src/contract/rest/odd-contract.test.ts";
import { createServer, type Server } from "../../../packages/heddle/src/server/server.ts";
import { Dice } from "../dice.ts";
import { concat, cutUp, mutateBytes } from "../mutate.ts";
import type { FuzzTarget } from "../target.ts";

/** The seed of the head's fields and of the cuts. */
const CONTROL_BYTES = 4;

/** An answer has come and the connection is gone within this, in ms. */
const ANSWERED_MS = 2000;

const ADDRESS = "fuzz-rest-server";
const faults: unknown[] = [];
let serving: Promise<Server> | undefined;

function serve(): Promise<Server> {
  const echo = (request: Message) => request;
  return createServer({
    services: [
      { service: oddContract.getService("odd.v1.Orders") as DescService, handler: () => echo as never },
    ],
    listen: `memory:${ADDRESS}`,
    maxReceiveMessageBytes: 50_000,
    onHandlerError: (error) => faults.push(error),
  });
}

/** Control bytes, a line with method and target, a line feed, the body. */
export const target: FuzzTarget = {
  limitMs: 4000,

  generate(dice) {
    const line = `${dice.pick(["GET", "POST", "POST", "POST", "PUT", "PATCH", "HEAD", "DELETE"])} ${randomTarget(dice)}`;
    const body = new TextEncoder().encode(randomBody(dice));
    const sent = dice.chance(35) ? mutateBytes(dice, body) : body;
    return concat(dice.bytes(CONTROL_BYTES), new TextEncoder().encode(`${line}\n`), sent);
  },

  async check(input) {
    if (input.length < CONTROL_BYTES) return;
    const dice = new Dice(new DataView(input.buffer, input.byteOffset).getUint32(0));
    const bytes = input.subarray(CONTROL_BYTES);
    const feed = bytes.indexOf(0x0a);
    const end = feed === -1 ? bytes.length : feed;
    const line = Buffer.from(bytes.subarray(0, end)).toString("latin1").replaceAll("\r", "");
    serving ??= serve();
    const server = await serving;
    const answer = await exchange(server, dice, line, bytes.subarray(end + 1));
    if (answer === "") return;
    const [, status = "0"] = /^HTTP\/1\.1 (\d{3}) /.exec(answer) ?? [];
    assert.match(status, /^[234]/, answer.slice(0, 2000));
    assert.deepEqual(faults, []);
    assert.equal(({} as { polluted?: unknown }).polluted, undefined);
    if (!answer.includes("application/problem+json") || line.startsWith("HEAD")) return;
    const problem = JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4)) as {
      status: number;
      detail: string;
    };
    assert.equal(problem.status, Number(status));
    assert.ok(problem.detail.length > 0 && problem.detail.length < 8000, problem.detail);
  },

  async close() {
    await (await serving)?.close({ drainMs: 0 });
    serving = undefined;
  },
};

/** What comes back, until the server hangs up. */
async function exchange(server: Server, dice: Dice, line: string, plain: Uint8Array): Promise<string> {
  const socket = connectInMemory(ADDRESS);
  assert.ok(socket !== undefined);
  const answer: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => answer.push(chunk));
  socket.on("error", () => {});
  const gzip = dice.chance(10);
  const body = gzip ? gzipSync(plain) : plain;
  const hasBody = body.length > 0 || dice.chance(50);
  const head = [
    `${line} HTTP/1.1`,
    "host: shop",
    "connection: close",
    ...(hasBody ? [`content-length: ${body.length}`, `content-type: ${contentType(dice)}`] : []),
    ...(gzip ? ["content-encoding: gzip"] : []),
    ...(dice.chance(20) ? [oddField(dice)] : []),
  ];
  const request = concat(
    Buffer.from(`${head.join("\r\n")}\r\n\r\n`, "latin1"),
    hasBody ? body : new Uint8Array(0),
  );
  for (const piece of cutUp(dice, request)) socket.write(piece);
  const until = performance.now() + ANSWERED_MS;
  while (!socket.readableEnded && !socket.destroyed && performance.now() < until) await turn();
  socket.destroy();
  while (server.connections > 0 && performance.now() < until) await turn();
  assert.equal(server.connections, 0, "the server has answered, and let go of the connection");
  return Buffer.concat(answer).toString();
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function contentType(dice: Dice): string {
  return dice.chance(85)
    ? "application/json"
    : dice.pick([
        "application/json; charset=utf-8",
        "application/json;x",
        "text/plain",
        "multipart/form-data",
        "*/*",
      ]);
}

function oddField(dice: Dice): string {
  return dice.pick([
    "accept: application/json;q=0",
    "accept: text/event-stream, */*;q=0.1",
    "accept: ,;=",
    "accept-encoding: gzip, x;q=2",
    "if-none-match: *",
    'if-match: "x", W/"y',
    "connect-timeout-ms: 1e3",
    "connect-timeout-ms: 5",
    "connect-protocol-version: 1",
    "content-encoding: br",
    "idempotency-key: ",
    "traceparent: 00-0-0-0",
    "x-http-method-override: DELETE",
    "origin: https://shop.example",
    `cookie: ${"c".repeat(dice.below(9000))}`,
  ]);
}

const FIELDS =
  "orderId order_id total count size ratio exact on note state tags counts labels sizes at wait mask any extra value wrapped child children a b";
const NAMES = [
  ...FIELDS.split(" "),
  "nope",
  "__proto__",
  "constructor",
  "toString",
  "",
  "@type",
  "[odd.v1.ext]",
];

function randomTarget(dice: Dice): string {
  const path = dice.pick([
    "/v1/orders",
    "/v1/orders",
    `/v1/orders/${word(dice)}`,
    `/v1/files/${word(dice)}/${word(dice)}`,
    `/v1/${word(dice)}/../orders`,
    `//v1/orders/${word(dice)}:${word(dice)}`,
  ]);
  if (dice.chance(40)) return path;
  const pairs = Array.from({ length: dice.pick([1, 1, 2, 3, 40, 1200]) }, () => {
    const name = Array.from({ length: dice.pick([1, 1, 1, 2, 3, 60]) }, () => dice.pick(NAMES)).join(".");
    return dice.chance(90) ? `${name}=${word(dice)}` : name;
  });
  return `${path}?${pairs.join(dice.pick(["&", "&", "&&", ";"]))}`;
}

const WORDS =
  "1 -5 OPEN true a%2Fb %F0%9F%98%80 % %ff %00 .. %2e%2e ..%2f 1e400 2026-02-30T00:00:00Z 2026-01-02T03:04:05Z 1.5s 1.5s* AP8H a+b x:y name,a.b NaN -0";

function word(dice: Dice): string {
  return dice.pick([...WORDS.split(" "), "", "9".repeat(40), "x".repeat(3000)]);
}

function randomBody(dice: Dice): string {
  const depth = dice.pick([0, 90, 101, 3000]);
  switch (dice.below(12)) {
    case 0:
      return dice.pick(["", "null", "[]", '"text"', "5", "{", "[1", "{}x", "\ufeff{}", "NaN", "'a'"]);
    case 1:
      return `${'{"child":'.repeat(depth)}{}${"}".repeat(depth)}`;
    case 2:
      return `{"${dice.pick(["extra", "value", "nope", "any"])}":${'{"a":['.repeat(depth)}1${"]}".repeat(depth)}}`;
    case 3:
      return `{"orderId":"${"x".repeat(dice.pick([10, 60_000]))}"}`;
    default:
      return object(dice, 0);
  }
}

function object(dice: Dice, depth: number): string {
  const members = Array.from({ length: dice.below(5) }, () => {
    const name = dice.pick(NAMES);
    const key = dice.chance(5)
      ? `"\\u00${name.charCodeAt(0).toString(16)}${name.slice(1)}"`
      : JSON.stringify(name);
    return `${key}:${value(dice, depth)}`;
  });
  return `{${members.join()}}`;
}

function value(dice: Dice, depth: number): string {
  if (depth < 4 && dice.chance(35))
    return dice.chance(60)
      ? object(dice, depth + 1)
      : `[${value(dice, depth + 1)},${value(dice, depth + 1)}]`;
  return dice.pick([
    ...NUMBERS.split(" "),
    ...TEXTS.split(" "),
    "9".repeat(400),
    '{"@type":"type.googleapis.com/odd.v1.Order","count":1}',
    '{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"}',
  ]);
}

const NUMBERS = "null true 1 -1 0.5 1e400 -1e999 2147483648 9007199254740993";
const TEXTS = String.raw`"x" "" "5" "0x10" "OPEN" "NaN" "1e999" "AP8=" "a..b" "1.5s" "1s*" "2026-02-30T00:00:00Z" "2026-01-02T03:04:05Z" "\ud800" "\u0000" "18446744073709551616"`;
