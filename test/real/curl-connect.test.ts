/** curl calls our server in Connect, as people do by hand: JSON by POST and GET, errors, and every compression. */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test, type TestContext } from "node:test";
import { createServer, implement, type ServerOptions } from "heddle";
import { TestService } from "../gen/grpc/testing/test_pb.ts";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { createAuthority } from "../kit/certificates.ts";
import { createEchoService } from "../kit/echo-service.ts";
import { runProgram, runToEnd } from "../kit/program.ts";
import { createTestService } from "../kit/test-service.ts";

const folder = mkdtempSync(join(tmpdir(), "heddle-real-"));
after(() => rmSync(folder, { recursive: true }));
const authority = createAuthority();
const leaf = authority.issue();
writeFileSync(join(folder, "ca.pem"), authority.cert);
const cacert = ["--cacert", join(folder, "ca.pem")];

async function start(t: TestContext, options: Partial<ServerOptions> = {}): Promise<string> {
  const server = await createServer({
    ...options,
    services: [implement(EchoService, createEchoService()), implement(TestService, createTestService())],
  });
  t.after(() => server.close({ drainMs: 100 }));
  return `${options.tls === undefined ? "http" : "https"}://${server.address}`;
}

const UNARY = "heddle.test.v1.EchoService/Unary";
const json = ["--header", "content-type: application/json"];
const withBody = (body: object) => [...json, "--data", JSON.stringify(body)];
/** What came, with the number of the HTTP version and the status behind it. */
const curl = (...args: string[]) =>
  runProgram("curl", ["--silent", "--show-error", "--write-out", "\n%{http_version} %{http_code}", ...args]);

const ways = [
  { name: "HTTP/1.1", flags: [], version: "1.1" },
  { name: "HTTP/1.0", flags: ["--http1.0"], version: "1.1" },
  { name: "HTTP/2 with prior knowledge", flags: ["--http2-prior-knowledge"], version: "2" },
  { name: "HTTP/1.1 that asks to go on in HTTP/2", flags: ["--http2"], version: "1.1" },
  { name: "TLS", tls: leaf, flags: cacert, version: "2" },
  { name: "TLS with HTTP/1.1", tls: leaf, flags: [...cacert, "--http1.1"], version: "1.1" },
] as const;

for (const { name, flags, version, ...options } of ways) {
  describe(`curl over ${name}`, () => {
    test("POST", async (t) => {
      const url = await start(t, options);
      const answer = await curl(...flags, ...withBody({ payload: "aGk=" }), `${url}/${UNARY}`);
      assert.equal(
        answer,
        `{"echo":{"payload":"aGk=","receivedMessages":1,"receivedBytes":"2"}}\n${version} 200`,
      );
    });

    test("GET", async (t) => {
      const url = await start(t, options);
      const message = encodeURIComponent(JSON.stringify({ responseSize: 3 }));
      const query = `connect=v1&encoding=json&message=${message}`;
      const answer = await curl(...flags, `${url}/grpc.testing.TestService/CacheableUnaryCall?${query}`);
      assert.equal(answer, `{"payload":{"body":"AAAA"}}\n${version} 200`);
    });

    test("an error", async (t) => {
      const url = await start(t, options);
      const plan = { failure: { code: 5, message: "no such thread" } };
      const answer = await curl(...flags, ...withBody({ plan }), `${url}/${UNARY}`);
      assert.equal(answer, `{"code":"not_found","message":"no such thread"}\n${version} 404`);
    });

    test("GET where the contract does not allow it", async (t) => {
      const url = await start(t, options);
      const answer = await curl(...flags, `${url}/${UNARY}?connect=v1&encoding=json&message=%7B%7D`);
      assert.match(answer, new RegExp(`\n${version} 405$`));
    });
  });
}

for (const sendCompression of ["gzip", "br", "zstd", "deflate"] as const) {
  test(`curl --compressed reads ${sendCompression}`, async (t) => {
    const url = await start(t, { sendCompression });
    const head = join(folder, sendCompression);
    const body = withBody({ plan: { answerBytes: 30_000 } });
    const answer = await curl("--compressed", "--dump-header", head, ...body, `${url}/${UNARY}`);
    assert.ok(answer.length > 40_000, "30 000 bytes in base64");
    assert.match(readFileSync(head, "latin1"), new RegExp(`^content-encoding: ${sendCompression}\r$`, "im"));
  });
}

test("curl without our authority is refused by itself, and the server goes on", async (t) => {
  const url = await start(t, { tls: leaf });
  const { code } = await runToEnd("curl", ["--silent", ...withBody({}), `${url}/${UNARY}`]);
  assert.equal(code, 60, "curl does not know the certificate's issuer");
  assert.match(await curl(...cacert, ...withBody({}), `${url}/${UNARY}`), /\n2 200$/);
});
