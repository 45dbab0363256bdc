/**
 * Reads gRPC's service config. Semantics: gRFC A2 and A6 (methods, retries, hedging, throttling), A17 (health),
 * https://github.com/grpc/proposal; of balancers in `from-grpc-balancers.ts`.
 *
 * As in gRPC an unknown field is no fault, for a later version may know it; it is noted. Who writes `retryPolicy` says
 * with it that the methods may be repeated, so it makes them `idempotent`, which in Heddle is a statement of its own.
 */
import { isJsonObject } from "../call/json-object.ts";
import { checkValue, type Path, show } from "./check-value.ts";
import { readGrpcBalancers, readGrpcPolicy } from "./from-grpc-balancers.ts";
import { GrpcReader, type Json } from "./grpc-reader.ts";
import { WAIT_FOR_READY_MS } from "./grpc-service-config.ts";
import { checkMethodNames } from "./method-names.ts";
import type { ParsedServiceConfig } from "./parse-service-config.ts";
import type { HedgeConfig, MethodConfig, MethodName, RetryConfig, ServiceConfig } from "./service-config.ts";
import { MAX_ATTEMPTS, retryThrottlingFields } from "./service-config-fields.ts";

type Mutable<Config> = { -readonly [Name in keyof Config]: Config[Name] };

/** Of `ServiceConfig`, what the config says. Faults are told with gRPC's names. */
export function fromGrpcServiceConfig(value: unknown): ParsedServiceConfig {
  const reader = new GrpcReader();
  if (!isJsonObject(value))
    return { faults: [{ path: [], reason: `it must be an object, not ${show(value)}` }] };
  const config = readServiceConfig(reader, value);
  return reader.faults.length > 0 ? { faults: reader.faults } : { config, notes: reader.notes };
}

function readServiceConfig(reader: GrpcReader, given: Json): ServiceConfig {
  const config: Mutable<ServiceConfig> = {};
  const { loadBalancingConfig, loadBalancingPolicy, methodConfig, retryThrottling, healthCheckConfig } =
    given;
  reader.noteOthers(given, SERVICE_FIELDS, []);
  if (loadBalancingConfig !== undefined)
    readGrpcBalancers(reader, loadBalancingConfig, ["loadBalancingConfig"], config);
  else if (loadBalancingPolicy !== undefined) readGrpcPolicy(reader, loadBalancingPolicy, config);
  if (methodConfig !== undefined) config.methods = readMethods(reader, methodConfig);
  if (retryThrottling !== undefined)
    config.retryThrottling = checkValue(
      retryThrottling,
      { kind: "object", fields: retryThrottlingFields },
      ["retryThrottling"],
      reader.faults,
    ) as NonNullable<ServiceConfig["retryThrottling"]>;
  if (healthCheckConfig !== undefined) {
    const health = reader.object(healthCheckConfig, ["healthCheckConfig"]);
    const serviceName = health["serviceName"] ?? "";
    if (typeof serviceName !== "string")
      reader.fault(["healthCheckConfig", "serviceName"], `it must be a text, not ${show(serviceName)}`);
    else config.healthCheck = { serviceName };
  }
  return config;
}

function readMethods(reader: GrpcReader, given: unknown): MethodConfig[] {
  const rules = reader
    .list(given, ["methodConfig"])
    .map((rule, index) =>
      readMethod(reader, reader.object(rule, ["methodConfig", index]), ["methodConfig", index]),
    );
  if (reader.faults.length > 0) return rules;
  checkMethodNames(
    rules.map(({ names = [] }, index) => ({ names, path: ["methodConfig", index], field: "name" })),
    reader.faults,
  );
  return rules;
}

function readMethod(reader: GrpcReader, given: Json, path: Path): MethodConfig {
  const rule: Mutable<MethodConfig> = {};
  reader.noteOthers(given, METHOD_FIELDS, path);
  rule.names = readNames(reader, given["name"], [...path, "name"]);
  const { timeout, waitForReady, retryPolicy, hedgingPolicy } = given;
  if (timeout !== undefined) rule.timeoutMs = reader.duration(timeout, [...path, "timeout"]);
  if (waitForReady !== undefined && typeof waitForReady !== "boolean")
    reader.fault([...path, "waitForReady"], `it must be true or false, not ${show(waitForReady)}`);
  if (waitForReady === true) rule.waitForReadyMs = WAIT_FOR_READY_MS;
  // The second spelling is that of grpc-js.
  for (const name of ["maxRequestMessageBytes", "maxRequestBytes"])
    if (given[name] !== undefined) rule.maxRequestBytes = reader.count(given[name], [...path, name]);
  for (const name of ["maxResponseMessageBytes", "maxResponseBytes"])
    if (given[name] !== undefined) rule.maxResponseBytes = reader.count(given[name], [...path, name]);
  if (retryPolicy !== undefined && hedgingPolicy !== undefined)
    reader.fault(path, "retryPolicy and hedgingPolicy exclude each other");
  if (retryPolicy !== undefined) {
    rule.idempotent = true;
    rule.retry = readRetry(reader, reader.object(retryPolicy, [...path, "retryPolicy"]), [
      ...path,
      "retryPolicy",
    ]);
  } else if (hedgingPolicy !== undefined) {
    const hedgePath = [...path, "hedgingPolicy"];
    rule.idempotent = true;
    rule.retry = false;
    rule.hedge = readHedge(reader, reader.object(hedgingPolicy, hedgePath), hedgePath);
  }
  return rule;
}

