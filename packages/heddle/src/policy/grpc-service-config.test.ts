/** gRPC's form: read, written, read again, and taken by grpc-js's own parser. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import fc from "fast-check";
import { faultText } from "./check-value.ts";
import { fromGrpcServiceConfig } from "./from-grpc-service-config.ts";
import { fromGrpcDuration, toGrpcDuration } from "./grpc-duration.ts";
import { parseServiceConfig } from "./parse-service-config.ts";
import type { ServiceConfig } from "./service-config.ts";
import { arbitraryServiceConfig } from "./service-config-arbitrary.test.ts";
import { toGrpcServiceConfig } from "./to-grpc-service-config.ts";

// Not a part of its public surface; the channel option `grpc.service_config` goes through it.
const { validateServiceConfig } = createRequire(import.meta.url)(
  "@grpc/grpc-js/build/src/service-config.js",
) as { validateServiceConfig(value: unknown): { readonly methodConfig: readonly GrpcJsMethod[] } };

interface GrpcJsMethod {
  readonly timeout?: { readonly seconds: number; readonly nanos: number };
}

const RETRY = {
  maxAttempts: 4,
  initialBackoff: "0.1s",
  maxBackoff: "1s",
  backoffMultiplier: 2,
  retryableStatusCodes: ["UNAVAILABLE", 8],
};

test("every field of gRPC's form is understood", () => {
  const { config, notes } = parseServiceConfig({
    loadBalancingConfig: [
      { xds_experimental: { a: 1 } },
      { weighted_round_robin: { weightUpdatePeriod: "2s" } },
      { round_robin: {} },
    ],
    methodConfig: [
      { name: [{ service: "a.B", method: "C" }], timeout: "1.5s", waitForReady: true, retryPolicy: RETRY },
      {
        name: [{ service: "a.B" }, { service: "a.D", method: "" }],
        maxRequestMessageBytes: 10,
        maxResponseMessageBytes: "4294967295",
        hedgingPolicy: { maxAttempts: 9, hedgingDelay: "0.0305s", nonFatalStatusCodes: ["aborted"] },
      },
      { name: [{}], timeout: "31536000s", waitForReady: false },
    ],
    retryThrottling: { maxTokens: 10, tokenRatio: 0.1 },
    healthCheckConfig: { serviceName: "a.B" },
    future: {},
  });
  assert.deepEqual(notes, ["future has no effect here"]);
  assert.deepEqual(config, {
    balancer: { client_side_weighted_round_robin: { everyMs: 2000 } },
    methods: [
      {
        names: [{ service: "a.B", method: "C" }],
        timeoutMs: 1500,
        waitForReadyMs: 86_400_000,
        idempotent: true,
        retry: {
          maxAttempts: 4,
          initialBackoffMs: 100,
          maxBackoffMs: 1000,
          backoffMultiplier: 2,
          jitter: 0.2,
          retryableCodes: ["UNAVAILABLE", "RESOURCE_EXHAUSTED"],
        },
      },
      {
        names: [{ service: "a.B" }, { service: "a.D" }],
        maxRequestBytes: 10,
        maxResponseBytes: 4_294_967_295,
        idempotent: true,
        retry: false,
        hedge: { maxExtraLoad: 4, delayMs: 30.5, maxAttempts: 5, nonFatalCodes: ["ABORTED"] },
      },
      { names: [{}], timeoutMs: 2_592_000_000 },
    ],
    retryThrottling: { maxTokens: 10, tokenRatio: 0.1 },
    healthCheck: { serviceName: "a.B" },
  });
});

test("outlier detection has gRPC's defaults, and its child is the balancer", () => {
  const { config } = parseServiceConfig({
    loadBalancingConfig: [
      {
        outlier_detection_experimental: {
          interval: "5s",
          successRateEjection: { stdevFactor: 1500 },
          failurePercentageEjection: {},
          childPolicy: [{ unknown: {} }, { least_request_experimental: { choiceCount: 3 } }],
        },
      },
    ],
  });
  const shared = { enforcementPercent: 100, minimumHosts: 5 };
  assert.deepEqual(config, {
    balancer: "least_request",
    outlierEjection: {
      consecutiveFailures: 0,
      latency: false,
      growth: "linear",
      jitter: 0,
      trial: false,
      intervalMs: 5000,
      baseEjectionMs: 30_000,
      maxEjectionMs: 300_000,
      maxEjectionPercent: 10,
      successRate: { stdevFactor: 1.5, ...shared, requestVolume: 100 },
      failurePercentage: { thresholdPercent: 85, timesOthers: 0, ...shared, requestVolume: 50 },
    },
  });
});

test("what gRPC refuses is refused, with gRPC's names", () => {
  const method = (rule: object) => ({ methodConfig: [{ name: [{}], ...rule }] });
  const cases: readonly [unknown, RegExp][] = [
    [{ loadBalancingConfig: [] }, /^loadBalancingConfig: there is no policy in it that is known here/],
    [{ loadBalancingConfig: [{ raund_robin: {} }] }, /did you mean round_robin\?$/],
    [
      { loadBalancingConfig: [{ round_robin: {}, pick_first: {} }] },
      /^loadBalancingConfig\[0\]: it must have one field/,
    ],
    [{ loadBalancingPolicy: "best" }, /^loadBalancingPolicy: it must be one of pick_first/],
    [{ loadBalancingConfig: [{ outlier_detection_experimental: {} }] }, /childPolicy: it is missing/],
    [{ loadBalancingConfig: nestedOutliers(3000) }, /it stands within outlier detection already$/],
    [
      method({ timeout: "1.5" }),
      /^methodConfig\[0\]\.timeout: it must be a time in seconds, above 0s, such as "1.5s", not "1.5"$/,
    ],
    [method({ timeout: "0s" }), /^methodConfig\[0\]\.timeout: .*above 0s/],
    [method({ waitForReady: 1 }), /^methodConfig\[0\]\.waitForReady: it must be true or false, not 1$/],
    [
      method({ maxRequestMessageBytes: -1 }),
      /^methodConfig\[0\]\.maxRequestMessageBytes: it must be a whole number/,
    ],
    [
      method({ retryPolicy: { ...RETRY, maxAttempts: 1 } }),
      /retryPolicy\.maxAttempts: it must be a whole number of 2 or more/,
    ],
    [
      method({ retryPolicy: { ...RETRY, retryableStatusCodes: [] } }),
      /retryableStatusCodes: it must hold 1 or more/,
    ],
    [
      method({ retryPolicy: { ...RETRY, backoffMultiplier: 0 } }),
      /backoffMultiplier: it must be a number above 0/,
    ],
    [
      method({ retryPolicy: { ...RETRY, initialBackoff: undefined } }),
      /initialBackoff: it must be a time in seconds/,
    ],
    [method({ retryPolicy: RETRY, hedgingPolicy: { maxAttempts: 2 } }), /exclude each other/],
    [
      { methodConfig: [{ name: [{ method: "C" }] }] },
      /^methodConfig\[0\]\.name\[0\]\.method: it needs a service/,
    ],
    [
      { methodConfig: [{ name: [{}] }, { name: [{}] }] },
      /^methodConfig\[1\]\.name\[0\]: .* has a rule already, at methodConfig\[0\]\.name\[0\]$/,
    ],
    [{ methodConfig: [{ name: 3 }] }, /^methodConfig\[0\]\.name: it must be a list/],
    [
      { methodConfig: [], retryThrottling: { maxTokens: 1001, tokenRatio: 1 } },
      /^retryThrottling\.maxTokens: it must be .* at most 1000/,
    ],
  ];
  for (const [value, expected] of cases) {
    const [fault, ...others] = parseServiceConfig(value).faults ?? [];
    assert.deepEqual(others, []);
    assert.match(
      fault === undefined ? `nothing wrong with ${JSON.stringify(value)}` : faultText(fault),
      expected,
    );
  }
});

test("whatever is passed, reading does not throw", () => {
  const named = fc.record(
    { loadBalancingConfig: fc.anything(), methodConfig: fc.anything(), healthCheckConfig: fc.anything() },
    { requiredKeys: ["methodConfig"] },
  );
  fc.assert(fc.property(named, (value) => void parseServiceConfig(value)));
  const rules = fc.array(
    fc.dictionary(fc.constantFrom("name", "timeout", "retryPolicy", "hedgingPolicy"), fc.anything()),
  );
  fc.assert(fc.property(rules, (methodConfig) => void parseServiceConfig({ methodConfig })));
});

test("times survive both ways, to the nanosecond", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2_592_000_000 }),
      fc.integer({ min: 0, max: 999_999 }),
      (ms, nanos) => {
        const value = ms + nanos / 1e6;
        const text = toGrpcDuration(value);
        assert.match(text, /^\d+(\.\d{9})?s$/);
        assert.ok(Math.abs((fromGrpcDuration(text) as number) - value) < 1e-5);
      },
    ),
  );
  assert.equal(toGrpcDuration(1999.9999999), "2s");
});

test("what is written is taken by grpc-js's own parser, with the same times, and by ours without a word", () => {
  fc.assert(
    fc.property(arbitraryServiceConfig(), (config) => {
      const written = toGrpcServiceConfig(config).config;
      const taken = validateServiceConfig(JSON.parse(JSON.stringify(written)));
      for (const [index, { timeoutMs = 0 }] of (config.methods ?? []).entries()) {
        if (timeoutMs < 1) continue;
        const { seconds = 0, nanos = 0 } = taken.methodConfig[index]?.timeout ?? {};
        assert.ok(Math.abs(seconds * 1000 + nanos / 1e6 - timeoutMs) < 1e-5);
      }
      assert.deepEqual(fromGrpcServiceConfig(written).notes, []);
    }),
  );
});

test("writing what was read, and reading it again, changes nothing any more", () => {
  fc.assert(
    fc.property(arbitraryServiceConfig(), (config) => {
      const once = read(toGrpcServiceConfig(config).config);
      const { config: written } = toGrpcServiceConfig(once);
      assert.deepEqual(read(written), once);
      assert.deepEqual(toGrpcServiceConfig(read(written)).config, written);
    }),
  );
});

test("what gRPC can say comes back as it was, and nothing is said to be lost", () => {
  const config: ServiceConfig = {
    balancer: { ring_hash: { minRingSize: 10 } },
    methods: [
      { names: [{ service: "a.B", method: "C" }], timeoutMs: 1.25, maxRequestBytes: 7, maxResponseBytes: 8 },
      {
        names: [{ service: "a.B" }],
        idempotent: true,
        retry: {
          maxAttempts: 2,
          initialBackoffMs: 1,
          maxBackoffMs: 2,
          backoffMultiplier: 1.5,
          jitter: 0.2,
          retryableCodes: ["ABORTED"],
          perAttemptTimeoutMs: 40,
        },
      },
      { names: [{}], waitForReadyMs: 86_400_000 },
    ],
    retryThrottling: { maxTokens: 5, tokenRatio: 0.5 },
    healthCheck: { serviceName: "" },
  };
  const { config: written, notes } = toGrpcServiceConfig(config);
  assert.deepEqual(notes, []);
  assert.deepEqual(read(written), config);
});

test("what gRPC cannot say is named", () => {
  const { config, notes } = toGrpcServiceConfig({
    balancer: { prequal: { probesPerCall: 2 } },
    methods: [
      { waitForReadyMs: 5, criticality: "sheddable", retry: {}, hedge: {} },
      { names: [{ service: "a.B" }], idempotent: true, hedge: { delayMs: 5 }, maxConcurrent: 3 },
    ],
    retryBudget: { ratio: 1 },
    outlierEjection: { latency: {} },
  });
  assert.deepEqual(
    notes.map((note) => note.split(" is left out")[0]),
    [
      "outlierEjection.consecutiveFailures",
      "outlierEjection.latency",
      "methods[0].waitForReadyMs",
      "methods[0].retry",
      "methods[0].hedge",
      "methods[0].criticality",
      "methods[1].hedge.maxExtraLoad",
      "methods[1].maxConcurrent",
      "retryBudget",
    ],
  );
  const [around] = config.loadBalancingConfig ?? [];
  assert.deepEqual(around?.["outlier_detection_experimental"]?.["childPolicy"], [
    { heddle_prequal: { probesPerCall: 2 } },
    { round_robin: {} },
  ]);
});

function read(value: unknown): ServiceConfig {
  const { config, faults = [] } = fromGrpcServiceConfig(value);
  assert.deepEqual(faults.map(faultText), []);
  return config as ServiceConfig;
}

function nestedOutliers(depth: number): readonly object[] {
  let list: readonly object[] = [{ round_robin: {} }];
  for (let level = 0; level < depth; level++) list = [{ outlier_detection: { childPolicy: list } }];
  return list;
}
