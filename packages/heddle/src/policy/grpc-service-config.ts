/**
 * gRPC's service config in its JSON form, as far as Heddle knows it.
 * Source: https://github.com/grpc/grpc-proto/blob/master/grpc/service_config/service_config.proto
 */
import { isJsonObject } from "../call/json-object.ts";

export interface GrpcServiceConfig {
  /** The old way to name a policy. */
  readonly loadBalancingPolicy?: string;
  /** One policy each; the first one that the client knows wins. */
  readonly loadBalancingConfig?: readonly GrpcBalancer[];
  readonly methodConfig?: readonly GrpcMethodConfig[];
  readonly retryThrottling?: { readonly maxTokens: number; readonly tokenRatio: number };
  readonly healthCheckConfig?: { readonly serviceName?: string };
}

/** One policy by name, with its settings. */
export type GrpcBalancer = { readonly [policy: string]: Readonly<Record<string, unknown>> };

export interface GrpcMethodConfig {
  readonly name?: readonly { readonly service?: string; readonly method?: string }[];
  readonly waitForReady?: boolean;
  /** Such as "1.5s". */
  readonly timeout?: string;
  readonly maxRequestMessageBytes?: number;
  readonly maxResponseMessageBytes?: number;
  readonly retryPolicy?: GrpcRetryPolicy;
  readonly hedgingPolicy?: GrpcHedgingPolicy;
}

export interface GrpcRetryPolicy {
  readonly maxAttempts: number;
  readonly initialBackoff: string;
  readonly maxBackoff: string;
  readonly backoffMultiplier: number;
  readonly retryableStatusCodes: readonly (string | number)[];
  readonly perAttemptRecvTimeout?: string;
}

export interface GrpcHedgingPolicy {
  readonly maxAttempts: number;
  readonly hedgingDelay?: string;
  readonly nonFatalStatusCodes?: readonly (string | number)[];
}

/** Whether it is written in gRPC's form: it has a field that only gRPC has. */
export function isGrpcServiceConfig(value: unknown): value is Readonly<Record<string, unknown>> {
  return isJsonObject(value) && ONLY_GRPC.some((name) => Object.hasOwn(value, name));
}

const ONLY_GRPC = [
  "loadBalancingPolicy",
  "loadBalancingConfig",
  "methodConfig",
  "healthCheckConfig",
] as const;

/**
 * How long a call waits whose `waitForReady` is true, in ms: a day, which every deadline ends before. gRPC knows no
 * bound but the deadline.
 */
export const WAIT_FOR_READY_MS = 24 * 3_600_000;

/** gRPC's names of policies that Heddle has, those of later drafts included. */
export const grpcBalancers: Readonly<Record<string, string>> = {
  pick_first: "pick_first",
  round_robin: "round_robin",
  least_request_experimental: "least_request",
  least_request: "least_request",
  weighted_round_robin: "client_side_weighted_round_robin",
  ring_hash_experimental: "ring_hash",
  ring_hash: "ring_hash",
};

/** Not a policy but around one: gRFC A50. */
export const GRPC_OUTLIER_NAMES: readonly string[] = ["outlier_detection_experimental", "outlier_detection"];

/** Before the name of a policy that gRPC does not have, or has with other settings. */
export const OWN_BALANCER_PREFIX = "heddle_";
