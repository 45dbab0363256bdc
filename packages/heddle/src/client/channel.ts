/**
 * A channel: everything behind the calls to one target. It owns the watch of discovery, the connections, the
 * balancer, the retry budget, and one linked stack that all its calls walk.
 */
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { BalancerFactory } from "../balance/policies.ts";
import { HeddleError } from "../call/errors.ts";
import { linkLayers } from "../call/layer.ts";
import { attachRecord, type CallRecord } from "../call/record.ts";
import { VERSION } from "../call/version.ts";
import type { Subchannel } from "../connection/subchannel.ts";
import type { Traffic } from "../connection/traffic.ts";
import { createClientTls } from "../connection/tls.ts";
import { jsonMethodOf } from "../contract/json-method.ts";
import { type Method, methodOf } from "../contract/method.ts";
import { createRestMethods } from "../contract/rest/rest-method.ts";
import type { Resolver } from "../discovery/resolver.ts";
import type { Target } from "../discovery/target.ts";
import { encodingNamed, type EncodingName } from "../wire/compression.ts";
import { parseServiceConfig, serviceConfigInvalid } from "../policy/parse-service-config.ts";
import type { ServiceConfig } from "../policy/service-config.ts";
import { unknownMethods } from "../policy/unknown-methods.ts";
import { AttemptAllowance } from "../resilience/attempt-allowance.ts";
import { MetastabilityGuard } from "../resilience/metastability-guard.ts";
import { RetryBudget } from "../resilience/retry-budget.ts";
import { RetryThrottle } from "../resilience/retry-throttle.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { RecentCalls } from "../telemetry/recent-calls.ts";
import type { Traces } from "../telemetry/traces.ts";
import type { ClientCall } from "./call.ts";
import { createChannelBalancer } from "./channel-balancer.ts";
import { ClientMetrics } from "./client-metrics.ts";
import { ClientTraces } from "./client-traces.ts";
import { configuredBalancer } from "./configured-balancer.ts";
import type { ContractUsage, MethodUses } from "./contract-usage.ts";
import { Endpoints, type EndpointsOptions } from "./endpoints.ts";
import { createCallDescriber } from "./describe-call.ts";
import { createHealthAsker } from "./ask-health.ts";
import type { ClientParts } from "./layer.ts";
import { MethodPolicies, type MethodPolicy } from "./method-policy.ts";
import { type ClientOptions, type ResolvedClientOptions, resolveClientOptions } from "./options.ts";
import { observeChannel } from "./observe-channel.ts";
import { ServiceConfigSlots } from "./service-config-slots.ts";
import { clientStack } from "./stack.ts";
import type { ChannelStatus } from "./status.ts";
import { Throttles } from "./throttles.ts";

export interface ChannelOptions {
  readonly target: Target;
  readonly resolver: Resolver;
  readonly runtime: Runtime;
  readonly options: ClientOptions;
  /** Where its calls are counted. Default: nowhere. */
  readonly metrics?: Metrics | undefined;
  /** What the service config file of the mesh says of the target. */
  readonly fileConfig?: ServiceConfig | undefined;
  /** Where it counts what is used of contracts. Default: it does not. */
  readonly usage?: ContractUsage | undefined;
  /** Where spans of its calls go. Default: nowhere. */
  readonly traces?: Traces | undefined;
  /** Where calls that failed, were slow or are samples are kept. Default: nowhere. */
  readonly recent?: RecentCalls | undefined;
  /** Told in a sentence what somebody should know. Default: ignored. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

export class Channel {
  readonly target: Target;
  readonly options: ResolvedClientOptions;
  /** The method of a descriptor, with the codecs of this channel. */
  readonly methodOf: (desc: DescMethod) => Method;
  /** Compression of messages; undefined also where the body as a whole is compressed. */
  readonly messageEncoding: EncodingName | undefined;
  readonly #endpoints: Endpoints;
  readonly #start: (call: ClientCall) => void;
  readonly #allowance: AttemptAllowance;
  readonly #throttles: Throttles;
  readonly #describe: (call: ClientCall) => CallRecord;
  readonly #runtime: Runtime;
  readonly #warn: (message: string) => void;
  readonly #configs: ServiceConfigSlots;
  readonly #usage: ContractUsage | undefined;
  /** The contracts of its stubs. */
  readonly #services = new Set<DescService>();
  readonly #observed: { dispose(nowMs: number): void } | undefined;
  #policies: MethodPolicies;
  #closed = false;