function readNames(reader: GrpcReader, given: unknown, path: Path): MethodName[] {
  return reader.list(given, path).map((item, index) => {
    const here = [...path, index];
    const { service = "", method = "" } = reader.object(item, here);
    if (typeof service !== "string")
      reader.fault([...here, "service"], `it must be a text, not ${show(service)}`);
    if (typeof method !== "string")
      reader.fault([...here, "method"], `it must be a text, not ${show(method)}`);
    return {
      ...(service === "" ? {} : { service: String(service) }),
      ...(method === "" ? {} : { method: String(method) }),
    };
  });
}

function readRetry(reader: GrpcReader, given: Json, path: Path): RetryConfig {
  reader.noteOthers(given, RETRY_FIELDS, path);
  const multiplier = given["backoffMultiplier"];
  if (typeof multiplier !== "number" || !(multiplier > 0))
    reader.fault([...path, "backoffMultiplier"], `it must be a number above 0, not ${show(multiplier)}`);
  const { perAttemptRecvTimeout } = given;
  return {
    maxAttempts: readAttempts(reader, given["maxAttempts"], [...path, "maxAttempts"]),
    initialBackoffMs: reader.duration(given["initialBackoff"], [...path, "initialBackoff"]),
    maxBackoffMs: reader.duration(given["maxBackoff"], [...path, "maxBackoff"]),
    backoffMultiplier: Math.min(Number(multiplier), 1000),
    jitter: GRPC_JITTER,
    retryableCodes: reader.codes(given["retryableStatusCodes"], [...path, "retryableStatusCodes"], 1),
    ...(perAttemptRecvTimeout === undefined
      ? {}
      : {
          perAttemptTimeoutMs: reader.duration(perAttemptRecvTimeout, [...path, "perAttemptRecvTimeout"]),
        }),
  };
}

function readHedge(reader: GrpcReader, given: Json, path: Path): HedgeConfig {
  reader.noteOthers(given, HEDGE_FIELDS, path);
  const maxAttempts = readAttempts(reader, given["maxAttempts"], [...path, "maxAttempts"]);
  return {
    // gRPC bounds hedges by retryThrottling alone.
    maxExtraLoad: maxAttempts - 1,
    delayMs: reader.duration(given["hedgingDelay"] ?? "0s", [...path, "hedgingDelay"], "from 0s"),
    maxAttempts,
    nonFatalCodes: reader.codes(given["nonFatalStatusCodes"] ?? [], [...path, "nonFatalStatusCodes"], 0),
  };
}

function readAttempts(reader: GrpcReader, value: unknown, path: Path): number {
  if (Number.isInteger(value) && Number(value) >= 2) return Math.min(Number(value), MAX_ATTEMPTS);
  reader.fault(path, `it must be a whole number of 2 or more, not ${show(value)}`);
  return 2;
}

const SERVICE_FIELDS = [
  "loadBalancingConfig",
  "loadBalancingPolicy",
  "methodConfig",
  "retryThrottling",
  "healthCheckConfig",
];
const METHOD_FIELDS = [
  "name",
  "timeout",
  "waitForReady",
  "maxRequestMessageBytes",
  "maxResponseMessageBytes",
  "maxRequestBytes",
  "maxResponseBytes",
  "retryPolicy",
  "hedgingPolicy",
];
/** "min(initialBackoff*backoffMultiplier^(n-1), maxBackoff) * random(0.8, 1.2)" (gRFC A6). */
const GRPC_JITTER = 0.2;
const RETRY_FIELDS = [
  "maxAttempts",
  "initialBackoff",
  "maxBackoff",
  "backoffMultiplier",
  "retryableStatusCodes",
  "perAttemptRecvTimeout",
];
const HEDGE_FIELDS = ["maxAttempts", "hedgingDelay", "nonFatalStatusCodes"];
