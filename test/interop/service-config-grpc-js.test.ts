/** A service config in our form, written in gRPC's, does in grpc-js what it says. */
import "../kit/trap.ts";
import { Client as GrpcClient, credentials, type MethodDefinition, type ServiceError } from "@grpc/grpc-js";
import { Code, ConnectError, toGrpcServiceConfig } from "heddle";
import assert from "node:assert/strict";
import { test } from "node:test";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { toDefinition } from "../kit/peers/grpc-js-words.ts";
import { startEcho } from "../kit/running.ts";

const SERVICE = "heddle.test.v1.EchoService";

test("grpc-js keeps the time of a method to the millisecond, and repeats as the config says", async (t) => {
  let failing = 0;
  const server = await startEcho(t, {
    handlers: {
      idempotentUnary: async () => {
        if (failing-- > 0) throw new ConnectError("not now", Code.Aborted);
        return {};
      },
      unary: async (_request, context) => {
        await new Promise<void>((resolve) => context.signal.addEventListener("abort", () => resolve()));
        return {};
      },
    },
  });
  const { config, notes } = toGrpcServiceConfig({
    balancer: { prequal: { probesPerCall: 1 } },
    methods: [
      { names: [{ service: SERVICE, method: "Unary" }], timeoutMs: 350 },
      {
        names: [{ service: SERVICE }],
        idempotent: true,
        retry: { maxAttempts: 3, initialBackoffMs: 5, retryableCodes: ["ABORTED"] },
      },
    ],
  });
  assert.deepEqual(notes, []);
  const client = new GrpcClient(server.address, credentials.createInsecure(), {
    "grpc.service_config": JSON.stringify(config),
  });
  t.after(() => client.close());
  const call = (method: keyof typeof EchoService.method) => {
    const { path, requestSerialize, responseDeserialize } = toDefinition(
      EchoService.method[method],
    ) as MethodDefinition<object, object>;
    return new Promise<ServiceError | null>((resolve) => {
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, {}, (error) => resolve(error));
    });
  };
  failing = 2;
  assert.equal(await call("idempotentUnary"), null);
  assert.equal(failing, -1);
  failing = 3;
  assert.equal((await call("idempotentUnary"))?.code as number, Code.Aborted);
  const begin = performance.now();
  assert.equal((await call("unary"))?.code as number, Code.DeadlineExceeded);
  const elapsedMs = performance.now() - begin;
  assert.ok(elapsedMs >= 340 && elapsedMs < 1000, `${elapsedMs} ms`);
});
