/**
 * Settings of a client. Every one has a default that is safe in production.
 */
import type { Interceptor } from "@connectrpc/connect";
import { type BalancerPolicy, balancerPolicyNames } from "../balance/policies.ts";
import { atLeast, finiteAtLeast, invalidOption, oneOf } from "../call/check-option.ts";
import { DEFAULT_TIMEOUT_MS } from "../call/deadline.ts";
import { reasonText } from "../call/errors.ts";
import { DEFAULT_MAX_RECEIVE_BYTES, DEFAULT_MAX_SEND_BYTES } from "../call/message-limits.ts";
import type { CallRecord } from "../call/record.ts";
import { defaultHedgePolicy } from "../resilience/hedge-policy.ts";
import type { GrpcServiceConfig } from "../policy/grpc-service-config.ts";
import { readServiceConfig } from "../policy/parse-service-config.ts";
import type { ServiceConfig } from "../policy/service-config.ts";
import { RetryBudget, type RetryBudgetOptions } from "../resilience/retry-budget.ts";
import {
  type ConnectionOptions,
  type ResolvedConnectionOptions,
  resolveConnectionOptions,
} from "./connection-options.ts";
import { type HttpVersionName, httpVersionNames } from "../connection/session.ts";
import type { ClientTlsOptions } from "../connection/tls.ts";
import { acceptedEncodings, DEFAULT_COMPRESS_MIN_BYTES, type EncodingName } from "../wire/compression.ts";
import type { Http2Limits } from "../wire/http2/limits.ts";

export interface ClientOptions extends ConnectionOptions {
  /**
   * Time for a whole call in ms, retries included, when the call names none. Default 15 000. `Infinity` for
   * none, which is for streams that stay open. gRPC: the deadline.
   */
  readonly defaultTimeoutMs?: number;
  /**
   * Which ready instance gets the next attempt: a policy by name (`balancerPolicyNames` of `heddle/balance`), or a
   * function that makes a balancer of your own. Default `default`: the one that is likely to answer first, by what
   * instances report of their load and by the latency seen. Guide: docs/guides/balancing.md.
   */
  readonly balancer?: BalancerPolicy;
  /**
   * For `ring_hash` and `maglev`: the header whose value chooses the instance, so that the same value goes to the same
   * one while it is there. Calls without it go anywhere. Default: none has it.
   */
  readonly hashHeader?: string;
  /**
   * Where this client runs, such as "eu-west-1a": instances of the same zone get its calls while there are enough of them
   * that are ready. Default in a mesh: the mesh's zone; else zones do not matter.
   */
  readonly zone?: string;
  /**
   * Time in which the share of a new instance grows from a tenth to all of it, in ms, for caches that are cold and code that
   * is not compiled yet. For policies that go by weights (`weighted_round_robin`, `weighted_least_request` and others);
   * `default` sees itself who is slow. Default 0: at once. Envoy: `slow_start_window`.
   */
  readonly slowStartMs?: number;
  /**
   * A client of a large service connects to a part of it: of more than `above` instances (default 100) to `size`
   * (default 50), drawn so that all clients together use all instances alike. `false`: always to all.
   * Default `false`. Envoy, gRPC A68: random subsetting.
   */
  readonly subset?: { readonly above?: number; readonly size?: number } | boolean;
  /**
   * Attempts in all for a call that may be repeated, 1 to switch repeating off. More than 5 are never made. Default 3.
   * gRPC: `maxAttempts`.
   */
  readonly maxAttempts?: number;
  /** Bounds what retries and hedges together may add to the traffic. Default: 10 % of calls plus 3 a second. */
  readonly retryBudget?: RetryBudgetOptions;
  /**
   * Sends unary calls that are slow to a second instance as well and takes the first answer, where the contract says
   * that repeating does no harm. `maxExtraLoad` is the share of calls that may be sent twice: 0.02 sends those that
   * are slower than 98 % of the client's own. Default false; `{}` is 0.02. gRPC: `hedgingPolicy`.
   */
  readonly hedging?: HedgingOptions | false;
  /**
   * How calls to the target are made, method by method, in Heddle's form or gRPC's (docs/reference/service-config.md).
   * What it says of a method goes before the options of the client; it stands in the place of what a file or the control
   * plane says. Default none. gRPC: the service config.
   */
  readonly serviceConfig?: ServiceConfig | GrpcServiceConfig;
  /**
   * How long a call waits, within its deadline, for an instance that can be reached before it fails with
   * HDL-2101 or HDL-2102, in ms. Default 3 000: long enough for a restart. gRPC: a bounded `wait_for_ready`.
   */
  readonly waitForReadyMs?: number;
  /** Largest message that is accepted, in bytes. Default 4 MiB, as in gRPC. */
  readonly maxReceiveMessageBytes?: number;
  /** Largest message that is sent, in bytes. Default: no limit but protobuf's 2 GiB. */
  readonly maxSendMessageBytes?: number;
  /** Compression of requests: `gzip`, `br`, `zstd`, `deflate` or none. Default none; answers are understood in all. */
  readonly sendCompression?: EncodingName;
  /** Messages smaller than this are not compressed, in bytes. Default 1024. */
  readonly compressMinBytes?: number;
  /**
   * Speaks TLS: `true` trusts the authorities that come with Node, an object names others and the client's own
   * certificate. The server's certificate must be for the host that is dialled. `false` is plain text, whatever discovery
   * says. Default: `true` to instances of which discovery says that they want it, plain text to all others.
   */
  readonly tls?: ClientTlsOptions | boolean;
  /**
   * What is spoken: `grpc`, `grpc-web`, `connect`, `rest`, which is plain HTTP with JSON as the contract's
   * `google.api.http` has it, or `auto`, which is gRPC over HTTP/2 and Connect over HTTP/1.1. Default `auto`.
   */
  readonly protocol?: ClientProtocolName;
  /** How `protocol: "rest"` finds its paths. Default: by annotations, from the root. */
  readonly rest?: RestClientOptions;
  /**
   * The version of HTTP. `auto`: under TLS what the peer offers, HTTP/2 first; without TLS always HTTP/2, for there is
   * nobody to ask, but HTTP/1.1 for `rest`. `1.1` is for peers that have nothing better: a call takes a connection for itself, and a
   * bidirectional stream may only get answers when all its requests are sent. gRPC needs `2`. Default `auto`.
   */
  readonly http?: HttpVersionName;
  /** Over HTTP/1.1: connections to one instance at most, and so calls at a time; further ones wait. Default 64. */
  readonly http1Connections?: number;
  /**
   * Connect calls of methods that the contract says have no side effects (`NO_SIDE_EFFECTS`) are sent as GET, so that
   * caches on the way can answer them. Other protocols have no such thing. Default false.
   */
  readonly useHttpGet?: boolean;
  /** How messages are written: `proto`, or `json` for peers that read nothing else. Default `proto`; `rest` is always JSON. */
  readonly codec?: "proto" | "json";
  /** Connect interceptors, the last one innermost. They see a call once, whatever its attempts. */
  readonly interceptors?: readonly Interceptor[];
  /** Value of `:authority`. Default: the target's name, or the host of a static target. */
  readonly authority?: string;
  /** Limits against a peer that misbehaves. */
  readonly http2?: Partial<Http2Limits>;
  /** Called with the record of every call that ends, synchronously: keep it short. */
  readonly observe?: (record: CallRecord) => void;
}

