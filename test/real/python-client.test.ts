/** Python's gRPC, a layer on the C core, against our server: what the standard cases leave out. */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { createServer, implement } from "heddle";
import { TestService } from "../gen/grpc/testing/test_pb.ts";
import { createTestService } from "../kit/test-service.ts";
import { until, within } from "../kit/within.ts";

async function start(t: TestContext) {
  let calls = 0;
  const server = await createServer({
    interceptors: [
      (next) => (request) => {
        calls++;
        return next(request);
      },
    ],
    services: [implement(TestService, createTestService())],
    sendCompression: "gzip",
    onPeerError: (error) => assert.fail(error.message),
  });
  t.after(() => server.close({ drainMs: 100 }));
  /** Resolves when it has got so many more calls. */
  const more = (count: number) => {
    const goal = calls + count;
    return until(() => calls >= goal, `${count} more calls`, 20_000);
  };
  return { server, address: server.address, more };
}

/** Starts a case of python-client.py; its lines come one by one. Debian's modules are those of its own Python. */
function python(t: TestContext, name: string, ...addresses: readonly string[]) {
  const program = fileURLToPath(new URL("../kit/python-client.py", import.meta.url));
  const child = spawn("/usr/bin/python3", [program, name, addresses.join(",")], {
    stdio: ["pipe", "pipe", "inherit"],
    signal: t.signal,
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const gone = once(child, "close");
  gone.catch(() => {});
  t.after(() => child.kill("SIGKILL"));
  const line = async () => {
    const { value, done } = await within(
      Promise.race([lines.next(), gone.then(() => lines.next())]),
      name,
      30_000,
    );
    if (done === true) throw new Error(`python-client.py ${name} ended without a word`);
    return value;
  };
  return {
    line,
    result: async () => JSON.parse(await line()) as unknown,
    stop: () => child.stdin.write("\n"),
  };
}

test("500 calls at a time, compressed on both ways", async (t) => {
  const { address } = await start(t);
  assert.deepEqual(await python(t, "many", address).result(), { outcomes: { OK: 500 }, sizes: [314_167] });
});

test("metadata of bytes, and long", async (t) => {
  const { address } = await start(t);
  assert.deepEqual(await python(t, "metadata", address).result(), { initial: "a", trailing: true });
});

test("a request over the limit", async (t) => {
  const { address } = await start(t);
  assert.match(
    String(await python(t, "too_large", address).result()),
    /^RESOURCE_EXHAUSTED: .*\(HDL-2302\)$/,
  );
});

test("a keepalive ping every 100 ms is no flood", async (t) => {
  const { address } = await start(t);
  const expected = { status: "OK", answered: true, stream: "OK" };
  assert.deepEqual(await python(t, "keepalive", address).result(), expected);
});

test("one of two servers goes away under load, and no call fails", async (t) => {
  const [leaving, staying] = [await start(t), await start(t)];
  const client = python(t, "drain", leaving.address, staying.address);
  assert.equal(await client.line(), "running");
  await leaving.more(100);
  await leaving.server.close({ drainMs: 5000 });
  await staying.more(200);
  client.stop();
  const outcomes = (await client.result()) as Readonly<Record<string, number>>;
  assert.deepEqual(Object.keys(outcomes), ["OK"], JSON.stringify(outcomes));
  assert.ok((outcomes["OK"] ?? 0) > 100, JSON.stringify(outcomes));
});
