/**
 * Writes a service config in gRPC's form, for clients in other languages. What gRPC has no words for is left out, and
 * said; what it has other defaults for is written out, so that both kinds of clients do the same.
 *
 * A policy that gRPC does not have stands in front under a name of ours, which gRPC passes over, with `round_robin`
 * behind it.
 */
import { pathText } from "./check-value.ts";
import { toGrpcDuration } from "./grpc-duration.ts";
import {
  type GrpcBalancer,
  type GrpcHedgingPolicy,
  type GrpcMethodConfig,
  type GrpcRetryPolicy,
  type GrpcServiceConfig,
  grpcBalancers,
  OWN_BALANCER_PREFIX,
  WAIT_FOR_READY_MS,
} from "./grpc-service-config.ts";
import { balancerFields } from "./balancer-fields.ts";
import type {
  HedgeConfig,
  MethodConfig,
  OutlierConfig,
  RetryConfig,
  ServiceConfig,
} from "./service-config.ts";

type Mutable<Config> = { -readonly [Name in keyof Config]: Config[Name] };

export interface WrittenServiceConfig {
  readonly config: GrpcServiceConfig;
  /** What gRPC's form does not say, a sentence each; empty when it says all. */
  readonly notes: readonly string[];
}

/** `config` must be valid, as `parseServiceConfig` gives it. */
export function toGrpcServiceConfig(config: ServiceConfig): WrittenServiceConfig {
  const notes: string[] = [];
  const written: Mutable<GrpcServiceConfig> = {};
  const balancers = toBalancers(config, notes);
  if (balancers !== undefined) written.loadBalancingConfig = balancers;
  if (config.methods !== undefined)
    written.methodConfig = config.methods.map((rule, index) => toMethod(rule, index, notes));
  if (config.retryThrottling !== undefined) written.retryThrottling = config.retryThrottling;
  if (config.healthCheck !== undefined) written.healthCheckConfig = config.healthCheck;
  for (const name of ["retryBudget", "concurrencyLimit", "throttling"] as const)
    if (config[name] !== undefined && config[name] !== false)
      notes.push(`${name} is left out: gRPC has no such thing`);
  return { config: written, notes };
}

function toMethod(rule: MethodConfig, index: number, notes: string[]): GrpcMethodConfig {
  const leftOut = (name: keyof MethodConfig, why: string) =>
    notes.push(`${pathText(["methods", index, name])} is left out: ${why}`);
  const { names = [], timeoutMs, waitForReadyMs, maxRequestBytes, maxResponseBytes, retry, hedge } = rule;
  const written: Mutable<GrpcMethodConfig> = { name: names.length === 0 ? [{}] : names };
  if (timeoutMs !== undefined && timeoutMs > 0) written.timeout = toGrpcDuration(timeoutMs);
  const waitsForEver = (waitForReadyMs ?? 0) >= Math.min(timeoutMs || WAIT_FOR_READY_MS, WAIT_FOR_READY_MS);
  if (waitsForEver) written.waitForReady = true;
  else if (waitForReadyMs !== undefined) leftOut("waitForReadyMs", "gRPC waits for ever, or not at all");
  if (maxRequestBytes !== undefined) written.maxRequestMessageBytes = maxRequestBytes;
  if (maxResponseBytes !== undefined) written.maxResponseMessageBytes = maxResponseBytes;
  const repeats = retry !== undefined && retry !== false && retry.maxAttempts !== 1;
  if (repeats && rule.idempotent === true) written.retryPolicy = toRetry(retry);
  else if (repeats)
    leftOut(
      "retry",
      "gRPC would repeat what the contract does not allow; say idempotent: true for these methods",
    );
  if (hedge !== undefined && hedge !== false) {
    if (rule.idempotent !== true)
      leftOut(
        "hedge",
        "gRPC would hedge what the contract does not allow; say idempotent: true for these methods",
      );
    else if (written.retryPolicy !== undefined) leftOut("hedge", "gRPC knows it only in the place of retry");
    else if (typeof hedge.delayMs !== "number") leftOut("hedge", "gRPC needs a delay");
    else {
      written.hedgingPolicy = toHedging(hedge, hedge.delayMs);
      if (hedge.maxExtraLoad !== (hedge.maxAttempts ?? 2) - 1)
        notes.push(
          `${pathText(["methods", index, "hedge", "maxExtraLoad"])} is left out: gRPC has retryThrottling for it`,
        );
    }
  }
  for (const name of ["criticality", "maxConcurrent", "maxQueued"] as const)
    if (rule[name] !== undefined) leftOut(name, "gRPC has no such thing");
  return written;
}

