/**
 * The fields of a service config, as data: what `parse-service-config.ts` checks, and what docs/reference/service-config.md
 * prints. `satisfies` holds the table to the type beside it, so that neither can gain a field alone.
 */
import { criticalities } from "../call/criticality.ts";
import { balancerFields } from "./balancer-fields.ts";
import { duration, type Field, number, whole } from "./field.ts";
import { outlierFields } from "./outlier-fields.ts";
import { limitFields, throttleFields } from "./overload-fields.ts";
import type {
  HealthCheckConfig,
  HedgeConfig,
  MethodConfig,
  MethodName,
  RetryBudgetConfig,
  RetryConfig,
  RetryThrottlingConfig,
  ServiceConfig,
} from "./service-config.ts";

type FieldsOf<Config> = { readonly [Name in keyof Required<Config>]: Field };

/** What gRPC does with more: it makes 5. */
export const MAX_ATTEMPTS = 5;
/** What protobuf can say. */
const MAX_MESSAGE_BYTES = 4_294_967_295;

export const methodNameFields = {
  service: {
    is: { kind: "text" },
    does: "Full name of the Protobuf service, such as `shop.v1.OrderService`.",
    otherwise: "all services",
    grpc: "service",
  },
  method: {
    is: { kind: "text" },
    does: "Name of the method, such as `GetOrder`; needs `service`.",
    otherwise: "all methods",
    grpc: "method",
  },
} as const satisfies FieldsOf<MethodName>;

export const retryFields = {
  maxAttempts: {
    is: whole("attempts", 1, MAX_ATTEMPTS),
    does: "Attempts in all; 1 for no repetition.",
    otherwise: "the client's `maxAttempts`: 3",
    grpc: "maxAttempts",
  },
  initialBackoffMs: {
    is: duration({ above: true }),
    does: "Ceiling of the first wait; the wait is anywhere below.",
    otherwise: "25",
    grpc: "initialBackoff",
  },
  maxBackoffMs: {
    is: duration({ above: true }),
    does: "No wait is longer.",
    otherwise: "1000",
    grpc: "maxBackoff",
  },
  backoffMultiplier: {
    is: number("", { above: true, max: 1000 }),
    does: "What the ceiling grows by with each attempt.",
    otherwise: "2",
    grpc: "backoffMultiplier",
  },
  jitter: {
    is: number("share", { max: 1 }),
    does: "The wait lies within this share of the ceiling; in gRPC it is always 0.2.",
    otherwise: "anywhere below the ceiling",
  },
  retryableCodes: {
    is: { kind: "list", of: { kind: "code" }, atLeast: 1 },
    does: "Codes after which a call is repeated.",
    otherwise: "`UNAVAILABLE`",
    grpc: "retryableStatusCodes",
  },
  perAttemptTimeoutMs: {
    is: duration({ above: true }),
    does: "Time for one attempt; one that takes longer is given up and repeated.",
    otherwise: "none but the deadline of the call",
    grpc: "perAttemptRecvTimeout",
  },
} as const satisfies FieldsOf<RetryConfig>;

export const hedgeFields = {
  maxExtraLoad: {
    is: number("share", { above: true, max: MAX_ATTEMPTS - 1 }),
    does: "Further attempts as a share of the calls.",
    otherwise: "0.02",
  },
  delayMs: {
    is: { kind: "number or word", number: duration(), words: ["quantile"] },
    does: "When the next attempt is sent; `quantile`: when the call is slower than all but `maxExtraLoad` of the others.",
    otherwise: "quantile",
    grpc: "hedgingDelay",
  },
  maxAttempts: {
    is: whole("attempts", 2, MAX_ATTEMPTS),
    does: "Attempts in all.",
    otherwise: "2",
    grpc: "maxAttempts",
  },
  nonFatalCodes: {
    is: { kind: "list", of: { kind: "code" } },
    does: "Codes that do not end the call while another attempt is under way.",
    otherwise: "`UNAVAILABLE`",
    grpc: "nonFatalStatusCodes",
  },
} as const satisfies FieldsOf<HedgeConfig>;

