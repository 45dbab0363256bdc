/** The interop client of the gRPC C core (Debian's ruby-grpc) against our server: every case that needs no account. */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { connect, createServer as createRelay } from "node:net";
import { describe, test, type TestContext } from "node:test";
import { createServer, implement, type ServerOptions } from "heddle";
import { TestService } from "../gen/grpc/testing/test_pb.ts";
import { rubyCertificates, runRubyCase } from "../kit/ruby-interop.ts";
import { createTestService } from "../kit/test-service.ts";
import { until } from "../kit/within.ts";

const cases = [
  "empty_unary",
  "large_unary",
  "client_streaming",
  "server_streaming",
  "ping_pong",
  "empty_stream",
  "cancel_after_begin",
  "cancel_after_first_response",
  "timeout_on_sleeping_server",
  "status_code_and_message",
  "custom_metadata",
  "unimplemented_method",
  "unimplemented_service",
];
/** In these the handler must learn that its caller is gone. */
const abandoned = ["cancel_after_first_response", "timeout_on_sleeping_server"];

async function start(t: TestContext, options: Pick<ServerOptions, "sendCompression" | "tls"> = {}) {
  const aborted: string[] = [];
  const server = await createServer({
    ...options,
    services: [
      implement(
        TestService,
        createTestService((method) => aborted.push(method)),
      ),
    ],
    onHandlerError: (error) => assert.fail(error as Error),
    onPeerError: (error) => assert.fail(error.message),
  });
  t.after(() => server.close({ drainMs: 100 }));
  return { aborted, port: Number(server.address.slice(server.address.lastIndexOf(":") + 1)) };
}

for (const tls of [false, true]) {
  describe(`ruby-grpc calls heddle${tls ? " over TLS" : ""}`, { concurrency: 2 }, () => {
    for (const name of cases) {
      test(name, async (t) => {
        const { cert, key } = await rubyCertificates();
        const { port, aborted } = await start(t, tls ? { tls: { cert, key } } : {});
        await runRubyCase(name, port, { tls });
        if (abandoned.includes(name))
          await until(() => aborted.includes("FullDuplexCall"), "the signal of the handler firing");
      });
    }
  });
}

describe("ruby-grpc calls heddle, which compresses its answers", () => {
  for (const sendCompression of ["gzip", "deflate"] as const) {
    for (const name of ["large_unary", "server_streaming", "ping_pong"]) {
      test(`${name}, ${sendCompression}`, async (t) => {
        const { port } = await start(t, { sendCompression });
        await runRubyCase(name, port);
      });
    }
  }
});

// Each sends one message compressed and another as it is, in gRPC's way: a flag of each message.
describe("ruby-grpc compresses what it sends to heddle", () => {
  for (const [name, plainBytes] of [
    ["client_compressed_unary", 271_828],
    ["client_compressed_streaming", 45_904],
  ] as const) {
    test(name, async (t) => {
      const { port } = await start(t);
      const relay = await countRequestBytes(t, port);
      await runRubyCase(name, relay.port, { probe: false });
      const more = relay.bytes - plainBytes;
      assert.ok(more > 0 && more < 10_000, `${relay.bytes} bytes of requests, ${plainBytes} of them plain`);
    });
  }
});

/** A port that leads to the server and counts what clients say. */
async function countRequestBytes(t: TestContext, port: number) {
  let bytes = 0;
  const relay = createRelay((client) => {
    const server = connect(port, "127.0.0.1");
    client.on("data", (chunk) => (bytes += chunk.length));
    client.pipe(server).pipe(client);
    client.on("error", () => server.destroy());
    server.on("error", () => client.destroy());
  });
  await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
  t.after(() => relay.close());
  const address = relay.address();
  assert.ok(typeof address === "object" && address !== null);
  return {
    port: address.port,
    get bytes() {
      return bytes;
    },
  };
}
