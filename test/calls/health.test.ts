/** What a server says of its health, over real sockets: by gRPC's health protocol and by its pages. */
import "../kit/trap.ts";
import {
  Code,
  createServer,
  createTransport,
  Health,
  HealthStatus as Status,
  implement,
  type Server,
} from "heddle";
import { type Client, createClient } from "@connectrpc/connect";
import grpc from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { get } from "node:http";
import { type TestContext, test } from "node:test";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { rejectsWith } from "../interop/cases/errors.ts";
import { startEcho } from "../kit/running.ts";
import { within } from "../kit/within.ts";

const ECHO = EchoService.typeName;

/** How one may ask: protocol and version of HTTP. */
const WAYS = [
  { protocol: "grpc" },
  { protocol: "grpc-web" },
  { protocol: "connect" },
  { protocol: "connect", codec: "json" },
  { protocol: "connect", http: "1.1" },
  { protocol: "grpc-web", http: "1.1" },
] as const;

function asking(t: TestContext, server: Server, way: (typeof WAYS)[number] = WAYS[0]): Client<typeof Health> {
  const transport = createTransport({ target: server.address, ...way });
  t.after(() => transport.close("now"));
  return createClient(Health, transport);
}

/** What a watch has said so far, and its end. */
function watching(client: Client<typeof Health>, service: string) {
  const said: Status[] = [];
  const waiters = new Set<() => void>();
  const tell = () => {
    for (const wake of waiters) wake();
  };
  const ended = (async () => {
    try {
      for await (const { status } of client.watch({ service }, { timeoutMs: 0 })) {
        said.push(status);
        tell();
      }
    } finally {
      tell();
    }
  })();
  ended.catch(() => {});
  return {
    said,
    ended,
    async has(count: number) {
      const heard = Promise.withResolvers<void>();
      const look = () => {
        if (said.length >= count) heard.resolve();
      };
      waiters.add(look);
      look();
      await within(heard.promise, `status ${count} of ${service}`);
    },
  };
}

function page(server: Server, path: string, method = "GET"): Promise<readonly [number, string]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly [number, string]>();
  const request = get(`http://${server.address}${path}`, { method, agent: false }, (response) => {
    let body = "";
    response.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
    response.on("end", () => resolve([response.statusCode ?? 0, body]));
  });
  request.on("error", reject);
  return promise;
}

for (const way of WAYS) {
  test(`Check, List and Watch over ${Object.values(way).join(", ")}`, async (t) => {
    const server = await startEcho(t);
    const health = asking(t, server, way);
    assert.equal((await health.check({})).status, Status.SERVING);
    assert.equal((await health.check({ service: ECHO })).status, Status.SERVING);
    await rejectsWith(health.check({ service: "a.B" }), Code.NotFound, /"a\.B" is not known here/);

    const all = watching(health, "");
    const echo = watching(health, ECHO);
    const unknown = watching(health, "a.B");
    await Promise.all([all.has(1), echo.has(1), unknown.has(1)]);
    server.health.ready(false, "the cache is cold");
    await Promise.all([all.has(2), echo.has(2)]);
    const { statuses } = await health.list({});
    assert.deepEqual(
      Object.fromEntries(Object.entries(statuses).map(([name, { status }]) => [name, status])),
      { "": Status.NOT_SERVING, [ECHO]: Status.NOT_SERVING },
    );
    server.health.ready(true);
    server.health.set("a.B", "serving");
    await Promise.all([all.has(3), echo.has(3), unknown.has(2)]);
    server.health.set(ECHO, "not_serving");
    await echo.has(4);
    const closing = server.close();
    await Promise.all([all, echo, unknown].map(({ ended }) => rejectsWith(ended, Code.Unavailable)));
    await within(closing, "closing with watches open", 5000);

    const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = Status;
    assert.deepEqual(all.said, [SERVING, NOT_SERVING, SERVING, NOT_SERVING]);
    assert.deepEqual(echo.said, [SERVING, NOT_SERVING, SERVING, NOT_SERVING]);
    assert.deepEqual(unknown.said, [SERVICE_UNKNOWN, SERVING, NOT_SERVING]);
  });
}

