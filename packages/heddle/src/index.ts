/**
 * `heddle`: what an application needs. Seams for extensions live in `heddle/discovery` and `heddle/balance`,
 * the control plane in `heddle/control`, time and randomness for tests in `heddle/testing`.
 */
export { createMesh, type Mesh, type MeshClientOptions } from "./mesh.ts";
export type { DrainOptions, MeshServer } from "./mesh-server.ts";
export type { MeshMetrics, MeshMetricsOptions } from "./mesh-metrics.ts";
export type { TelemetryOptions } from "./mesh-telemetry.ts";
export type { OtlpOptions } from "./mesh-otlp.ts";
export type { MeshTracesOptions } from "./mesh-traces.ts";
export type { ContractUsageSettings } from "./mesh-contracts.ts";
export type { MeshOptions, ServeOptions } from "./mesh-options.ts";
export { openRegistry, type OpenRegistryOptions } from "./registries.ts";
export type { RegistryChoice } from "./discovery/compose/registry-choice.ts";
export { implement, type Implementation, type MethodFunction } from "./server/implement.ts";
export { idempotencyKeyOf, type IdempotencyOptions } from "./server/idempotency/once.ts";
export type { Claim, Claimed, IdempotencyStore } from "./server/idempotency/idempotency-store.ts";
export {
  createMemoryIdempotencyStore,
  type MemoryIdempotencyStoreOptions,
} from "./server/idempotency/memory-store.ts";
export {
  openSqliteIdempotencyStore,
  type SqliteIdempotencyStoreOptions,
} from "./server/idempotency/sqlite-store.ts";
export {
  createRedisIdempotencyStore,
  type RedisIdempotencyStoreOptions,
} from "./server/idempotency/redis-store.ts";
export type { RestOptions } from "./server/rest-routes.ts";
export type { ServerOptions } from "./server/options.ts";
export { createServer, type DrainReport, type Server } from "./server/server.ts";
export type { HealthOptions, ReadinessCheck } from "./server/health-options.ts";
// gRPC's health service, which every server answers, for those who ask with a client of their own.
export { Health, HealthCheckResponse_ServingStatus as HealthStatus } from "./gen/grpc/health/v1/health_pb.ts";
export type { OpenApiOptions } from "./server/openapi-pages.ts";
export type { OpenApiInfo } from "./contract/openapi/openapi-document.ts";
export type { ValidateOptions } from "./server/validation.ts";
export { errorDetail, errorsOf, type MethodErrors, type NewErrorOptions } from "./contract/method-errors.ts";
// The detail of HDL-2314, for callers that tell people which field is wrong.
export { type Violations, ViolationsSchema } from "./gen/buf/validate/validate_pb.ts";
export type { ServerHealth } from "./server/server-health.ts";
export type { ServerPhase, ServingStatus } from "./health/server-state.ts";
export type { InstanceCheckKind, InstanceCheckOptions } from "./discovery/instance-check.ts";
export type { CorsOptions } from "./server/cors.ts";
export type { Http1Limits } from "./server/http1-limits.ts";
export type { ClientTlsOptions, Pem, ServerTlsOptions, TlsVersion } from "./connection/tls.ts";
export { type ClosableTransport, createTransport, type TransportOptions } from "./client/transport.ts";
export type { ClientOptions, HedgingOptions, RestClientOptions } from "./client/options.ts";
export type { ServerConnectionOptions } from "./server/connection-options.ts";
export type { ConnectionOptions } from "./client/connection-options.ts";
export type {
  ChannelStatus,
  ConnectionStatus,
  ConnectivityState,
  InstanceStatus,
} from "./client/status.ts";
export type { AdmissionOptions } from "./resilience/admission.ts";
export type { BulkheadRule } from "./server/bulkhead-rule.ts";
export type {
  BalancerSettings,
  FailurePercentageConfig,
  HealthCheckConfig,
  HedgeConfig,
  LatencyOutlierConfig,
  LimitConfig,
  MethodConfig,
  MethodName,
  OutlierConfig,
  RetryBudgetConfig,
  RetryConfig,
  RetryThrottlingConfig,
  ServiceConfig,
  SuccessRateConfig,
  ThrottleConfig,
} from "./policy/service-config.ts";
export type {
  GrpcBalancer,
  GrpcHedgingPolicy,
  GrpcMethodConfig,
  GrpcRetryPolicy,
  GrpcServiceConfig,
} from "./policy/grpc-service-config.ts";
export type { Fault } from "./policy/check-value.ts";
export { fromGrpcServiceConfig } from "./policy/from-grpc-service-config.ts";
export { parseServiceConfig, type ParsedServiceConfig } from "./policy/parse-service-config.ts";
export { toGrpcServiceConfig, type WrittenServiceConfig } from "./policy/to-grpc-service-config.ts";
export type { RetryBudgetOptions } from "./resilience/retry-budget.ts";
export type { Instrument, InstrumentKind } from "./telemetry/instrument.ts";
export { instruments } from "./telemetry/instruments.ts";
export {
  type CallState,
  type KeptCall,
  RecentCalls,
  type RecentCallsOptions,
} from "./telemetry/recent-calls.ts";
export type { ServiceStats } from "./discovery/service-stats.ts";
export { Metrics, type MetricsOptions } from "./telemetry/metrics.ts";
export type { Span, SpanAttributes, SpanEvent } from "./telemetry/span.ts";
export { Traces, type TracesOptions } from "./telemetry/traces.ts";
export type {
  Exemplar,
  ExponentialValue,
  HistogramValue,
  MetricFamily,
  MetricPoint,
  MetricSnapshot,
} from "./telemetry/snapshot.ts";
export type { MetricSource, PrometheusRegistry } from "./telemetry/source.ts";
export type { Http2Limits, Rate } from "./wire/http2/limits.ts";
export type { Runtime } from "./runtime/runtime.ts";
export { runDetached } from "./call/context.ts";
export { type Criticality, criticalityOf } from "./call/criticality.ts";
export type { ErrorName, ErrorOrigin, Retryability } from "./call/error-catalogue.ts";
export { HeddleError, isHeddleError } from "./call/errors.ts";
export { explain, explainText, type Explanation } from "./call/explain.ts";
export {
  type AttemptRecord,
  type CallPhase,
  type CallRecord,
  type CandidateRecord,
  type InheritedDeadline,
  type RecordedError,
  recordOf,
} from "./call/record.ts";
// The vocabulary is Connect's; these are its own, so that one import is enough.
export { Code, ConnectError } from "@connectrpc/connect";
export type { Client, HandlerContext, Interceptor, ServiceImpl, Transport } from "@connectrpc/connect";
