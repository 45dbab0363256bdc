/** A web page in Chromium calls our server from another origin, through connect-web's Connect and gRPC-Web. */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { after, before, describe, test, type TestContext } from "node:test";
import { Code, createServer, implement, type ServerOptions } from "heddle";
import { type Browser, chromium, type Page } from "playwright-core";
import { TestService } from "../gen/grpc/testing/test_pb.ts";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { serveModules } from "../kit/browser/modules.ts";
import type * as pageModule from "../kit/browser/page.ts";
import { createAuthority } from "../kit/certificates.ts";
import { createEchoService } from "../kit/echo-service.ts";
import { createTestService } from "../kit/test-service.ts";
import { Witness } from "../kit/witness.ts";

const leaf = createAuthority().issue();
/** What Chromium is told to trust: the hash of a public key. */
const trusted = createHash("sha256")
  .update(new X509Certificate(leaf.cert).publicKey.export({ type: "spki", format: "der" }))
  .digest("base64");

let browser: Browser;
let modules: Awaited<ReturnType<typeof serveModules>>;
let page: Page;
let otherPage: Page;

before(async () => {
  modules = await serveModules();
  browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    // The sandbox of Chromium does not start for root.
    args: ["--no-sandbox", `--ignore-certificate-errors-spki-list=${trusted}`],
  });
  [page, otherPage] = [await openPage(modules.origin), await openPage(modules.otherOrigin)];
});
after(async () => {
  await browser.close();
  modules.close();
});

async function openPage(origin: string): Promise<Page> {
  const opened = await browser.newPage();
  await opened.goto(origin);
  return opened;
}

/** Calls a function of browser/page.ts inside the page. */
function inPage<Name extends keyof typeof pageModule>(
  where: Page,
  name: Name,
  settings: pageModule.PageSettings,
): Promise<Awaited<ReturnType<(typeof pageModule)[Name]>>> {
  return where.evaluate(
    `import("/test/kit/browser/page.ts").then((page) => page.${name}(${JSON.stringify(settings)}))`,
  );
}

const namedOrigin = () => ({
  origins: [modules.origin],
  allowHeaders: ["x-echo-word", "x-trail-word"],
  exposeHeaders: ["x-echo-word", "x-trail-word"],
});

interface Seen {
  readonly method: string;
  readonly verb: string;
}

async function start(t: TestContext, options: Partial<ServerOptions> = { cors: namedOrigin() }) {
  const witness = new Witness();
  const seen: Seen[] = [];
  const server = await createServer({
    interceptors: [
      (next) => (request) => {
        seen.push({ method: request.method.name, verb: request.requestMethod });
        return next(request);
      },
    ],
    onPeerError: ({ message }) => assert.fail(message),
    ...options,
    services: [
      implement(EchoService, createEchoService({ witness })),
      implement(TestService, createTestService()),
    ],
  });
  t.after(() => server.close({ drainMs: 100 }));
  return { witness, seen, baseUrl: `${options.tls === undefined ? "http" : "https"}://${server.address}` };
}

const ways = [
  { name: "HTTP/1.1", options: {} },
  { name: "HTTP/2 under TLS", options: { tls: leaf } },
  { name: "HTTP/2 under TLS, compressed", options: { tls: leaf, sendCompression: "br" } },
] as const;

for (const { name, options } of ways) {
  for (const protocol of ["connect", "grpc-web"] as const) {
    for (const json of [false, true]) {
      describe(`a page calls in ${protocol}, ${json ? "JSON" : "binary"}, over ${name}`, () => {
        test("unary, server streaming, errors, deadlines", async (t) => {
          const { baseUrl, seen } = await start(t, { cors: namedOrigin(), ...options });
          const failed = { code: Code.FailedPrecondition, message: "no ☕", details: ["d"] };
          const result = await inPage(page, "callAll", { protocol, baseUrl, json });
          assert.deepEqual(
            { ...result, deadline: result.deadline.code, unserved: result.unserved.code },
            {
              unary: { size: 100_000, header: "forth", trailer: "back" },
              stream: [5, 5, 5],
              cacheable: 7,
              unaryError: failed,
              streamError: failed,
              deadline: Code.DeadlineExceeded,
              unserved: Code.Unimplemented,
            },
          );
          const verb = seen.find(({ method }) => method === "CacheableUnaryCall")?.verb;
          assert.equal(verb, protocol === "connect" ? "GET" : "POST");
        });

        test("a page that leaves a stream stops the handler", async (t) => {
          const { baseUrl, witness } = await start(t, { cors: namedOrigin(), ...options });
          const leaveId = witness.newId();
          assert.equal(await inPage(page, "leaveStream", { protocol, baseUrl, json, leaveId }), 1);
          await witness.aborted(leaveId);
        });
      });
    }
  }
}

describe("CORS", () => {
  for (const protocol of ["connect", "grpc-web"] as const) {
    test(`an origin that is not named cannot call in ${protocol}`, async (t) => {
      const { baseUrl, seen } = await start(t);
      const { message } = await inPage(otherPage, "failOnce", { protocol, baseUrl, json: false });
      assert.match(message, /failed to fetch/i);
      assert.deepEqual(seen, [], "the handler ran all the same");
    });

    test(`no origin can call in ${protocol} when none is named`, async (t) => {
      const { baseUrl, seen } = await start(t, {});
      const { message } = await inPage(page, "failOnce", { protocol, baseUrl, json: false });
      assert.match(message, /failed to fetch/i);
      assert.deepEqual(seen, []);
    });

    test(`any origin can call in ${protocol} when all are let in`, async (t) => {
      const { baseUrl } = await start(t, { cors: { origins: "*" } });
      assert.equal(await inPage(otherPage, "callOnce", { protocol, baseUrl, json: false }), 3);
    });
  }
});
