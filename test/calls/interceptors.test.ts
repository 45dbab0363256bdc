/** Connect interceptors on both sides: order, changes, and errors. */
import "../kit/trap.ts";
import { Code, ConnectError, HeddleError, type Interceptor, recordOf } from "heddle";
import assert from "node:assert/strict";
import { test } from "node:test";
import { rejectsWith } from "../interop/cases/errors.ts";
import { collect, requestsOf } from "../interop/streams.ts";
import { connectTo, startEcho } from "../kit/running.ts";

function tracer(name: string, log: string[]): Interceptor {
  return (next) => async (request) => {
    log.push(`${name} in`);
    request.header.append("x-echo-path", name);
    const response = await next(request);
    log.push(`${name} out`);
    response.trailer.append("x-passed", name);
    return response;
  };
}

const calls = {
  unary: (client: ReturnType<typeof connectTo>, options: object) => client.unary({}, options),
  "server stream": (client: ReturnType<typeof connectTo>, options: object) =>
    collect(client.serverStream({ plan: { count: 2 } }, options)),
  "client stream": (client: ReturnType<typeof connectTo>, options: object) =>
    client.clientStream(requestsOf({}, {}), options),
  "bidirectional stream": (client: ReturnType<typeof connectTo>, options: object) =>
    collect(client.bidiStream(requestsOf({}, {}), options)),
};

for (const [kind, call] of Object.entries(calls)) {
  test(`${kind}: the first interceptor of a server, and the last of a client, in Connect's order`, async (t) => {
    const log: string[] = [];
    const server = await startEcho(t, { interceptors: [tracer("server 1", log), tracer("server 2", log)] });
    const client = connectTo(t, server.address, {
      interceptors: [tracer("client 1", log), tracer("client 2", log)],
    });
    const got: { header?: Headers; trailer?: Headers } = {};
    await call(client, {
      onHeader: (header: Headers) => void (got.header = header),
      onTrailer: (trailer: Headers) => void (got.trailer = trailer),
    });
    // Connect's client applies its interceptors so that the first one is the outermost.
    const inward = log.filter((line) => line.endsWith(" in"));
    assert.deepEqual(inward, ["client 1 in", "client 2 in", "server 1 in", "server 2 in"]);
    assert.deepEqual(
      log.filter((line) => line.startsWith("client") && line.endsWith("out")),
      ["client 2 out", "client 1 out"],
    );
    assert.deepEqual(
      log.filter((line) => line.startsWith("server") && line.endsWith("out")),
      ["server 2 out", "server 1 out"],
    );
    assert.equal(got.header?.get("x-echo-path"), "client 1, client 2, server 1, server 2");
    assert.match(got.trailer?.get("x-passed") ?? "", /server 2, server 1/);
  });

  test(`${kind}: an interceptor of the server refuses, one of the client sees it`, async (t) => {
    const guard: Interceptor = () => async () => {
      throw new ConnectError("no badge", Code.PermissionDenied);
    };
    const seen: Code[] = [];
    const watcher: Interceptor = (next) => async (request) => {
      try {
        const response = await next(request);
        if (!response.stream) return response;
        return {
          ...response,
          header: response.header,
          trailer: response.trailer,
          message: watched(response.message, seen),
        };
      } catch (error) {
        seen.push(ConnectError.from(error).code);
        throw error;
      }
    };
    const server = await startEcho(t, { interceptors: [guard] });
    await rejectsWith(
      Promise.resolve(call(connectTo(t, server.address, { interceptors: [watcher] }), {})),
      Code.PermissionDenied,
      "no badge",
    );
    assert.deepEqual(seen, [Code.PermissionDenied]);
  });
}

const pass: Interceptor = (next) => (request) => next(request);
const never = new Promise<never>(() => {});
const waiting = {
  handlers: {
    unary: () => never,
    async *serverStream() {
      yield {};
      await never;
    },
  },
} satisfies Parameters<typeof startEcho>[1];

for (const [kind, call] of [
  ["unary", calls.unary],
  ["server stream", calls["server stream"]],
] as const) {
  test(`${kind}: a call that its deadline or its signal ends has code and record, interceptors or not`, async (t) => {
    const server = await startEcho(t, waiting);
    const statuses: string[] = [];
    const observe = ({ status }: { readonly status: string }) => void statuses.push(status);
    for (const interceptors of [[], [pass]]) {
      const client = connectTo(t, server.address, { interceptors, observe });
      const late = await rejectsWith(Promise.resolve(call(client, { timeoutMs: 30 })), Code.DeadlineExceeded);
      const left = await rejectsWith(
        Promise.resolve(call(client, { signal: AbortSignal.timeout(30) })),
        Code.Canceled,
      );
      for (const [error, code] of [
        [late, "HDL-2201"],
        [left, "HDL-2202"],
      ] as const) {
        assert.ok(error instanceof HeddleError, String(error));
        assert.equal(error.heddleCode, code);
        assert.equal(recordOf(error)?.attempts.length, 1);
      }
    }
    const once = ["DEADLINE_EXCEEDED", "CANCELLED"];
    assert.deepEqual(statuses, [...once, ...once]);
  });
}

test("an interceptor may make its own error of any other", async (t) => {
  const server = await startEcho(t, {
    handlers: { unary: () => Promise.reject(new ConnectError("no", Code.NotFound)) },
  });
  const rename: Interceptor = (next) => (request) =>
    next(request).catch(() => Promise.reject(new ConnectError("gone", Code.DataLoss)));
  const client = connectTo(t, server.address, { interceptors: [rename] });
  await rejectsWith(Promise.resolve(client.unary({})), Code.DataLoss, "gone");
});

async function* watched<T>(messages: AsyncIterable<T>, seen: Code[]): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (error) {
    seen.push(ConnectError.from(error).code);
    throw error;
  }
}
