/**
 * The edge of HTTP/1.1: raw bytes to a whole server, mostly requests of every protocol with something broken in line,
 * field, chunk or body. The server answers in HTTP/1.1 no more often than it was asked, or hangs up, and lets go.
 */
import assert from "node:assert/strict";
import { randomBody, randomQuery } from "../bodies.ts";
import { Dice } from "../dice.ts";
import { concat, mutatePieces } from "../mutate.ts";
import { Served } from "../served.ts";
import type { FuzzTarget } from "../target.ts";

/** The seed of the cuts. */
const CONTROL_BYTES = 4;

const served = new Served();

export const target: FuzzTarget = {
  limitMs: 4000,

  generate(dice) {
    const requests = Array.from({ length: 1 + dice.below(4) }, () => request(dice)).flat();
    return concat(dice.bytes(CONTROL_BYTES), ...mutatePieces(dice, requests));
  },

  async check(input) {
    if (input.length < CONTROL_BYTES) return;
    const seed = new DataView(input.buffer, input.byteOffset).getUint32(0);
    const bytes = input.subarray(CONTROL_BYTES);
    const answer = (await served.exchange(new Dice(seed), bytes)).toString("latin1");
    const sent = Buffer.from(bytes).toString("latin1");
    if (answer === "" || sent.startsWith("PRI ")) return;
    assert.match(answer, /^HTTP\/1\.1 \d{3} /);
    // Each answer has a status line, and each request has a version; a 100 comes beside an answer.
    const answers = answer.match(/HTTP\/1\.1 (?!100)\d{3} /g)?.length ?? 0;
    const asked = sent.match(/HTTP\/1/gi)?.length ?? 0;
    assert.ok(answers <= asked + 1, `${answers} answers to ${asked} requests`);
  },

  close: () => served.close(),
};

/** The pieces of a request: its line, each of its fields, the empty line, parts of its body. */
function request(dice: Dice): Uint8Array[] {
  const crlf = dice.chance(97) ? "\r\n" : dice.pick(["\n", "\r", "\n\r"]);
  const line = (value: string) => new TextEncoder().encode(value + crlf);
  const version = dice.chance(95) ? "HTTP/1.1" : dice.pick(["HTTP/1.0", "HTTP/2.0", "http/1.1", "HTTP/1.1 "]);
  const common = [line("Host: here"), ...(dice.chance(20) ? [line(oddField(dice))] : [])];
  if (dice.chance(15)) return [line(`GET ${randomQuery(dice)} ${version}`), ...common, line("")];
  if (dice.chance(8)) {
    const preflight = ["Origin: https://shop.example", "Access-Control-Request-Method: POST"].map(line);
    return [line(`OPTIONS /heddle.test.v1.EchoService/Unary ${version}`), ...common, ...preflight, line("")];
  }
  const { path, contentType, fields, bytes } = randomBody(dice);
  const own: Uint8Array[] = [];
  for (let i = 0; i < fields.length; i += 2) own.push(line(`${fields[i]}: ${fields[i + 1]}`));
  const head = [line(`POST ${path} ${version}`), ...common, line(`Content-Type: ${contentType}`), ...own];
  if (dice.chance(60)) return [...head, line(`Content-Length: ${bytes.length}`), line(""), bytes];
  const half = dice.below(bytes.length + 1);
  const extension = dice.chance(10) ? ";a=b" : "";
  const chunks = [bytes.subarray(0, half), bytes.subarray(half)].filter((chunk) => chunk.length > 0);
  const coded = chunks.flatMap((chunk) => [line(chunk.length.toString(16) + extension), chunk, line("")]);
  const trailers = dice.chance(10) ? [line("x-trailer: 1")] : [];
  return [...head, line("Transfer-Encoding: chunked"), line(""), ...coded, line("0"), ...trailers, line("")];
}

function oddField(dice: Dice): string {
  return dice.pick([
    "Connection: close",
    "Connection: Upgrade, HTTP2-Settings",
    "Upgrade: h2c",
    "Expect: 100-continue",
    "Expect: x",
    "Content-Length: 3",
    "Content-Length: 0x3",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding : chunked",
    " folded: yes",
    "X: a\u0000b",
    `X: ${"v".repeat(dice.edge() % 70_000)}`,
    "Keep-Alive: timeout=5",
    ": empty",
  ]);
}
