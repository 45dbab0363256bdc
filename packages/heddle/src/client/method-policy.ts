/**
 * What the layers of a channel read of a method: its time, its sizes, how it is repeated. Worked out from the
 * client's options and the service config when a method is first called, and kept until the config changes.
 *
 * Without rules for methods there are two policies for all of them, one for those that may be repeated and one for
 * the others, so that a call pays for no look-up.
 */
import type { Code } from "@connectrpc/connect";
import type { Criticality } from "../call/criticality.ts";
import { DEFAULT_MAX_RECEIVE_BYTES, DEFAULT_MAX_SEND_BYTES } from "../call/message-limits.ts";
import type { Method } from "../contract/method.ts";
import { ruleFor } from "../policy/rule-for.ts";
import type { HedgeConfig, MethodConfig, RetryConfig, ServiceConfig } from "../policy/service-config.ts";
import { statusCode } from "../policy/status-code.ts";
import { callBackoff } from "../resilience/backoff.ts";
import { defaultHedgePolicy, type HedgePolicy } from "../resilience/hedge-policy.ts";
import { defaultRetryPolicy, type RetryPolicy } from "../resilience/retry-policy.ts";

export interface MethodPolicy {
  /** Repeating a call does no harm. */
  readonly idempotent: boolean;
  /** Time for a whole call when it names none, in ms; `Infinity` for none. */
  readonly timeoutMs: number;
  /** How long a call waits for an instance, in ms. */
  readonly waitForReadyMs: number;
  /** Largest message that is sent, in bytes. */
  readonly maxRequestBytes: number;
  /** Largest message that is accepted, in bytes. */
  readonly maxResponseBytes: number;
  /** Undefined: that of the served call, or the default. */
  readonly criticality: Criticality | undefined;
  /** Undefined: never repeated, unless no handler saw it. */
  readonly retry: RetryPolicy | undefined;
  /** Undefined: never hedged. */
  readonly hedge: HedgePolicy | undefined;
  /** Calls under way at a time; `Infinity` for no limit. */
  readonly maxConcurrent: number;
  /** Calls that wait for one of those to end. */
  readonly maxQueued: number;
  /** The rule it comes from, whose methods share what counts their calls; undefined without one. */
  readonly rule: MethodConfig | undefined;
}

/** The client's options that a method has where the config says nothing else. */
export interface MethodDefaults {
  readonly defaultTimeoutMs: number;
  readonly waitForReadyMs: number;
  readonly maxSendMessageBytes: number;
  readonly maxReceiveMessageBytes: number;
  readonly maxAttempts: number;
  readonly hedging: HedgeConfig | false;
}

export class MethodPolicies {
  readonly #defaults: MethodDefaults;
  readonly #repeatable: MethodPolicy;
  readonly #other: MethodPolicy;
  readonly #rules: readonly MethodConfig[];
  readonly #resolved: Map<Method, MethodPolicy> | undefined;

  constructor(defaults: MethodDefaults, config: ServiceConfig | undefined) {
    this.#defaults = defaults;
    this.#repeatable = defaultPolicy(defaults, true);
    this.#other = defaultPolicy(defaults, false);
    this.#rules = config?.methods ?? [];
    this.#resolved = this.#rules.length === 0 ? undefined : new Map();
  }

  of(method: Method): MethodPolicy {
    const resolved = this.#resolved;
    if (resolved === undefined) return method.idempotent ? this.#repeatable : this.#other;
    let policy = resolved.get(method);
    if (policy === undefined) {
      policy = this.#resolve(method);
      resolved.set(method, policy);
    }
    return policy;
  }

  #resolve({ desc, idempotent: byContract }: Method): MethodPolicy {
    const rule = ruleFor(this.#rules, desc.parent.typeName, desc.name);
    if (rule === undefined) return byContract ? this.#repeatable : this.#other;
    const idempotent = rule.idempotent ?? byContract;
    const base = idempotent ? this.#repeatable : this.#other;
    return Object.freeze({
      idempotent,
      timeoutMs: rule.timeoutMs === 0 ? Number.POSITIVE_INFINITY : (rule.timeoutMs ?? base.timeoutMs),
      waitForReadyMs: rule.waitForReadyMs ?? base.waitForReadyMs,
      maxRequestBytes: sizeLimit(rule.maxRequestBytes, base.maxRequestBytes, DEFAULT_MAX_SEND_BYTES),
      maxResponseBytes: sizeLimit(rule.maxResponseBytes, base.maxResponseBytes, DEFAULT_MAX_RECEIVE_BYTES),
      criticality: rule.criticality,
      retry: idempotent ? retryPolicy(rule.retry, this.#defaults.maxAttempts) : undefined,
      hedge: idempotent ? hedgePolicy(rule.hedge ?? this.#defaults.hedging) : undefined,
      maxConcurrent: rule.maxConcurrent ?? base.maxConcurrent,
      maxQueued: rule.maxQueued ?? base.maxQueued,
      rule,
    });
  }
}

function defaultPolicy(defaults: MethodDefaults, idempotent: boolean): MethodPolicy {
  return Object.freeze({
    idempotent,
    timeoutMs: defaults.defaultTimeoutMs,
    waitForReadyMs: defaults.waitForReadyMs,
    maxRequestBytes: defaults.maxSendMessageBytes,
    maxResponseBytes: defaults.maxReceiveMessageBytes,
    criticality: undefined,
    retry: idempotent ? retryPolicy({}, defaults.maxAttempts) : undefined,
    hedge: idempotent ? hedgePolicy(defaults.hedging) : undefined,
    maxConcurrent: Number.POSITIVE_INFINITY,
    maxQueued: 0,
    rule: undefined,
  });
}

/** What code gives as a limit is one for the config, too; only the default gives way to a larger one. */
function sizeLimit(configured: number | undefined, given: number, byDefault: number): number {
  if (configured === undefined) return given;
  return given === byDefault ? configured : Math.min(configured, given);
}

function retryPolicy(
  config: RetryConfig | false | undefined,
  defaultAttempts: number,
): RetryPolicy | undefined {
  if (config === false) return undefined;
  const { maxAttempts = defaultAttempts, retryableCodes, perAttemptTimeoutMs } = config ?? {};
  if (maxAttempts <= 1) return undefined;
  const { baseMs, maxMs, factor } = callBackoff;
  return {
    ...defaultRetryPolicy,
    maxAttempts,
    backoff: {
      ...callBackoff,
      baseMs: config?.initialBackoffMs ?? baseMs,
      maxMs: config?.maxBackoffMs ?? maxMs,
      factor: config?.backoffMultiplier ?? factor,
      ...(config?.jitter === undefined ? {} : { jitter: config.jitter }),
    },
    ...(retryableCodes === undefined ? {} : { retryableCodes: codesOf(retryableCodes) }),
    ...(perAttemptTimeoutMs === undefined ? {} : { perAttemptTimeoutMs }),
  };
}

function hedgePolicy(config: HedgeConfig | false | undefined): HedgePolicy | undefined {
  if (config === undefined || config === false) return undefined;
  const { nonFatalCodes, ...given } = config;
  return {
    ...defaultHedgePolicy,
    ...given,
    ...(nonFatalCodes === undefined ? {} : { nonFatalCodes: codesOf(nonFatalCodes) }),
  };
}

function codesOf(names: readonly string[]): ReadonlySet<Code> {
  return new Set(names.map(statusCode).filter((code) => code !== undefined));
}
