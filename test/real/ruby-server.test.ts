/** Our client against the interop server of the gRPC C core (Debian's ruby-grpc): the standard cases. */
import "../kit/trap.ts";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { after, before, describe, test, type TestContext } from "node:test";
import { createTransport, type TransportOptions } from "heddle";
import { TestService, UnimplementedService } from "../gen/grpc/testing/test_pb.ts";
import { type RubyServer, rubyCertificates, startRubyServer, TLS_NAME } from "../kit/ruby-interop.ts";
import { zeros } from "../kit/test-service.ts";

const INITIAL = "x-grpc-test-echo-initial";
const TRAILING = "x-grpc-test-echo-trailing-bin";
const SPECIAL = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";
const REQUESTS = [27_182, 8, 1828, 45_904];
const ANSWERS = [31_415, 9, 2653, 58_979];
const LARGE = { responseSize: 314_159, payload: zeros(271_828) };

type Options = Omit<TransportOptions, "target">;

for (const tls of [false, true])
  describe(`heddle calls ruby-grpc${tls ? " over TLS" : ""}`, () => runCases(tls));

function runCases(tls: boolean): void {
  let server: RubyServer;
  let security: Options = {};
  before(async () => {
    server = await startRubyServer({ tls });
    if (tls) security = { tls: { ca: (await rubyCertificates()).ca, serverName: TLS_NAME } };
  });
  after(() => server.end());

  const transportOf = (t: TestContext, options: Options = {}) => {
    const transport = createTransport({ target: server.address, maxAttempts: 1, ...security, ...options });
    t.after(() => transport.close("now"));
    return transport;
  };
  const clientOf = (t: TestContext, options?: Options) => createClient(TestService, transportOf(t, options));

  test("empty_unary", async (t) => {
    assert.equal((await clientOf(t).emptyCall({})).$typeName, "grpc.testing.Empty");
  });

  for (const sendCompression of [undefined, "gzip"] as const) {
    const options = sendCompression === undefined ? {} : { sendCompression };
    const suffix = sendCompression === undefined ? "" : `, requests in ${sendCompression}`;

    test(`large_unary${suffix}`, async (t) => {
      const { payload } = await clientOf(t, options).unaryCall(LARGE);
      assert.ok(Buffer.alloc(314_159).equals(payload?.body ?? new Uint8Array()), "314 159 zeros come back");
    });

    test(`client_streaming${suffix}`, async (t) => {
      const requests = sending(REQUESTS.map((size) => ({ payload: zeros(size) })));
      const { aggregatedPayloadSize } = await clientOf(t, options).streamingInputCall(requests);
      assert.equal(aggregatedPayloadSize, 74_922);
    });
  }

  test("server_streaming", async (t) => {
    const answers = clientOf(t).streamingOutputCall({
      responseParameters: ANSWERS.map((size) => ({ size })),
    });
    const sizes: (number | undefined)[] = [];
    for await (const { payload } of answers) sizes.push(payload?.body.length);
    assert.deepEqual(sizes, ANSWERS);
  });

  test("ping_pong", async (t) => {
    const turn = new Turns();
    async function* requests() {
      for (const [i, size] of REQUESTS.entries()) {
        await turn.reached(i);
        yield { responseParameters: [{ size: ANSWERS[i] ?? 0 }], payload: zeros(size) };
      }
      await turn.reached(REQUESTS.length);
    }
    const sizes: (number | undefined)[] = [];
    for await (const { payload } of clientOf(t).fullDuplexCall(requests())) {
      sizes.push(payload?.body.length);
      turn.advance();
    }
    assert.deepEqual(sizes, ANSWERS);
  });

  test("empty_stream", async (t) => {
    for await (const _ of clientOf(t).fullDuplexCall(sending([]))) assert.fail("nothing was asked for");
  });

  test("cancel_after_begin", async (t) => {
    const controller = new AbortController();
    const never = Promise.withResolvers<never>();
    async function* requests() {
      yield { payload: zeros(1) };
      controller.abort();
      yield never.promise;
    }
    await rejects(clientOf(t).streamingInputCall(requests(), { signal: controller.signal }), Code.Canceled);
  });

  test("cancel_after_first_response", async (t) => {
    const controller = new AbortController();
    const never = Promise.withResolvers<never>();
    async function* requests() {
      yield { responseParameters: [{ size: 31_415 }], payload: zeros(27_182) };
      yield never.promise;
    }
    const answers = clientOf(t).fullDuplexCall(requests(), { signal: controller.signal });
    let seen = 0;
    await rejects(
      forEach(answers, () => {
        seen++;
        controller.abort();
      }),
      Code.Canceled,
    );
    assert.equal(seen, 1);
  });

  test("timeout_on_sleeping_server", async (t) => {
    const never = Promise.withResolvers<never>();
    async function* requests() {
      yield { payload: zeros(27_182) };
      yield never.promise;
    }
    const answers = clientOf(t).fullDuplexCall(requests(), { timeoutMs: 100 });
    await rejects(
      forEach(answers, () => assert.fail("nothing was asked for")),
      Code.DeadlineExceeded,
    );
  });

  for (const [name, message] of [
    ["status_code_and_message", "test status message"],
    ["special_status_message", SPECIAL],
  ] as const) {
    test(name, async (t) => {
      const responseStatus = { code: Code.Unknown, message };
      const client = clientOf(t);
      await rejects(client.unaryCall({ responseStatus }), Code.Unknown, message);
      const answers = client.fullDuplexCall(sending([{ responseStatus }]));
      await rejects(
        forEach(answers, () => {}),
        Code.Unknown,
        message,
      );
    });
  }

  test("custom_metadata", async (t) => {
    const client = clientOf(t);
    const headers = { [INITIAL]: "test_initial_metadata_value", [TRAILING]: "CgsKCwoL" };
    const seen: (string | null | undefined)[] = [];
    const options = {
      headers,
      onHeader: (header: Headers) => void seen.push(header.get(INITIAL)),
      onTrailer: (trailer: Headers) => void seen.push(trailer.get(TRAILING)?.replace(/=+$/, "")),
    };
    await client.unaryCall(LARGE, options);
    const asked = { responseParameters: [{ size: 314_159 }], payload: zeros(271_828) };
    await forEach(client.fullDuplexCall(sending([asked]), options), () => {});
    assert.deepEqual(seen, [...Object.values(headers), ...Object.values(headers)]);
  });

  test("unimplemented_method", async (t) => {
    await rejects(clientOf(t).unimplementedCall({}), Code.Unimplemented);
  });

  test("unimplemented_service", async (t) => {
    const client = createClient(UnimplementedService, transportOf(t));
    await rejects(client.unimplementedCall({}), Code.Unimplemented);
  });

  test("concurrent_large_unary", async (t) => {
    const client = clientOf(t);
    const caller = async () => {
      for (let i = 0; i < 10; i++)
        assert.equal((await client.unaryCall(LARGE)).payload?.body.length, LARGE.responseSize);
    };
    await Promise.all(Array.from({ length: 16 }, caller));
  });
}

async function* sending<T>(messages: readonly T[]): AsyncGenerator<T> {
  yield* messages;
}

async function forEach<T>(messages: AsyncIterable<T>, visit: (message: T) => void): Promise<void> {
  for await (const message of messages) visit(message);
}

async function rejects(call: Promise<unknown>, code: Code, message?: string): Promise<void> {
  await assert.rejects(call, (error: unknown) => {
    const seen = ConnectError.from(error);
    assert.equal(Code[seen.code], Code[code], seen.message);
    if (message !== undefined) assert.equal(seen.rawMessage, message);
    return true;
  });
}

/** The answers of a stream that its requests wait for. */
class Turns {
  #count = 0;
  #next = Promise.withResolvers<void>();

  advance(): void {
    this.#count++;
    this.#next.resolve();
    this.#next = Promise.withResolvers();
  }

  async reached(count: number): Promise<void> {
    while (this.#count < count) await this.#next.promise;
  }
}
