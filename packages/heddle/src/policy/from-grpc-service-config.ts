/**
 * Reads gRPC's service config. Semantics: gRFC A2 and A6 (methods, retries, hedging, throttling), A17 (health), A48 and
 * A58 and A76 (policies), A50 (outlier detection), https://github.com/grpc/proposal.
 *
 * As in gRPC an unknown field is no fault, for a later version may know it; it is noted. Who writes `retryPolicy` says
 * with it that the methods may be repeated, so it makes them `idempotent`, which in Heddle is a statement of its own.
 */
import { isJsonObject } from "../call/json-object.ts";
import { nearest } from "../call/nearest.ts";
import { balancerFields } from "./balancer-fields.ts";
import { checkValue, type Fault, type Path, pathText, show } from "./check-value.ts";
import { fromGrpcDuration } from "./grpc-duration.ts";
import {
  GRPC_OUTLIER_NAMES,
  grpcBalancers,
  OWN_BALANCER_PREFIX,
  WAIT_FOR_READY_MS,
} from "./grpc-service-config.ts";
import { checkMethodNames } from "./method-names.ts";
import type { ParsedServiceConfig } from "./parse-service-config.ts";
import type {
  HedgeConfig,
  MethodConfig,
  MethodName,
  OutlierConfig,
  RetryConfig,
  ServiceConfig,
} from "./service-config.ts";
import { MAX_ATTEMPTS, retryThrottlingFields } from "./service-config-fields.ts";

type Json = Readonly<Record<string, unknown>>;
type Mutable<Config> = { -readonly [Name in keyof Config]: Config[Name] };

/** Of `ServiceConfig`, what the config says. Faults are told with gRPC's names. */
export function fromGrpcServiceConfig(value: unknown): ParsedServiceConfig {
  const reader = new GrpcReader();
  if (!isJsonObject(value))
    return { faults: [{ path: [], reason: `it must be an object, not ${show(value)}` }] };
  const config = reader.serviceConfig(value);
  return reader.faults.length > 0 ? { faults: reader.faults } : { config, notes: reader.notes };
}

class GrpcReader {
  readonly faults: Fault[] = [];
  readonly notes: string[] = [];

  serviceConfig(given: Json): ServiceConfig {
    const config: Mutable<ServiceConfig> = {};
    const { loadBalancingConfig, loadBalancingPolicy, methodConfig, retryThrottling, healthCheckConfig } =
      given;
    this.#noteOthers(given, SERVICE_FIELDS, []);
    if (loadBalancingConfig !== undefined)
      this.#balancers(loadBalancingConfig, ["loadBalancingConfig"], config);
    else if (loadBalancingPolicy !== undefined) this.#oldPolicy(loadBalancingPolicy, config);
    if (methodConfig !== undefined) config.methods = this.#methods(methodConfig);
    if (retryThrottling !== undefined)
      config.retryThrottling = checkValue(
        retryThrottling,
        { kind: "object", fields: retryThrottlingFields },
        ["retryThrottling"],
        this.faults,
      ) as NonNullable<ServiceConfig["retryThrottling"]>;
    if (healthCheckConfig !== undefined) {
      const health = this.#object(healthCheckConfig, ["healthCheckConfig"]);
      const serviceName = health["serviceName"] ?? "";
      if (typeof serviceName !== "string")
        this.#fault(["healthCheckConfig", "serviceName"], `it must be a text, not ${show(serviceName)}`);
      else config.healthCheck = { serviceName };
    }
    return config;
  }

