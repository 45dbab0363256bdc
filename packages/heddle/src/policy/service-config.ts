/**
 * How calls to a service are made, as data: which instance they get, how long they may take, what happens when they
 * fail. The same form comes from code, from a file and from the control plane, so what was tried in one place can be
 * moved to another without being rewritten, and an operator can change it without a release.
 *
 * Everything is optional; what is absent is as it would be without a config. All of it is plain JSON: durations are
 * numbers in milliseconds, sizes numbers in bytes, codes gRPC's names. gRPC's own service config is read and written
 * beside it (`from-grpc-service-config.ts`, `to-grpc-service-config.ts`).
 *
 * Why a form of our own: gRPC's has no words for half of what is here (budgets, limits, criticality, hedging by
 * quantile). Source of the part that both have:
 * https://github.com/grpc/grpc-proto/blob/master/grpc/service_config/service_config.proto
 */
export interface ServiceConfig {
  /**
   * Which ready instance gets the next attempt: the name of a policy, or one with its settings, such as
   * `{ "ring_hash": { "replicas": 200 } }`. Default: the client's `balancer`.
   */
  readonly balancer?: string | BalancerSettings;
  /** Rules for methods. Of those that name a method the most exact one holds, whole: method, then service, then all. */
  readonly methods?: readonly MethodConfig[];
  /** Bounds what retries and hedges may add to the traffic. Default: 10 % of calls plus 3 a second. */
  readonly retryBudget?: RetryBudgetConfig;
  /** gRPC's bound on retries: a count of tokens that failures take and successes give. Default none. */
  readonly retryThrottling?: RetryThrottlingConfig;
  /** Instances that fail are left out for a while; false for never. */
  readonly outlierEjection?: OutlierConfig | false;
  /** How many calls may be under way to one instance, found out by measuring; false for no limit. */
  readonly concurrencyLimit?: LimitConfig | false;
  /** While the service rejects calls, some are failed here already; false for none. */
  readonly throttling?: ThrottleConfig | false;
  /** Only instances that say of themselves that they serve get calls (gRPC health v1). Default: not asked. */
  readonly healthCheck?: HealthCheckConfig;
}

/** One policy by name with its settings. */
export type BalancerSettings = { readonly [policy: string]: Readonly<Record<string, unknown>> };

/** What holds for some methods. */
export interface MethodConfig {
  /** The methods it is for. Default, and for an empty list: all of them. */
  readonly names?: readonly MethodName[];
  /** Time for a whole call, retries included, when the call names none, in ms. Default: the client's. gRPC: `timeout`. */
  readonly timeoutMs?: number;
  /** How long a call waits for an instance that can be reached, in ms. Default: the client's. gRPC: `waitForReady`. */
  readonly waitForReadyMs?: number;
  /** Largest message that is sent, in bytes. gRPC: `maxRequestMessageBytes`. */
  readonly maxRequestBytes?: number;
  /** Largest message that is accepted, in bytes. gRPC: `maxResponseMessageBytes`. */
  readonly maxResponseBytes?: number;
  /** Whether repeating a call does no harm. Default: what the contract's `idempotency_level` says. */
  readonly idempotent?: boolean;
  /** Whose calls go first when there is too much to do. Default: that of the served call, else `critical`. */
  readonly criticality?: CriticalityName;
  /** How calls that failed are repeated; false for never. Only calls that may be repeated are. gRPC: `retryPolicy`. */
  readonly retry?: RetryConfig | false;
  /** A second attempt before the first one has failed; false for none. Default none. gRPC: `hedgingPolicy`. */
  readonly hedge?: HedgeConfig | false;
  /** Calls that may be under way at a time; further ones fail at once. Default: no limit. */
  readonly maxConcurrent?: number;
}

/** A method, a service (all its methods), or with neither all methods of all services. */
export interface MethodName {
  /** Full name of the Protobuf service, such as `shop.v1.OrderService`. */
  readonly service?: string;
  /** Name of the method, such as `GetOrder`. Needs `service`. */
  readonly method?: string;
}

export const criticalityNames = ["critical_plus", "critical", "sheddable_plus", "sheddable"] as const;
export type CriticalityName = (typeof criticalityNames)[number];

export interface RetryConfig {
  /** Attempts in all, 1 for no repetition. Default: the client's `maxAttempts`, 3. */
  readonly maxAttempts?: number;
  /** Ceiling of the first wait in ms; the wait is anywhere below. Default 25. */
  readonly initialBackoffMs?: number;
  /** No wait is longer, in ms. Default 1000. */
  readonly maxBackoffMs?: number;
  /** What the ceiling grows by with each attempt. Default 2. */
  readonly backoffMultiplier?: number;
  /** Codes after which a call is repeated. Default `["UNAVAILABLE"]`. */
  readonly retryableCodes?: readonly string[];
  /** Time for one attempt, in ms; one that takes longer is given up and repeated. Default: none but the deadline. */
  readonly perAttemptTimeoutMs?: number;
}

export interface HedgeConfig {
  /** Share of the calls that may be hedged. Default 0.02. */
  readonly maxExtraLoad?: number;
  /** When the second attempt is sent, in ms; `"quantile"`: when the call is slower than most. Default `"quantile"`. */
  readonly delayMs?: number | "quantile";
  /** Attempts in all. Default 2. */
  readonly maxAttempts?: number;
  /** Codes that do not end the call while another attempt is under way. Default none. */
  readonly nonFatalCodes?: readonly string[];
}

export interface RetryBudgetConfig {
  /** Retries earned by a call. Default 0.1. */
  readonly ratio?: number;
  /** Retries a second that need no calls. Default 3. */
  readonly minPerSecond?: number;
  /** How long a call counts, in ms. Default 10 000. */
  readonly ttlMs?: number;
}

/** Both are there, as in gRPC. Source: https://github.com/grpc/proposal/blob/master/A6-client-retries.md */
export interface RetryThrottlingConfig {
  /** Tokens at the start, and at most. Retries stop at half of it. */
  readonly maxTokens: number;
  /** Tokens that a success gives back. */
  readonly tokenRatio: number;
}

export interface HealthCheckConfig {
  /** What the instance is asked about; the empty name is the whole of it. */
  readonly serviceName: string;
}

/** Settings of outlier ejection. */
export interface OutlierConfig {
  readonly [setting: string]: unknown;
}

/** Settings of the adaptive concurrency limit. */
export interface LimitConfig {
  readonly [setting: string]: unknown;
}

/** Settings of client-side throttling. */
export interface ThrottleConfig {
  readonly [setting: string]: unknown;
}