  constructor(given: ChannelOptions) {
    const { target, resolver, runtime, options, metrics, traces, fileConfig, usage, recent, onWarning } =
      given;
    this.target = target;
    this.options = resolveClientOptions(options);
    this.#runtime = runtime;
    this.#warn = onWarning ?? (() => {});
    this.#usage = usage;
    this.#configs = new ServiceConfigSlots({ code: this.options.serviceConfig, file: fileConfig });
    const config = this.#configs.inUse?.config;
    this.#policies = new MethodPolicies(this.options, config);
    const {
      hashHeader,
      subset,
      connections,
      http2,
      observe,
      sendCompression,
      codec,
      rest,
      http,
      http1Connections,
      protocol,
      useHttpGet,
      tls,
    } = this.options;
    const isRest = protocol === "rest";
    this.methodOf = isRest ? createRestMethods(rest) : codec === "json" ? jsonMethodOf : methodOf;
    this.messageEncoding = isRest ? undefined : sendCompression;
    const counts =
      metrics === undefined ? undefined : new ClientMetrics({ metrics, address: target.name, protocol });
    const traffic: Traffic = { sent: 0, received: 0 };
    this.#endpoints = new Endpoints({
      ...runtime,
      target,
      counts,
      traffic,
      resolver,
      ...connections,
      onServiceConfig: (given) => this.#hearServiceConfig(given),
      watchHealth: (subchannel, service) => askHealth(subchannel, service),
      http,
      plainHttp: isRest ? "1.1" : "2",
      http1Connections,
      tls: tls === undefined || tls === false ? undefined : createClientTls(tls),
      hintedTls: tls === undefined ? () => createClientTls(true) : undefined,
      ...this.#balancing(config),
      subset,
      hashHeader,
      ...(http2 === undefined ? {} : { limits: http2 }),
    });
    this.#endpoints.ejections.configure(config?.outlierEjection ?? {});
    this.#endpoints.limits.configure(config?.concurrencyLimit ?? {});
    this.#throttles = new Throttles(runtime.random);
    this.#throttles.configure(config?.throttling ?? {});
    this.#allowance = new AttemptAllowance({ ...this.#retryBounds(config), guard: new MetastabilityGuard() });
    this.#describe = createCallDescriber({
      ...runtime,
      target: target.text,
      endpoints: this.#endpoints,
      allowance: this.#allowance,
    });
    const parts: ClientParts = {
      ...runtime,
      target: target.text,
      describe: this.#describe,
      recent,
      endpoints: this.#endpoints,
      allowance: this.#allowance,
      throttles: this.#throttles,
      authority: this.options.authority ?? authorityOf(target),
      userAgent: `heddle/${VERSION}`,
      protocol,
      useHttpGet,
      sendEncoding: encodingNamed(sendCompression ?? "identity"),
      compressMinBytes: this.options.compressMinBytes,
      counts,
      traces: traces && new ClientTraces({ traces, address: target.name, protocol, random: runtime.random }),
      observe,
    };
    this.#start = linkLayers(clientStack, parts, (call) => call.settle());
    const observed = { ...parts, address: target.name, traffic };
    this.#observed = metrics?.observe((into, nowMs) => observeChannel(observed, into, nowMs));
    const askHealth = createHealthAsker(parts, this.methodOf);
    this.#endpoints.health.configure(this.#healthCheckOf(config), []);
  }

  /** What holds for calls of the method. */
  policyOf(method: Method): MethodPolicy {
    return this.#policies.of(method);
  }

  /** Where its calls are counted; undefined: nowhere. */
  usesOf(method: Method): MethodUses | undefined {
    return this.#usage?.of(method);
  }

  /** The instances that are known, with the state of the connection to each. */
  get subchannels(): ReadonlyMap<string, Subchannel> {
    return this.#endpoints.subchannels;
  }

  /** What it looks like now. */
  describe(): ChannelStatus {
    const { inUse } = this.#configs;
    return { ...this.#endpoints.describe(), ...(inUse === undefined ? {} : { serviceConfig: inUse }) };
  }

  /**
   * What the mesh's service config file says now; undefined: nothing. Calls under way keep what they began with; the
   * next ones follow.
   */
  setFileConfig(config: ServiceConfig | undefined): void {
    this.#applying(() => this.#configs.set("file", config));
  }

  /** A stub of the service is made: rules for methods that it does not have are told. */
  expect(service: DescService): void {
    if (this.#services.has(service)) return;
    this.#services.add(service);
    this.#tellUnknownMethods(service);
  }

  /** Starts discovery and connections before the first call does. */
  connect(): void {
    this.#endpoints.start();
  }

  start(call: ClientCall): void {
    if (this.#closed) {
      call.error = new HeddleError("closed", { what: `the client of ${this.target.text}` });
      call.startedAtMs = this.#runtime.clock.now();
      call.endedAtMs = call.startedAtMs;
      attachRecord(call.error, this.#describe(call));
      return call.settle();
    }
    this.#start(call);
  }

  /** Refuses new calls and closes each connection when its calls have ended (`drain`), or at once. */
  close(mode: "drain" | "now" = "drain"): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#observed?.dispose(this.#runtime.clock.now());
    this.#endpoints.close(mode);
  }

  /** Of discovery, unchecked. What cannot be used leaves what is in use as it is. */
  #hearServiceConfig(given: unknown): void {
    const parsed = given === undefined ? undefined : parseServiceConfig(given);
    if (parsed?.faults !== undefined) {
      const { rawMessage } = serviceConfigInvalid(`${this.target.text} in the control plane`, parsed.faults);
      return this.#warn(`${rawMessage}; what was in use before stays so`);
    }
    this.#applying(() => this.#configs.set("control plane", parsed?.config));
  }

  #applying(change: () => void): void {
    const before = this.#configs.inUse?.config;
    change();
    const config = this.#configs.inUse?.config;
    if (this.#closed || !differ(before, config)) return;
    this.#policies = new MethodPolicies(this.options, config);
    for (const service of this.#services) this.#tellUnknownMethods(service);
    if (differ(before?.balancer, config?.balancer)) this.#endpoints.use(this.#balancing(config));
    if (differ(before?.outlierEjection, config?.outlierEjection))
      this.#endpoints.ejections.configure(config?.outlierEjection ?? {});
    if (differ(before?.concurrencyLimit, config?.concurrencyLimit))
      this.#endpoints.limits.configure(config?.concurrencyLimit ?? {});
    if (differ(before?.throttling, config?.throttling)) this.#throttles.configure(config?.throttling ?? {});
    this.#endpoints.health.configure(this.#healthCheckOf(config), this.#endpoints.subchannels.values());
    if (
      differ(before?.retryBudget, config?.retryBudget) ||
      differ(before?.retryThrottling, config?.retryThrottling)
    )
      this.#allowance.replace(this.#retryBounds(config));
  }

  #tellUnknownMethods({ typeName, methods }: DescService): void {
    const { inUse } = this.#configs;
    if (inUse === undefined) return;
    const known = methods.map(({ name }) => name);
    for (const sentence of unknownMethods(inUse.config, typeName, known))
      this.#warn(`service config of ${this.target.text} from ${inUse.from}: ${sentence}`);
  }

  /** gRPC's health protocol is no plain HTTP. */
  #healthCheckOf(config: ServiceConfig | undefined): string | undefined {
    return this.options.protocol === "rest" ? undefined : config?.healthCheck?.serviceName;
  }

  #balancing(
    config: ServiceConfig | undefined,
  ): Pick<EndpointsOptions, "balancer" | "asksAlways" | "readsOrca"> {
    const own = this.options.balancer;
    const policy = config?.balancer === undefined ? own : configuredBalancer(config.balancer);
    return {
      balancer: createChannelBalancer({
        policy,
        random: this.#runtime.random,
        zone: this.options.zone,
        slowStartMs: this.options.slowStartMs,
        instances: () => this.#endpoints.subchannels.values(),
      }),
      asksAlways: policy === own && typeof own === "function",
      readsOrca: policy === own && typeof own === "function" ? true : readsOrca(config?.balancer ?? own),
    };
  }

  #retryBounds(config: ServiceConfig | undefined): {
    budget: RetryBudget;
    throttle: RetryThrottle | undefined;
  } {
    const { retryBudget, retryThrottling } = config ?? {};
    return {
      budget: retryBudget === undefined ? this.options.retryBudget : new RetryBudget(retryBudget),
      throttle: retryThrottling && new RetryThrottle(retryThrottling),
    };
  }
}

/** Two configs for the same thing are equal when their JSON is: they were read by the same table of fields. */
function differ(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) !== JSON.stringify(other);
}

/** gRPC's rule: the name without scheme; for static targets the first address. */
function authorityOf(target: Target): string {
  const name = target.scheme === "static" ? (target.name.split(",")[0] ?? target.name) : target.name;
  if (/^(?:unix|memory):/.test(name)) return "localhost";
  return /^[\x21-\x7e]+$/.test(name) ? name : encodeURI(name);
}

/** Other policies want to know how many calls are in flight, which ORCA does not say. */
function readsOrca(balancer: NonNullable<ServiceConfig["balancer"]> | BalancerFactory): boolean {
  const name = typeof balancer === "object" ? Object.keys(balancer)[0] : balancer;
  return name === "client_side_weighted_round_robin";
}
