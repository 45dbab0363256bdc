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
import type { Criticality } from "../call/criticality.ts";

export interface ServiceConfig {
  /**
   * Which ready instance gets the next attempt: the name of a policy, or one with its settings, such as
   * `{ "ring_hash": { "minRingSize": 4096 } }`. Default: the client's `balancer`.
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
  /**
   * Time for a whole call, retries included, when the call names none, in ms; 0 for none. Default: the client's. gRPC:
   * `timeout`.
   */
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
  readonly criticality?: Criticality;
  /** How calls that failed are repeated; false for never. Only calls that may be repeated are. gRPC: `retryPolicy`. */
  readonly retry?: RetryConfig | false;
  /** A second attempt before the first one has failed; false for none. Default none. gRPC: `hedgingPolicy`. */
  readonly hedge?: HedgeConfig | false;
  /** Calls that may be under way at a time, of all methods of this rule together; further ones fail. Default: no limit. */
  readonly maxConcurrent?: number;
  /** Calls beyond `maxConcurrent` that may wait for one of them to end, within their deadline. Default 0. */
  readonly maxQueued?: number;
}

/** A method, a service (all its methods), or with neither all methods of all services. */
export interface MethodName {
  /** Full name of the Protobuf service, such as `shop.v1.OrderService`. */
  readonly service?: string;
  /** Name of the method, such as `GetOrder`. Needs `service`. */
  readonly method?: string;
}