export const methodFields = {
  names: {
    is: { kind: "list", of: { kind: "object", fields: methodNameFields } },
    does: "The methods it is for. The most exact rule holds, whole: method, then service, then all.",
    otherwise: "all methods",
    grpc: "name",
  },
  timeoutMs: {
    is: duration(),
    does: "Time for a whole call, retries included, when the call names none; 0 for none.",
    otherwise: "the client's `defaultTimeoutMs`: 15 000",
    grpc: "timeout",
  },
  waitForReadyMs: {
    is: duration({ max: 24 * 3_600_000 }),
    does: "How long a call waits for an instance that can be reached.",
    otherwise: "the client's `waitForReadyMs`: 3000",
    grpc: "waitForReady",
  },
  maxRequestBytes: {
    is: whole("bytes", 0, MAX_MESSAGE_BYTES),
    does: "Largest message that is sent. A limit that code gives to the client holds as well.",
    otherwise: "the client's `maxSendMessageBytes`: none",
    grpc: "maxRequestMessageBytes",
  },
  maxResponseBytes: {
    is: whole("bytes", 0, MAX_MESSAGE_BYTES),
    does: "Largest message that is accepted. A limit that code gives to the client holds as well.",
    otherwise: "the client's `maxReceiveMessageBytes`: 4 MiB",
    grpc: "maxResponseMessageBytes",
  },
  idempotent: {
    is: { kind: "boolean" },
    does: "Whether repeating a call does no harm.",
    otherwise: "what the contract's `idempotency_level` says",
  },
  criticality: {
    is: { kind: "word", words: criticalities },
    does: "Whose calls go first when there is too much to do.",
    otherwise: "that of the served call, else `critical`",
  },
  retry: {
    is: { kind: "optional", of: { kind: "object", fields: retryFields } },
    does: "How calls that failed are repeated, where the method may be repeated; `false` for never.",
    otherwise: "as the client's options say",
    grpc: "retryPolicy",
  },
  hedge: {
    is: { kind: "optional", of: { kind: "object", fields: hedgeFields } },
    does: "A further attempt before the first one has failed, where the method may be repeated; `false` for none.",
    otherwise: "none",
    grpc: "hedgingPolicy",
  },
  maxConcurrent: {
    is: whole("calls", 1, 1_000_000),
    does: "Calls that may be under way at a time, of all methods of the rule together; further ones fail.",
    otherwise: "no limit",
  },
  maxQueued: {
    is: whole("calls", 0, 1_000_000),
    does: "Calls beyond `maxConcurrent` that may wait for one of them to end, within their deadline.",
    otherwise: "0",
  },
} as const satisfies FieldsOf<MethodConfig>;

export const retryBudgetFields = {
  ratio: { is: number("share", { max: 1000 }), does: "Retries earned by a call.", otherwise: "0.1" },
  minPerSecond: {
    is: number("attempts", { max: 1_000_000 }),
    does: "Retries a second that need no calls.",
    otherwise: "3",
  },
  ttlMs: {
    is: duration({ min: 100, max: 3_600_000 }),
    does: "How long a call counts.",
    otherwise: "10 000",
  },
} as const satisfies FieldsOf<RetryBudgetConfig>;

export const retryThrottlingFields = {
  maxTokens: {
    is: number("tokens", { above: true, max: 1000 }),
    does: "Tokens at the start, and at most; retries stop at half of it. A failure takes one.",
    otherwise: "",
    grpc: "maxTokens",
    required: true,
  },
  tokenRatio: {
    is: number("tokens", { above: true, max: 1000 }),
    does: "Tokens that a success gives back; counted in thousandths.",
    otherwise: "",
    grpc: "tokenRatio",
    required: true,
  },
} as const satisfies FieldsOf<RetryThrottlingConfig>;

export const healthCheckFields = {
  serviceName: {
    is: { kind: "text" },
    does: "What the instance is asked about; the empty name is the whole of it.",
    otherwise: "",
    grpc: "serviceName",
    required: true,
  },
} as const satisfies FieldsOf<HealthCheckConfig>;

export const serviceFields: FieldsOf<ServiceConfig> = {
  balancer: {
    is: { kind: "choice", of: balancerFields },
    does: "Which ready instance gets the next attempt: a policy by name, or as an object with its settings.",
    otherwise: "the client's `balancer`",
    grpc: "loadBalancingConfig",
  },
  methods: {
    is: { kind: "list", of: { kind: "object", fields: methodFields } },
    does: "Rules for methods.",
    otherwise: "none",
    grpc: "methodConfig",
  },
  retryBudget: {
    is: { kind: "object", fields: retryBudgetFields },
    does: "Bounds what retries and hedges may add to the traffic.",
    otherwise: "the client's `retryBudget`: 10 % of calls plus 3 a second",
  },
  retryThrottling: {
    is: { kind: "object", fields: retryThrottlingFields },
    does: "gRPC's bound on retries, which counts failures. The budget holds as well.",
    otherwise: "none",
    grpc: "retryThrottling",
  },
  outlierEjection: {
    is: { kind: "optional", of: { kind: "object", fields: outlierFields } },
    does: "Instances that fail are left out for a while; `false` for never.",
    otherwise: "on, with the defaults below",
    grpc: "outlier_detection_experimental",
  },
  concurrencyLimit: {
    is: {
      kind: "optional",
      of: {
        kind: "object",
        fields: limitFields,
        bounds: { least: "minimum", most: "maximum", otherwise: [16, 1000] },
      },
    },
    does: "How many calls may be under way to one instance, found out by measuring; `false` for no limit.",
    otherwise: "on, with the defaults below",
  },
  throttling: {
    is: { kind: "optional", of: { kind: "object", fields: throttleFields } },
    does: "While the service rejects calls, some are failed here already; `false` for none.",
    otherwise: "on, with the defaults below",
  },
  healthCheck: {
    is: { kind: "object", fields: healthCheckFields },
    does: "Only instances that say of themselves that they serve get calls (gRPC health v1).",
    otherwise: "they are not asked",
    grpc: "healthCheckConfig",
  },
};