/** All of it has to be there. */
function toRetry(retry: RetryConfig): GrpcRetryPolicy {
  const { maxAttempts = 3, initialBackoffMs = 25, maxBackoffMs = 1000, backoffMultiplier = 2 } = retry;
  const { retryableCodes = ["UNAVAILABLE"], perAttemptTimeoutMs } = retry;
  return {
    maxAttempts,
    initialBackoff: toGrpcDuration(initialBackoffMs),
    maxBackoff: toGrpcDuration(maxBackoffMs),
    backoffMultiplier,
    retryableStatusCodes: retryableCodes,
    ...(perAttemptTimeoutMs === undefined
      ? {}
      : { perAttemptRecvTimeout: toGrpcDuration(perAttemptTimeoutMs) }),
  };
}

function toHedging(
  { maxAttempts = 2, nonFatalCodes = ["UNAVAILABLE"] }: HedgeConfig,
  delayMs: number,
): GrpcHedgingPolicy {
  return { maxAttempts, hedgingDelay: toGrpcDuration(delayMs), nonFatalStatusCodes: nonFatalCodes };
}

function toBalancers(config: ServiceConfig, notes: string[]): readonly GrpcBalancer[] | undefined {
  const { balancer, outlierEjection } = config;
  const own = balancer === undefined ? undefined : toBalancer(balancer);
  if (outlierEjection === undefined || outlierEjection === false) return own;
  return [
    { outlier_detection_experimental: toOutlier(outlierEjection, own ?? [{ round_robin: {} }], notes) },
  ];
}

function toBalancer(balancer: NonNullable<ServiceConfig["balancer"]>): GrpcBalancer[] {
  const [name, settings] =
    typeof balancer === "string"
      ? [balancer, {}]
      : (Object.entries(balancer)[0] as [string, Readonly<Record<string, unknown>>]);
  const list: GrpcBalancer[] = [];
  const [grpcName] = Object.entries(grpcBalancers).find(([, own]) => own === name) ?? [];
  const fields = balancerFields[name] ?? {};
  const names = Object.keys(settings);
  // Under our own name nothing of it is lost.
  if (grpcName === undefined || names.some((field) => fields[field]?.grpc === undefined))
    list.push({ [OWN_BALANCER_PREFIX + name]: settings });
  if (grpcName !== undefined) list.push({ [grpcName]: toGrpcSettings(name, settings) });
  if (name !== "round_robin" && name !== "pick_first") list.push({ round_robin: {} });
  return list;
}

function toGrpcSettings(name: string, settings: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const written: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(settings)) {
    const grpc = balancerFields[name]?.[field]?.grpc;
    if (grpc !== undefined) written[grpc] = field.endsWith("Ms") ? toGrpcDuration(value as number) : value;
  }
  return written;
}

function toOutlier(
  outlier: OutlierConfig,
  childPolicy: readonly GrpcBalancer[],
  notes: string[],
): Record<string, unknown> {
  const { failurePercentage: failure = {}, successRate: success = false } = outlier;
  const {
    intervalMs = 10_000,
    baseEjectionMs = 1000,
    maxEjectionMs = 30_000,
    maxEjectionPercent = 50,
  } = outlier;
  if ((outlier.consecutiveFailures ?? 5) !== 0)
    notes.push("outlierEjection.consecutiveFailures is left out: gRPC goes by shares of an interval");
  if (outlier.latency !== undefined && outlier.latency !== false)
    notes.push("outlierEjection.latency is left out: gRPC does not look at latency");
  const written: Record<string, unknown> = {
    interval: toGrpcDuration(intervalMs),
    baseEjectionTime: toGrpcDuration(baseEjectionMs),
    maxEjectionTime: toGrpcDuration(maxEjectionMs),
    maxEjectionPercent: Math.round(maxEjectionPercent),
  };
  if (success !== false) {
    const { stdevFactor = 1.9, enforcementPercent = 100, minimumHosts = 5, requestVolume = 100 } = success;
    written["successRateEjection"] = {
      stdevFactor: Math.round(stdevFactor * 1000),
      enforcementPercentage: Math.round(enforcementPercent),
      minimumHosts,
      requestVolume,
    };
  }
  if (failure !== false) {
    const { thresholdPercent = 20, enforcementPercent = 100, minimumHosts = 2, requestVolume = 20 } = failure;
    written["failurePercentageEjection"] = {
      threshold: Math.round(thresholdPercent),
      enforcementPercentage: Math.round(enforcementPercent),
      minimumHosts,
      requestVolume,
    };
  }
  written["childPolicy"] = childPolicy;
  return written;
}