test("a client of grpc-js asks and watches, as grpc-health-probe does", async (t) => {
  const server = await startEcho(t);
  const client = new grpc.Client(server.address, grpc.credentials.createInsecure());
  t.after(() => client.close());
  // A message with one string, and one with one enum: small enough to be written by hand, by nobody's code generator.
  const request = (service: string) => Buffer.concat([Buffer.of(0x0a, service.length), Buffer.from(service)]);
  const status = (bytes: Buffer) => bytes[1] ?? 0;
  const check = (service: string) =>
    new Promise<number>((resolve, reject) => {
      client.makeUnaryRequest("/grpc.health.v1.Health/Check", request, status, service, (error, value) => {
        if (error === null) resolve(value ?? 0);
        else reject(error);
      });
    });
  assert.deepEqual([await check(""), await check(ECHO)], [1, 1]);
  await assert.rejects(check("a.B"), { code: grpc.status.NOT_FOUND });

  const said: number[] = [];
  const watch = client.makeServerStreamRequest("/grpc.health.v1.Health/Watch", request, status, ECHO);
  const ended = new Promise<number>((resolve) => {
    watch.on("error", ({ code }: grpc.ServiceError) => resolve(code));
  });
  watch.on("data", (value: number) => {
    said.push(value);
    if (said.length === 1) server.health.set(ECHO, "not_serving");
    else if (said.length === 2) server.health.set(ECHO, "serving");
    else if (said.length === 3) void server.close();
  });
  assert.equal(await within(ended, "the end of the watch"), grpc.status.UNAVAILABLE);
  assert.deepEqual(said, [1, 2, 1, 2]);
});

test("pages for probes: alive as long as it answers, ready while it wants calls", async (t) => {
  const server = await startEcho(t);
  assert.deepEqual(await page(server, "/livez"), [200, "alive\n"]);
  assert.deepEqual(await page(server, "/readyz?verbose"), [200, "ready\n"]);
  assert.deepEqual(await page(server, "/readyz", "HEAD"), [200, ""]);
  server.health.ready(false, "line one\nline two");
  assert.deepEqual(await page(server, "/readyz"), [503, "unready: line one line two\n"]);
  server.health.ready(true);
  server.health.set(ECHO, "not_serving");
  assert.deepEqual(await page(server, "/readyz"), [503, "none of its services serves\n"]);
  server.health.drain("a new version takes over");
  assert.deepEqual(await page(server, "/readyz"), [503, "draining: a new version takes over\n"]);
  assert.deepEqual(await page(server, "/livez"), [200, "alive\n"]);
});

test("health: false leaves service and pages out, and what is given under their names takes their place", async (t) => {
  const without = await startEcho(t, { health: false });
  await rejectsWith(asking(t, without).check({}), Code.Unimplemented);
  assert.equal((await page(without, "/readyz"))[0], 404);
  assert.equal(without.health.status(), "serving", "the program itself can still ask");

  const own = await createServer({
    services: [implement(Health, { check: () => ({ status: Status.UNKNOWN }) })],
    pages: [{ path: "/livez", answer: () => ({ status: 418, contentType: "text/plain", body: "tea" }) }],
  });
  t.after(() => own.close());
  assert.equal((await asking(t, own).check({})).status, Status.UNKNOWN);
  assert.deepEqual(await page(own, "/livez"), [418, "tea"]);
  assert.equal((await page(own, "/readyz"))[0], 200);
});

test("checks hold the server up until they succeed, and again when they fail twice", async (t) => {
  let answer: () => unknown = () => Promise.reject(new Error("no route to the database"));
  const asked: AbortSignal[] = [];
  const server = await startEcho(t, {
    health: {
      checks: {
        database: ({ signal }) => {
          asked.push(signal);
          return answer();
        },
      },
      checkIntervalMs: 5,
      checkTimeoutMs: 30,
    },
  });
  const phases: string[] = [];
  const waiters = new Map<string, () => void>();
  const note = () => {
    const now = `${server.health.phase}: ${server.health.reason}`;
    phases.push(now);
    waiters.get(now)?.();
  };
  const becomes = (text: string) =>
    within(
      new Promise<void>((resolve) => {
        waiters.set(text, resolve);
        if (phases.at(-1) === text) resolve();
      }),
      text,
    );
  using _ = server.health.onChange(note);
  note();
  await becomes("starting: database: no route to the database");
  answer = () => true;
  await becomes("ready: ");
  answer = () => false;
  await becomes("unready: database: it says no");
  answer = () => new Promise(() => {});
  await becomes("unready: database: it did not answer within 30 ms");
  answer = () => undefined;
  await becomes("ready: ");
  answer = () => new Promise(() => {});
  const runs = asked.length;
  await within(
    (async () => {
      while (asked.length === runs) await new Promise((resolve) => setImmediate(resolve));
    })(),
    "another run",
  );
  await server.close();
  assert.ok(asked.at(-1)?.aborted, "a check that runs hears that the server closes");
});
