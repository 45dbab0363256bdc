import assert from "node:assert/strict";
import { test } from "node:test";
import { isHeddleError } from "../call/errors.ts";
import { type ClientOptions, resolveClientOptions } from "./options.ts";
import { createTransport } from "./transport.ts";
import { createVirtualClient, failureOf } from "./virtual-client.test.ts";

test("defaults are those of the documentation", () => {
  const { retryBudget, interceptors, serviceConfig, ...rest } = resolveClientOptions({});
  assert.equal(serviceConfig, undefined);
  assert.equal(retryBudget.available(0), 30);
  assert.deepEqual(interceptors, []);
  assert.deepEqual(rest, {
    defaultTimeoutMs: 15_000,
    balancer: "default",
    hedging: false,
    slowStartMs: 0,
    subset: { above: Number.POSITIVE_INFINITY, size: Number.POSITIVE_INFINITY },
    compressMinBytes: 1024,
    protocol: "auto",
    http: "auto",
    http1Connections: 64,
    useHttpGet: false,
    codec: "proto",
    rest: {},
    maxAttempts: 3,
    connections: {
      connectTimeoutMs: 5000,
      maxConnections: 8,
      idleTimeoutMs: 1_800_000,
      upkeep: {
        keepaliveMs: 10_000,
        keepaliveTimeoutMs: 10_000,
        silenceMs: 1000,
        keepaliveWithoutCalls: false,
        maxIdleMs: Number.POSITIVE_INFINITY,
        maxAgeMs: Number.POSITIVE_INFINITY,
      },
    },
    waitForReadyMs: 3000,
    maxReceiveMessageBytes: 4 * 1024 * 1024,
    maxSendMessageBytes: 0x7fffffff,
  });
});

test("what makes no sense is refused, and the error names the option", () => {
  const cases: readonly [keyof ClientOptions, unknown][] = [
    ["defaultTimeoutMs", 0],
    ["defaultTimeoutMs", Number.NaN],
    ["defaultTimeoutMs", "5"],
    ["maxAttempts", 0],
    ["connectTimeoutMs", 0],
    ["connectTimeoutMs", Number.POSITIVE_INFINITY],
    ["maxConnections", 0],
    ["maxConnections", Number.POSITIVE_INFINITY],
    ["keepaliveMs", 0],
    ["keepaliveTimeoutMs", Number.POSITIVE_INFINITY],
    ["idleTimeoutMs", Number.NaN],
    ["maxConnectionAgeMs", -1],
    ["waitForReadyMs", -1],
    ["waitForReadyMs", Number.POSITIVE_INFINITY],
    ["maxReceiveMessageBytes", -1],
    ["maxSendMessageBytes", Number.NaN],
    ["balancer", "fastest"],
    ["retryBudget", { ratio: -1 }],
    ["hedging", { maxExtraLoad: 0 }],
    ["hedging", { maxExtraLoad: 1 }],
    ["sendCompression", "snappy"],
    ["compressMinBytes", -1],
    ["protocol", "thrift"],
    ["http", "3"],
    ["http1Connections", 0],
    ["codec", "xml"],
    ["authority", "caf\u00e9"],
    ["authority", ""],
  ];
  for (const [option, value] of cases) {
    assert.throws(
      () => createTransport({ target: "memory:x", [option]: value }),
      (error) =>
        isHeddleError(error) &&
        error.reason === "optionInvalid" &&
        error.rawMessage.startsWith(`option ${option} is not valid: `),
      `${option}: ${String(value)}`,
    );
  }
});

test("no default deadline is a choice that can be made", () => {
  assert.equal(
    resolveClientOptions({ defaultTimeoutMs: Number.POSITIVE_INFINITY }).defaultTimeoutMs,
    Number.POSITIVE_INFINITY,
  );
});

test("a call's own timeout must be a number", async () => {
  using client = createVirtualClient({ target: "memory:nobody" });
  const error = await failureOf(client.echo.say({}, { timeoutMs: Number.NaN }));
  assert.ok(isHeddleError(error) && error.reason === "optionInvalid");
});

test("what goes together, and what cannot", () => {
  const http = (options: ClientOptions) => resolveClientOptions(options).http;
  assert.equal(http({ protocol: "grpc" }), "2", "gRPC takes no other version that a peer may offer");
  assert.equal(http({ protocol: "connect" }), "auto");
  assert.equal(http({ protocol: "grpc-web", http: "1.1" }), "1.1");
  assert.equal(resolveClientOptions({ protocol: "grpc", codec: "json" }).codec, "json");
  assert.equal(resolveClientOptions({ useHttpGet: true }).useHttpGet, true);
  const impossible: readonly [ClientOptions, RegExp][] = [
    [{ protocol: "grpc", http: "1.1" }, /option http .* gRPC needs HTTP\/2/],
    [{ protocol: "grpc", useHttpGet: true }, /option useHttpGet .* not grpc/],
    [{ protocol: "grpc-web", useHttpGet: true }, /option useHttpGet .* not grpc-web/],
  ];
  for (const [options, text] of impossible) assert.throws(() => resolveClientOptions(options), text);
});