export interface HedgingOptions {
  /** Hedges as a share of the calls, more than 0 and less than 1. Default 0.02. */
  readonly maxExtraLoad?: number;
}

export interface RestClientOptions {
  /** Methods without an annotation get a path by Google's conventions, as with the server's option. Default false. */
  readonly conventions?: boolean;
  /** Stands before every path, such as `/api`. Default none. */
  readonly basePath?: string;
}

export const clientProtocolNames = ["auto", "grpc", "grpc-web", "connect", "rest"] as const;
export type ClientProtocolName = (typeof clientProtocolNames)[number];

export type ResolvedClientOptions = Required<
  Omit<ClientOptions, OptionalNames | "retryBudget" | "serviceConfig" | "subset" | keyof ConnectionOptions>
> &
  Pick<ClientOptions, OptionalNames> & {
    readonly retryBudget: RetryBudget;
    readonly serviceConfig: ServiceConfig | undefined;
    readonly subset: { readonly above: number; readonly size: number };
    readonly connections: ResolvedConnectionOptions;
  };
type OptionalNames = "hashHeader" | "zone" | "sendCompression" | "authority" | "http2" | "observe" | "tls";

/** Fills in the defaults and refuses what makes no sense with `optionInvalid`, or `serviceConfigInvalid`. */
export function resolveClientOptions(options: ClientOptions): ResolvedClientOptions {
  const { authority, sendCompression, hashHeader } = options;
  if (authority !== undefined && !/^[\x21-\x7e]+$/.test(authority))
    throw invalidOption("authority", "it must be printable ASCII without spaces");
  const protocol = oneOf("protocol", options.protocol ?? "auto", clientProtocolNames);
  if (sendCompression !== undefined) oneOf("sendCompression", sendCompression, acceptedEncodings);
  if (hashHeader !== undefined && !/^[0-9a-z_.-]+$/.test(hashHeader))
    throw invalidOption("hashHeader", "it must be the name of a header, in lower case");
  return {
    ...options,
    defaultTimeoutMs: atLeast("defaultTimeoutMs", options.defaultTimeoutMs ?? DEFAULT_TIMEOUT_MS, 1),
    balancer: knownBalancer(options.balancer ?? "default"),
    maxAttempts: atLeast("maxAttempts", options.maxAttempts ?? 3, 1),
    slowStartMs: finiteAtLeast("slowStartMs", options.slowStartMs ?? 0, 0),
    subset: resolveSubset(options.subset ?? false),
    connections: resolveConnectionOptions(options),
    waitForReadyMs: finiteAtLeast("waitForReadyMs", options.waitForReadyMs ?? 3000, 0),
    maxReceiveMessageBytes: atLeast(
      "maxReceiveMessageBytes",
      options.maxReceiveMessageBytes ?? DEFAULT_MAX_RECEIVE_BYTES,
      0,
    ),
    maxSendMessageBytes: atLeast(
      "maxSendMessageBytes",
      options.maxSendMessageBytes ?? DEFAULT_MAX_SEND_BYTES,
      0,
    ),
    compressMinBytes: atLeast("compressMinBytes", options.compressMinBytes ?? DEFAULT_COMPRESS_MIN_BYTES, 0),
    protocol,
    http: knownHttpVersion(options.http ?? "auto", protocol),
    http1Connections: finiteAtLeast("http1Connections", options.http1Connections ?? 64, 1),
    useHttpGet: knownUseOfGet(options.useHttpGet ?? false, protocol),
    codec: oneOf("codec", options.codec ?? "proto", ["proto", "json"]),
    rest: checkedRest(options.rest ?? {}, protocol),
    interceptors: options.interceptors ?? [],
    hedging: knownHedging(options.hedging ?? false),
    retryBudget: createBudget(options.retryBudget),
    serviceConfig:
      options.serviceConfig === undefined
        ? undefined
        : readServiceConfig(options.serviceConfig, "a client's options"),
  };
}