export interface RetryConfig {
  /** Attempts in all, 1 for no repetition. Default: the client's `maxAttempts`, 3. */
  readonly maxAttempts?: number;
  /** Ceiling of the first wait in ms; the wait is anywhere below. Default 25. */
  readonly initialBackoffMs?: number;
  /** No wait is longer, in ms. Default 1000. */
  readonly maxBackoffMs?: number;
  /** What the ceiling grows by with each attempt. Default 2. */
  readonly backoffMultiplier?: number;
  /** The wait lies within this share of the ceiling: 0 … 1. Default: anywhere below it. gRPC: always 0.2. */
  readonly jitter?: number;
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
  /** Codes that do not end the call while another attempt is under way. Default `["UNAVAILABLE"]`. */
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

/**
 * When an instance is left out for a while: it fails where others do not. What counts are answers and losses that speak
 * against the instance (UNAVAILABLE, INTERNAL, UNKNOWN, DATA_LOSS, a lost connection, time that ran out where others
 * would have answered), never what its caller did wrong or called off, and never that it was overloaded.
 * Names and semantics are those of gRPC (https://github.com/grpc/proposal/blob/master/A50-xds-outlier-detection.md) and
 * Envoy where they have the same; the defaults are ours.
 */
export interface OutlierConfig {
  /** Failures in a row after which it is ejected at once; 0: this is no reason. Default 5. Envoy: `consecutive_5xx`. */
  readonly consecutiveFailures?: number;
  /** Ejected when too many of its calls fail, and more than elsewhere; false: this is no reason. Default on. */
  readonly failurePercentage?: FailurePercentageConfig | false;
  /** Ejected when fewer calls succeed than is usual in the set; false: this is no reason. Default false. */
  readonly successRate?: SuccessRateConfig | false;
  /** Ejected when its answers take many times as long as elsewhere; false: this is no reason. Default false. */
  readonly latency?: LatencyOutlierConfig | false;
  /** Time over which calls are counted, in ms. Default 10 000. */
  readonly intervalMs?: number;
  /** How long the first ejection lasts at most, in ms. Default 1000. gRPC: `baseEjectionTime`, 30 s. */
  readonly baseEjectionMs?: number;
  /** No ejection lasts longer, in ms. Default 30 000. gRPC: `maxEjectionTime`, 300 s. */
  readonly maxEjectionMs?: number;
  /** How the time grows with each further ejection: doubled, or by `baseEjectionMs` as in gRPC. Default `doubling`. */
  readonly growth?: "doubling" | "linear";
  /** Share of the time that is up to chance, so that not everybody tries again at once: 0 … 1. Default 0.5. */
  readonly jitter?: number;
  /** Percent of the instances that may be ejected at a time; one may always be, and one always stays. Default 50. */
  readonly maxEjectionPercent?: number;
  /** One call goes there before all others do, and decides. False, as in gRPC: it is back with all calls. Default true. */
  readonly trial?: boolean;
}

export interface FailurePercentageConfig {
  /** Percent of calls that failed, from which on an instance is ejected. Default 20. gRPC: `threshold`, 85. */
  readonly thresholdPercent?: number;
  /** … and that many times the share that fails in the rest of the set; 0, as in gRPC: whatever fails there. Default 2. */
  readonly timesOthers?: number;
  /** Percent of the cases in which it is really ejected. Default 100. */
  readonly enforcementPercent?: number;
  /** Instances with enough calls that there must be. Default 2. gRPC: 5. */
  readonly minimumHosts?: number;
  /** Calls of the interval that an instance must have had. Default 20. gRPC: 50. */
  readonly requestVolume?: number;
}

export interface SuccessRateConfig {
  /** Ejected below mean minus so many standard deviations. Default 1.9. gRPC: `stdevFactor`, in thousandths. */
  readonly stdevFactor?: number;
  /** Percent of the cases in which it is really ejected. Default 100. */
  readonly enforcementPercent?: number;
  /** Instances with enough calls that there must be. Default 5. */
  readonly minimumHosts?: number;
  /** Calls of the interval that an instance must have had. Default 100. */
  readonly requestVolume?: number;
}

export interface LatencyOutlierConfig {
  /** Ejected when its mean latency is so many times the median of the instances' means. Default 5. */
  readonly timesMedian?: number;
  /** … and at least so long, in ms. Default 100. */
  readonly minimumMs?: number;
  /** Percent of the cases in which it is really ejected. Default 100. */
  readonly enforcementPercent?: number;
  /** Instances with enough calls that there must be. Default 3. */
  readonly minimumHosts?: number;
  /** Answers of the interval that an instance must have given. Default 20. */
  readonly requestVolume?: number;
}

/**
 * A limit on the calls under way that follows what is measured: it shrinks while answers take longer than they usually
 * do and grows while they do not. Calls beyond an instance's limit go to another instance.
 */
export interface LimitConfig {
  /**
   * Since when there is a limit. `overload`: since a tenth of the calls ran out of time, until all has been
   * well for a while, so that nothing is limited in a system that is well. `always`. Default `overload`.
   */
  readonly engage?: "overload" | "always";
  /** The first limit where `engage` is `always`, in calls. Default 64. */
  readonly initial?: number;
  /** No limit is lower, in calls. Default 16. */
  readonly minimum?: number;
  /** No limit is higher, in calls; beyond it there is none with `overload`. Default 1000. */
  readonly maximum?: number;
  /** So many times the usual latency is no sign of a queue. Default 1.5. */
  readonly tolerance?: number;
  /** How long a call waits for room before it fails, in ms. Default 0: not at all. */
  readonly maxWaitMs?: number;
}

/**
 * Failing some calls here while the service refuses many for overload, since a refusal costs it too. A call is failed with
 * probability max(0, (requests - k × accepted) / (requests + 1)). Source: Google SRE book, "Handling Overload". Levels of
 * criticality are counted apart.
 */
export interface ThrottleConfig {
  /** Calls that are sent for each one accepted: 2 lets as many be refused as are accepted. Default 2. */
  readonly k?: number;
  /** Time over which calls are counted, in ms. Default 30 000. */
  readonly windowMs?: number;
  /** Calls a second that are always sent, at each level. Default 10. */
  readonly minPerSecond?: number;
  /** Codes that mean overload beside what our own servers say: such as `["RESOURCE_EXHAUSTED"]`. Default none. */
  readonly codes?: readonly string[];
}
