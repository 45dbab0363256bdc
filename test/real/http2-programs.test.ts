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
import { runProgram } from "../kit/program.ts";
import { startEcho } from "../kit/running.ts";

const METHOD = "heddle.test.v1.EchoService/Unary";
const HEADERS = ["content-type: application/grpc", "te: trailers"];
const flags = (flag: string) => HEADERS.flatMap((header) => [flag, header]);

/** A file with one request in its envelope, and a server that answers it. */
async function prepare(t: TestContext, payload: Uint8Array) {
  const folder = mkdtempSync(join(tmpdir(), "heddle-real-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const message = toBinary(UnaryRequestSchema, create(UnaryRequestSchema, { payload }));
  const envelope = Buffer.alloc(5 + message.length);
  envelope.writeUInt32BE(message.length, 1);
  envelope.set(message, 5);
  const request = join(folder, "request.bin");
  writeFileSync(request, envelope);
  const { address } = await startEcho(t, { onPeerError: (error) => assert.fail(error.message) });
  return { folder, request, url: `http://${address}` };
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

test("nghttp sees valid frames, padded and with dependencies", async (t) => {
  const { request, url } = await prepare(t, filled(90));
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

test("h2load: 10 000 calls on 4 connections, all answered", async (t) => {
  const { request, url } = await prepare(t, filled(90));
  const output = await runProgram("h2load", [
    "-n",
    "10000",
    "-c",
    "4",
    "-m",
    "64",
    ...flags("-H"),
    "-d",
    request,
    `${url}/${METHOD}`,
  ]);
  assert.match(
    output,
    /10000 total, 10000 started, 10000 done, 10000 succeeded, 0 failed, 0 errored, 0 timeout/,
  );
  assert.match(output, /status codes: 10000 2xx, 0 3xx, 0 4xx, 0 5xx/);
});