  #methods(given: unknown): MethodConfig[] {
    const rules = this.#list(given, ["methodConfig"]).map((rule, index) =>
      this.#method(this.#object(rule, ["methodConfig", index]), ["methodConfig", index]),
    );
    checkMethodNames(
      rules.map(({ names = [] }, index) => ({ names, path: ["methodConfig", index], field: "name" })),
      this.faults,
    );
    return rules;
  }

  #method(given: Json, path: Path): MethodConfig {
    const rule: Mutable<MethodConfig> = {};
    this.#noteOthers(given, METHOD_FIELDS, path);
    rule.names = this.#names(given["name"], [...path, "name"]);
    const { timeout, waitForReady, retryPolicy, hedgingPolicy } = given;
    if (timeout !== undefined) rule.timeoutMs = this.#duration(timeout, [...path, "timeout"]);
    if (waitForReady !== undefined && typeof waitForReady !== "boolean")
      this.#fault([...path, "waitForReady"], `it must be true or false, not ${show(waitForReady)}`);
    if (waitForReady === true) rule.waitForReadyMs = WAIT_FOR_READY_MS;
    // The second spelling is that of grpc-js.
    for (const name of ["maxRequestMessageBytes", "maxRequestBytes"])
      if (given[name] !== undefined) rule.maxRequestBytes = this.#count(given[name], [...path, name]);
    for (const name of ["maxResponseMessageBytes", "maxResponseBytes"])
      if (given[name] !== undefined) rule.maxResponseBytes = this.#count(given[name], [...path, name]);
    if (retryPolicy !== undefined && hedgingPolicy !== undefined)
      this.#fault(path, "retryPolicy and hedgingPolicy exclude each other");
    if (retryPolicy !== undefined) {
      rule.idempotent = true;
      rule.retry = this.#retry(this.#object(retryPolicy, [...path, "retryPolicy"]), [...path, "retryPolicy"]);
    } else if (hedgingPolicy !== undefined) {
      const hedgePath = [...path, "hedgingPolicy"];
      rule.idempotent = true;
      rule.retry = false;
      rule.hedge = this.#hedge(this.#object(hedgingPolicy, hedgePath), hedgePath);
    }
    return rule;
  }

  #names(given: unknown, path: Path): MethodName[] {
    return this.#list(given, path).map((item, index) => {
      const here = [...path, index];
      const { service = "", method = "" } = this.#object(item, here);
      if (typeof service !== "string")
        this.#fault([...here, "service"], `it must be a text, not ${show(service)}`);
      if (typeof method !== "string")
        this.#fault([...here, "method"], `it must be a text, not ${show(method)}`);
      return {
        ...(service === "" ? {} : { service: String(service) }),
        ...(method === "" ? {} : { method: String(method) }),
      };
    });
  }

  #retry(given: Json, path: Path): RetryConfig {
    this.#noteOthers(given, RETRY_FIELDS, path);
    const multiplier = given["backoffMultiplier"];
    if (typeof multiplier !== "number" || !(multiplier > 0))
      this.#fault([...path, "backoffMultiplier"], `it must be a number above 0, not ${show(multiplier)}`);
    const { perAttemptRecvTimeout } = given;
    return {
      maxAttempts: this.#attempts(given["maxAttempts"], [...path, "maxAttempts"]),
      initialBackoffMs: this.#duration(given["initialBackoff"], [...path, "initialBackoff"]),
      maxBackoffMs: this.#duration(given["maxBackoff"], [...path, "maxBackoff"]),
      backoffMultiplier: Math.min(Number(multiplier), 1000),
      jitter: GRPC_JITTER,
      retryableCodes: this.#codes(given["retryableStatusCodes"], [...path, "retryableStatusCodes"], 1),
      ...(perAttemptRecvTimeout === undefined
        ? {}
        : {
            perAttemptTimeoutMs: this.#duration(perAttemptRecvTimeout, [...path, "perAttemptRecvTimeout"]),
          }),
    };
  }

  #hedge(given: Json, path: Path): HedgeConfig {
    this.#noteOthers(given, HEDGE_FIELDS, path);
    const maxAttempts = this.#attempts(given["maxAttempts"], [...path, "maxAttempts"]);
    return {
      // gRPC bounds hedges by retryThrottling alone.
      maxExtraLoad: maxAttempts - 1,
      delayMs: this.#duration(given["hedgingDelay"] ?? "0s", [...path, "hedgingDelay"], "from 0s"),
      maxAttempts,
      nonFatalCodes: this.#codes(given["nonFatalStatusCodes"] ?? [], [...path, "nonFatalStatusCodes"], 0),
    };
  }

  /** The first policy of the list that is known, as gRPC chooses. */
  #balancers(given: unknown, path: Path, config: Mutable<ServiceConfig>): void {
    const names: string[] = [];
    for (const [index, item] of this.#list(given, path).entries()) {
      const entries = Object.entries(this.#object(item, [...path, index]));
      const [only] = entries;
      if (only === undefined || entries.length !== 1)
        return this.#fault([...path, index], "it must have one field, the name of a policy");
      const [name, settings] = only;
      names.push(name);
      const here = [...path, index, name];
      if (GRPC_OUTLIER_NAMES.includes(name)) return this.#outlier(this.#object(settings, here), here, config);
      const own = this.#ownBalancer(name);
      if (own === undefined) continue;
      config.balancer = name.startsWith(OWN_BALANCER_PREFIX)
        ? this.#ownSettings(own, settings, here)
        : this.#grpcSettings(own, this.#object(settings, here), here);
      return;
    }
    const known = Object.keys(grpcBalancers);
    const meant = names.map((name) => nearest(name, known)).find((name) => name !== undefined);
    this.#fault(
      path,
      `there is no policy in it that is known here; known are ${[...known, ...GRPC_OUTLIER_NAMES].join(", ")}${meant === undefined ? "" : `; did you mean ${meant}?`}`,
    );
  }

  #ownBalancer(name: string): string | undefined {
    if (Object.hasOwn(grpcBalancers, name)) return grpcBalancers[name];
    const own = name.startsWith(OWN_BALANCER_PREFIX) ? name.slice(OWN_BALANCER_PREFIX.length) : undefined;
    return own !== undefined && Object.hasOwn(balancerFields, own) ? own : undefined;
  }

  #ownSettings(name: string, settings: unknown, path: Path): NonNullable<ServiceConfig["balancer"]> {
    const fields = balancerFields[name] ?? {};
    const checked = checkValue(settings, { kind: "object", fields }, path, this.faults) as Json | undefined;
    return checked === undefined || Object.keys(checked).length === 0 ? name : { [name]: checked };
  }

  #grpcSettings(name: string, given: Json, path: Path): NonNullable<ServiceConfig["balancer"]> {
    const settings: Record<string, unknown> = {};
    const known: string[] = [];
    for (const [field, { grpc, is }] of Object.entries(balancerFields[name] ?? {})) {
      if (grpc === undefined) continue;
      known.push(grpc);
      const value = given[grpc];
      if (value === undefined) continue;
      const isTime = field.endsWith("Ms");
      const own = isTime ? this.#duration(value, [...path, grpc], "from 0s") : value;
      settings[field] = checkValue(own, is, [...path, grpc], this.faults);
    }
    this.#noteOthers(given, known, path);
    return Object.keys(settings).length === 0 ? name : { [name]: settings };
  }

  #oldPolicy(given: unknown, config: Mutable<ServiceConfig>): void {
    const name = typeof given === "string" ? given.toLowerCase() : "";
    if (name === "unspecified") return;
    const own = Object.hasOwn(grpcBalancers, name) ? grpcBalancers[name] : undefined;
    if (own === undefined)
      return this.#fault(
        ["loadBalancingPolicy"],
        `it must be one of ${Object.keys(grpcBalancers).join(", ")}, not ${show(given)}`,
      );
    config.balancer = own;
  }

  /** With gRPC's defaults written out, for ours are others. */
  #outlier(given: Json, path: Path, config: Mutable<ServiceConfig>): void {
    this.#noteOthers(given, OUTLIER_FIELDS, path);
    const time = (name: string, otherwise: string) =>
      Math.max(1, this.#duration(given[name] ?? otherwise, [...path, name]));
    const {
      successRateEjection: success,
      failurePercentageEjection: failure,
      maxEjectionPercent = 10,
    } = given;
    const outlier: Mutable<OutlierConfig> = {
      consecutiveFailures: 0,
      failurePercentage: false,
      successRate: false,
      latency: false,
      intervalMs: Math.max(10, time("interval", "10s")),
      baseEjectionMs: time("baseEjectionTime", "30s"),
      maxEjectionMs: time("maxEjectionTime", "300s"),
      growth: "linear",
      jitter: 0,
      maxEjectionPercent: this.#count(maxEjectionPercent, [...path, "maxEjectionPercent"], 100),
      trial: false,
    };
    if (success !== undefined) {
      const here = [...path, "successRateEjection"];
      const { stdevFactor = 1900 } = this.#object(success, here);
      outlier.successRate = {
        stdevFactor: this.#count(stdevFactor, [...here, "stdevFactor"], 1_000_000) / 1000,
        ...this.#ejection(this.#object(success, here), here, 100),
      };
    }
    if (failure !== undefined) {
      const here = [...path, "failurePercentageEjection"];
      const { threshold = 85 } = this.#object(failure, here);
      outlier.failurePercentage = {
        thresholdPercent: this.#count(threshold, [...here, "threshold"], 100),
        timesOthers: 0,
        ...this.#ejection(this.#object(failure, here), here, 50),
      };
    }
    config.outlierEjection = outlier;
    if (given["childPolicy"] === undefined)
      return this.#fault([...path, "childPolicy"], "it is missing: a list of policies");
    this.#balancers(given["childPolicy"], [...path, "childPolicy"], config);
  }

  #ejection(given: Json, path: Path, volume: number) {
    const { enforcementPercentage = 100, minimumHosts = 5, requestVolume = volume } = given;
    return {
      enforcementPercent: this.#count(enforcementPercentage, [...path, "enforcementPercentage"], 100),
      minimumHosts: Math.max(1, this.#count(minimumHosts, [...path, "minimumHosts"], 100_000)),
      requestVolume: this.#count(requestVolume, [...path, "requestVolume"], 1_000_000_000),
    };
  }

  #attempts(value: unknown, path: Path): number {
    if (Number.isInteger(value) && Number(value) >= 2) return Math.min(Number(value), MAX_ATTEMPTS);
    this.#fault(path, `it must be a whole number of 2 or more, not ${show(value)}`);
    return 2;
  }

  #duration(value: unknown, path: Path, from: "from 0s" | "above 0s" = "above 0s"): number {
    const ms = fromGrpcDuration(value);
    if (ms !== undefined && (ms > 0 || from === "from 0s")) return Math.min(ms, MAX_DURATION_MS);
    this.#fault(path, `it must be a time in seconds, ${from}, such as "1.5s", not ${show(value)}`);
    return 1;
  }

  /** Protobuf's JSON writes large numbers as texts. */
  #count(value: unknown, path: Path, max = MAX_UINT32): number {
    const count = typeof value === "string" && /^\d{1,10}$/.test(value) ? Number(value) : value;
    if (Number.isInteger(count) && Number(count) >= 0 && Number(count) <= max) return Number(count);
    this.#fault(path, `it must be a whole number from 0 to ${max}, not ${show(value)}`);
    return 0;
  }

  #codes(value: unknown, path: Path, atLeast: number): string[] {
    const is = { kind: "list", of: { kind: "code" }, atLeast } as const;
    return (checkValue(value, is, path, this.faults) ?? []) as string[];
  }

  #object(value: unknown, path: Path): Json {
    if (isJsonObject(value)) return value;
    this.#fault(path, `it must be an object, not ${show(value)}`);
    return {};
  }

  #list(value: unknown, path: Path): readonly unknown[] {
    if (Array.isArray(value)) return value;
    this.#fault(path, `it must be a list, not ${show(value)}`);
    return [];
  }

  #noteOthers(given: Json, known: readonly string[], path: Path): void {
    for (const name of Object.keys(given)) {
      if (known.includes(name)) continue;
      const meant = nearest(name, known);
      this.notes.push(
        `${pathText([...path, name])} has no effect here${meant === undefined ? "" : `; did you mean ${meant}?`}`,
      );
    }
  }

  #fault(path: Path, reason: string): void {
    if (!this.faults.some((fault) => pathText(fault.path) === pathText(path)))
      this.faults.push({ path, reason });
  }
}

const MAX_UINT32 = 4_294_967_295;
/** Thirty days: what is longer never ends anything. */
const MAX_DURATION_MS = 30 * 24 * 3_600_000;

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
const OUTLIER_FIELDS = [
  "interval",
  "baseEjectionTime",
  "maxEjectionTime",
  "maxEjectionPercent",
  "successRateEjection",
  "failurePercentageEjection",
  "childPolicy",
];
