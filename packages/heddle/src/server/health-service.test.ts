import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createHandlerContext } from "@connectrpc/connect";
import {
  Health,
  HealthCheckRequestSchema,
  type HealthCheckResponse,
} from "../gen/grpc/health/v1/health_pb.ts";
import { ServerState } from "../health/server-state.ts";
import { createHealthService } from "./health-service.ts";

function watching(service: string) {
  const state = new ServerState(["a"]);
  state.started();
  const { implementation } = createHealthService(state);
  const watch = implementation.handler(Health.method.watch);
  assert.ok(watch !== undefined);
  const stop = new AbortController();
  const context = createHandlerContext({
    service: Health,
    method: Health.method.watch,
    protocolName: "grpc",
    requestMethod: "POST",
    url: "memory:health",
    requestSignal: stop.signal,
  });
  const answers = watch(create(HealthCheckRequestSchema, { service }), context);
  return { state, stop, context, answers: answers as AsyncGenerator<HealthCheckResponse> };
}

test("a watch that hears of many changes leaves nothing behind at its signal", async () => {
  const { state, stop, context, answers } = watching("a");
  await answers.next();
  const before = getEventListeners(context.signal, "abort").length;
  for (let change = 0; change < 100; change++) {
    const next = answers.next();
    state.set("a", change % 2 === 0 ? "not_serving" : "serving");
    await next;
  }
  const last = answers.next();
  assert.equal(getEventListeners(context.signal, "abort").length, before + 1);
  stop.abort();
  assert.equal((await last).done, true);
});

test("a watch does not keep a name that no service has", async () => {
  const { answers } = watching("x".repeat(100_000));
  const error = await answers.next().catch(ConnectError.from);
  assert.ok(error instanceof ConnectError);
  assert.equal(error.code, Code.InvalidArgument);
});