function resolveSubset(subset: NonNullable<ClientOptions["subset"]>): ResolvedClientOptions["subset"] {
  if (subset === false) return { above: Number.POSITIVE_INFINITY, size: Number.POSITIVE_INFINITY };
  const { above = 100, size = 50 } = subset === true ? {} : subset;
  return {
    above: finiteAtLeast("subset.above", above, 1),
    size: finiteAtLeast("subset.size", size, 1),
  };
}

/** gRPC needs HTTP/2; who wants it takes no other version that the peer may offer. */
function knownHttpVersion(http: HttpVersionName, protocol: ClientProtocolName): HttpVersionName {
  oneOf("http", http, httpVersionNames);
  if (protocol !== "grpc") return http;
  if (http === "1.1")
    throw invalidOption("http", "gRPC needs HTTP/2; over HTTP/1.1 there are grpc-web and connect");
  return "2";
}

function knownUseOfGet(useHttpGet: boolean, protocol: ClientProtocolName): boolean {
  if (useHttpGet && protocol !== "auto" && protocol !== "connect")
    throw invalidOption("useHttpGet", `only connect has it, not ${protocol}`);
  return useHttpGet;
}

function checkedRest(rest: RestClientOptions, protocol: ClientProtocolName): RestClientOptions {
  const { conventions, basePath } = rest;
  if (protocol !== "rest" && (conventions !== undefined || basePath !== undefined))
    throw invalidOption("rest", `it is for protocol: "rest", not ${protocol}`);
  if (basePath !== undefined && !/^(?:\/[\w.~!$&'()*+,;=:@%-]+)*$/.test(basePath))
    throw invalidOption("rest", "basePath begins with a slash and does not end with one, such as /api");
  return rest;
}

function knownBalancer(balancer: BalancerPolicy): BalancerPolicy {
  if (typeof balancer === "function" || balancerPolicyNames.includes(balancer)) return balancer;
  throw invalidOption(
    "balancer",
    `there is no policy "${String(balancer)}"; there are ${balancerPolicyNames.join(", ")}`,
  );
}

function knownHedging(hedging: HedgingOptions | false): HedgingOptions | false {
  if (hedging === false) return false;
  const { maxExtraLoad = defaultHedgePolicy.maxExtraLoad } = hedging;
  if (!(maxExtraLoad > 0 && maxExtraLoad < 1))
    throw invalidOption("hedging", "maxExtraLoad is a share, more than 0 and less than 1");
  return { maxExtraLoad };
}

function createBudget(options: RetryBudgetOptions | undefined): RetryBudget {
  try {
    return new RetryBudget(options);
  } catch (error) {
    throw invalidOption("retryBudget", reasonText(error));
  }
}
