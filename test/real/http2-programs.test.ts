/** HTTP/2 programs that know nothing of Heddle, against its server: curl, nghttp and h2load. */
import "../kit/trap.ts";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { UnaryRequestSchema, UnaryResponseSchema } from "../gen/heddle/test/v1/echo_pb.ts";
import { filled } from "../kit/bytes.ts";
import { createAuthority } from "../kit/certificates.ts";
import { runProgram } from "../kit/program.ts";
import { startEcho } from "../kit/running.ts";

const METHOD = "heddle.test.v1.EchoService/Unary";
const HEADERS = ["content-type: application/grpc", "te: trailers"];
const flags = (flag: string) => HEADERS.flatMap((header) => [flag, header]);

/** A file with one request in its envelope, and a server that answers it. */
async function prepare(t: TestContext, payload: Uint8Array, { tls = false } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "heddle-real-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const message = toBinary(UnaryRequestSchema, create(UnaryRequestSchema, { payload }));
  const envelope = Buffer.alloc(5 + message.length);
  envelope.writeUInt32BE(message.length, 1);
  envelope.set(message, 5);
  const request = join(folder, "request.bin");
  writeFileSync(request, envelope);
  const { address } = await startEcho(t, {
    ...(tls ? { tls: createAuthority().issue() } : {}),
    onPeerError: (error) => assert.fail(error.message),
  });
  return { folder, request, url: `${tls ? "https" : "http"}://${address}` };
}

for (const size of [90, 1_000_000]) {
  test(`curl posts ${size} bytes and gets answer and trailer`, async (t) => {
    const { folder, request, url } = await prepare(t, filled(size));
    const [answer, head] = [join(folder, "answer.bin"), join(folder, "head.txt")];
    const args = [
      "--silent",
      "--show-error",
      "--http2-prior-knowledge",
      ...flags("-H"),
      "--data-binary",
      `@${request}`,
      "--output",
      answer,
      "--dump-header",
      head,
    ];
    await runProgram("curl", [...args, `${url}/${METHOD}`]);
    const headers = readFileSync(head, "latin1");
    assert.match(headers, /^HTTP\/2 200/);
    assert.match(headers, /^grpc-status: 0\r?$/m);
    const envelope = readFileSync(answer);
    assert.equal(envelope.readUInt32BE(1), envelope.length - 5);
    assert.deepEqual(
      Buffer.from(fromBinary(UnaryResponseSchema, envelope.subarray(5)).echo?.payload ?? []),
      Buffer.from(filled(size)),
    );
  });
}

test("curl asks for what is not served and gets a status in the head", async (t) => {
  const { request, url } = await prepare(t, filled(10));
  const output = await runProgram("curl", [
    "--silent",
    "--show-error",
    "--http2-prior-knowledge",
    ...flags("-H"),
    "--data-binary",
    `@${request}`,
    "--include",
    `${url}/nobody.Home/Answers`,
  ]);
  assert.match(output, /^grpc-status: 12\r?$/m);
});

for (const tls of [false, true]) {
  const over = tls ? " over TLS" : "";

  test(`nghttp sees valid frames, padded and with dependencies${over}`, async (t) => {
    const { request, url } = await prepare(t, filled(90), { tls });
    const output = await runProgram("nghttp", [
      "--verbose",
      "--no-dep",
      "--padding=32",
      ...flags("-H"),
      `--data=${request}`,
      `${url}/${METHOD}`,
    ]);
    assert.match(output, /grpc-status: 0/);
    assert.doesNotMatch(output, /GOAWAY frame[^\n]*\n[^\n]*error_code=(?!NO_ERROR)/);
  });

  test(`h2load: 10 000 calls on 4 connections, all answered${over}`, async (t) => {
    const { request, url } = await prepare(t, filled(90), { tls });
    const load = ["-n", "10000", "-c", "4", "-m", "64"];
    assertAll(await runProgram("h2load", [...load, ...flags("-H"), "-d", request, `${url}/${METHOD}`]));
  });

  test(`h2load: 2000 calls of Connect in HTTP/1.1 on 8 connections, all answered${over}`, async (t) => {
    const { folder, url } = await prepare(t, filled(0), { tls });
    const body = join(folder, "request.json");
    writeFileSync(body, JSON.stringify({ payload: "aGk=" }));
    const load = ["--h1", "-n", "2000", "-c", "8", "-H", "content-type: application/json", "-d", body];
    assertAll(await runProgram("h2load", [...load, `${url}/${METHOD}`]));
  });
}

function assertAll(output: string): void {
  const [, total] = /requests: (\d+) total/.exec(output) ?? [];
  assert.ok(Number(total) > 0, output);
  assert.match(
    output,
    new RegExp(
      `${total} total, ${total} started, ${total} done, ${total} succeeded, 0 failed, 0 errored, 0 timeout`,
    ),
  );
  assert.match(output, new RegExp(`status codes: ${total} 2xx, 0 3xx, 0 4xx, 0 5xx`));
}
