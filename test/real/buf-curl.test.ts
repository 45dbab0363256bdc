/** `buf curl`, which is connect-go inside, calls our server in all three protocols. */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { createAuthority } from "../kit/certificates.ts";
import { runToEnd } from "../kit/program.ts";
import { startEcho } from "../kit/running.ts";
import { Code, type ServerOptions } from "heddle";

const inRoot = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const buf = inRoot("node_modules/.bin/buf");
const folder = mkdtempSync(join(tmpdir(), "heddle-real-"));
after(() => rmSync(folder, { recursive: true }));

const authority = createAuthority();
const leaf = authority.issue();
const files = { ca: authority.cert, cert: leaf.cert, key: leaf.key };
for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);

interface Way {
  readonly name: string;
  readonly server?: Pick<ServerOptions, "tls" | "sendCompression" | "compressMinBytes">;
  readonly flags?: readonly string[];
  readonly socket?: boolean;
  /** Both sides speak at once, and gRPC can be spoken. */
  readonly duplex: boolean;
}

const cacert = ["--cacert", join(folder, "ca")];
let sockets = 0;
const ways: readonly Way[] = [
  { name: "HTTP/2 with prior knowledge", flags: ["--http2-prior-knowledge"], duplex: true },
  { name: "HTTP/1.1", duplex: false },
  {
    name: "HTTP/2, answers in gzip",
    server: { sendCompression: "gzip", compressMinBytes: 0 },
    flags: ["--http2-prior-knowledge"],
    duplex: true,
  },
  { name: "TLS", server: { tls: leaf }, flags: cacert, duplex: true },
  {
    name: "TLS with a client's certificate",
    server: { tls: { ...leaf, ca: authority.cert } },
    flags: [...cacert, "--cert", join(folder, "cert"), "--key", join(folder, "key")],
    duplex: true,
  },
  {
    name: "a Unix socket",
    socket: true,
    flags: ["--http2-prior-knowledge"],
    duplex: true,
  },
];

const protocols = ["grpc", "grpcweb", "connect"] as const;
const text = (words: string) => Buffer.from(words).toString("base64");

for (const way of ways) {
  for (const protocol of protocols) {
    if (protocol === "grpc" && !way.duplex) continue;
    describe(`buf curl, ${protocol} over ${way.name}`, { concurrency: 2 }, () => runCases(protocol, way));
  }
}

function runCases(protocol: string, way: Way): void {
  const call = async (t: TestContext, method: string, ...requests: readonly object[]) => {
    const socket = way.socket === true ? join(folder, `${++sockets}.sock`) : undefined;
    const server = await startEcho(t, {
      ...way.server,
      ...(socket === undefined ? {} : { listen: `unix:${socket}` }),
      onPeerError: ({ message }) => assert.fail(message),
      onHandlerError: (error) => assert.fail(error as Error),
    });
    const scheme = way.server?.tls === undefined ? "http" : "https";
    const host = socket === undefined ? server.address : "localhost";
    const data = requests.map((request) => JSON.stringify(request)).join("\n");
    const { code, answer, output } = await runToEnd(buf, [
      "curl",
      "--verbose",
      "--protocol",
      protocol,
      "--schema",
      inRoot("test/proto"),
      "--header",
      "x-echo-word: forth",
      "--header",
      "x-trail-word: back",
      "--data",
      data,
      ...(way.flags ?? []),
      ...(socket === undefined ? [] : ["--unix-socket", socket]),
      `${scheme}://${host}/heddle.test.v1.EchoService/${method}`,
    ]);
    return { code, output, answers: readAnswers(answer) };
  };

  test("unary", async (t) => {
    const { code, output, answers } = await call(t, "Unary", { payload: text("hello") });
    assert.equal(code, 0, output);
    assert.deepEqual(answers.map(payloadOf), [text("hello")]);
    assert.match(output, /x-echo-word: forth/i);
    assert.match(output, /x-trail-word: back/i);
  });

  test("server streaming", async (t) => {
    const { code, output, answers } = await call(t, "ServerStream", {
      plan: { count: 3 },
      payload: text("a"),
    });
    assert.equal(code, 0, output);
    assert.deepEqual(answers.map(payloadOf), [text("a"), text("a"), text("a")]);
  });

  test("client streaming", async (t) => {
    const requests = ["a", "b", "c"].map((word) => ({ payload: text(word) }));
    const { code, output, answers } = await call(t, "ClientStream", ...requests);
    assert.equal(code, 0, output);
    assert.deepEqual(
      answers.map(({ echo }) => [echo?.payload, echo?.receivedMessages]),
      [[text("c"), 3]],
    );
  });

  if (way.duplex) {
    test("bidirectional streaming", async (t) => {
      const requests = ["a", "b", "c"].map((word) => ({ payload: text(word) }));
      const { code, output, answers } = await call(t, "BidiStream", ...requests);
      assert.equal(code, 0, output);
      assert.deepEqual(answers.map(payloadOf), ["a", "b", "c"].map(text));
    });
  }

  for (const method of ["Unary", "ServerStream"]) {
    test(`an error with details of ${method}`, async (t) => {
      const detail = { "@type": "type.googleapis.com/heddle.test.v1.Echo", instance: "of the detail" };
      const failure = { code: Code.FailedPrecondition, message: "no ☕", details: [detail] };
      const { code, output } = await call(t, method, { plan: { failure } });
      // The status stands in the exit code, shifted by three bits.
      assert.equal(code, Code.FailedPrecondition << 3, output);
      assert.match(output, /"code": "failed_precondition"/);
      assert.match(output, /"message": "no ☕"/);
      assert.match(output, /"type": "heddle.test.v1.Echo",\s*"value": "Eg1vZiB0aGUgZGV0YWls"/);
    });
  }

  test("a method that is not served", async (t) => {
    const { code, output } = await call(t, "Missing", {});
    assert.equal(code, Code.Unimplemented << 3, output);
  });
}

interface Answer {
  readonly echo?: { readonly payload?: string; readonly receivedMessages?: number };
}

const payloadOf = ({ echo }: Answer) => echo?.payload;

/** Its answers are indented JSON, one after the other. */
function readAnswers(output: string): Answer[] {
  const texts = output.split(/^(?=\{)/m).filter((one) => one.trim() !== "");
  return texts.map((one) => JSON.parse(one) as Answer);
}
